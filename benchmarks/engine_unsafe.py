"""Contender: Tierstream with its promise taken out, to see what it costs. Never offered to anyone.

Outputs are sent and not awaited, no changelog is written, rows go to the local store only: a crash loses and doubles.
"""

import asyncio
import sys
from typing import Any
from unittest.mock import patch

from benchmarks.contender import Meter, read_task
from benchmarks.metered import MeteredFold
from streams import app
from streams.changelog import Replay
from streams.commit import PartitionCommit
from streams.logs import configure_logs
from streams.records import Batch


class UnsafeCommit(PartitionCommit):
    """Sends and writes without waiting for anyone."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - as the base class's
        super().__init__(*args, **named)
        replay: Replay = args[2]
        self._rows = replay.store
        self._sending: set[asyncio.Task[None]] = set()

    async def commit(self, batch: Batch) -> None:
        """Start sending, write the rows, go on."""
        task = asyncio.create_task(self._writer.send_outputs(self.partition, batch.outputs))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        self._rows.write(batch.rows, self._rows.changelog_offset)


def main() -> None:
    """Work off the log of the task; ends the process."""
    task = read_task(sys.argv)
    settings = task.settings()
    configure_logs(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with patch.object(app, "PartitionCommit", UnsafeCommit):
        app.run_worker(settings, new_fold=MeteredFold.factory(task, Meter(task)))


if __name__ == "__main__":
    main()
