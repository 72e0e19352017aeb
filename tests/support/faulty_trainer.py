"""A trainer that is killed at a point of its work: `python -m tests.support.faulty_trainer trainer`.

`TRAINER_DIES_BEFORE` is `finding`, before the first finding that it would make known, or `sending`, between a finding
that it has made known and what follows from it for the member.
"""

import os
import signal

from streams.app import run_trainer
from streams.logs import configure_logs
from streams.settings import Settings
from streams.writers import RecordWriter


def die_before(point: str) -> None:
    """From now on kill this process at that point; empty for never."""
    append, found = RecordWriter.append, False

    async def append_or_die(
        self: RecordWriter,
        topic: str,
        partition: int,
        value: bytes,
        *,
        key: bytes | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        nonlocal found
        is_finding = topic.endswith("findings")
        if point == ("finding" if is_finding else "sending") and (is_finding or found):
            os.kill(os.getpid(), signal.SIGKILL)
        found = found or is_finding
        return await append(self, topic, partition, value, key=key, timestamp_ms=timestamp_ms)

    RecordWriter.append = append_or_die  # type: ignore[method-assign]  # the product has no hook for this


if __name__ == "__main__":
    configure_logs("info")
    die_before(os.environ.get("TRAINER_DIES_BEFORE", ""))
    run_trainer(
        Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")})
    )
