"""One, two and four workers on eight partitions: how the same actions are worked off together.

The workers of a group begin together, because the broker waits for all of them before it assigns anything. From the
first record in anyone's hands to the last one landed. With two cores for workers and broker, two workers cannot be
twice as fast.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.stage import Contender, Stage
from benchmarks.workloads import actions_of

WORKERS = (1, 2, 4)
PARTITIONS = 8
_ACTIONS = 60_000


def measure_workers(counts: Sequence[int] = WORKERS, actions: int = _ACTIONS) -> dict[str, object]:
    """Actions per second by number of workers."""
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="tierstream-workers-") as name:
        folder = Path(name)
        with Stage(folder, {"lines": actions_of("lines", actions)}, PARTITIONS) as stage:
            for count in counts:
                rates[str(count)] = round(stage.run(Contender("engine"), "lines", count).actions_per_s)
    return {"workers": rates, "workers_partitions": PARTITIONS}


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(measure_workers())).decode())  # noqa: T201 - a command's answer
