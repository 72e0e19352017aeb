"""`python -m benchmarks.beside FOLDER`: the fold of this code beside that of another checkout, batch by batch in turn.

Each side is a process of its own that folds the same log into a store in memory, a batch when it is told to. They take
turns every few milliseconds, so whatever else the machine does hits both alike, and of each batch the shortest of all
rounds counts: differences of 2% show on a machine on which rates differ by half.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from benchmarks.workloads import WorkloadName, actions_of, log_of
from streams.collector import collect_seldom
from streams.members import DEFAULT_CACHED_MEMBERS
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold

_ROOT = Path(__file__).parents[1]
_BATCH_RECORDS = 250


class Side:
    """The code in a folder, folding in a process of its own."""

    def __init__(self, folder: Path, task: Sequence[str]) -> None:
        # -P: the folder of this file is no place to look for modules in, the one asked for is.
        command = [sys.executable, "-P", str(Path(__file__)), *task, "--serve"]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.batches = int(self._answer())
        self.best_us = [float("inf")] * self.batches

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def fold(self, batch: int) -> None:
        """Fold the next batch, which is the one of this number."""
        _pipe(self._process.stdin).write("\n")
        _pipe(self._process.stdin).flush()
        self.best_us[batch] = min(self.best_us[batch], float(self._answer()))

    def _answer(self) -> str:
        return _pipe(self._process.stdout).readline()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise ChildProcessError("the process has no pipes")
    return pipe


def turns(batches: int, rounds: int) -> Iterator[tuple[int, bool]]:
    """Which batch comes next in each round, and whether the other side begins this time.

    Example:
        >>> list(turns(2, 2))
        [(0, False), (1, True), (0, True), (1, False)]
    """
    for number in range(rounds):
        for batch in range(batches):
            yield batch, bool((number + batch) % 2)


def _serve(workload: WorkloadName, count: int, cached: int, tell: Callable[[str], None]) -> None:
    """Fold the log again and again, a batch for each line that comes in, and tell how many microseconds it took."""
    records = log_of(actions_of(workload, count))
    collect_seldom()
    tell(str(-(-len(records) // _BATCH_RECORDS)))
    while True:
        store = MemoryStore()
        fold = PartitionFold(0, b"bench", store, cached_members=cached)
        for at in range(0, len(records), _BATCH_RECORDS):
            if not sys.stdin.readline():
                return
            started = time.process_time()
            batch = fold.fold(records[at : at + _BATCH_RECORDS])
            store.write(batch.rows)
            fold.landed(batch.mark)
            tell(f"{(time.process_time() - started) * 1e6}")


def main() -> None:
    """Compare, and print CPU microseconds per action of both."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path, help="a checkout of the code to compare with")
    parser.add_argument("--here", type=Path, default=_ROOT, help="another checkout instead of this one")
    parser.add_argument("--workload", choices=["lines", "baskets", "browse"], default="lines")
    parser.add_argument("--count", type=int, default=8_000, help="actions (8,000)")
    parser.add_argument("--rounds", type=int, default=4, help="how often the log is folded by each (4)")
    parser.add_argument("--cached", type=int, default=DEFAULT_CACHED_MEMBERS, help="members in memory (20,000)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        _serve(asked.workload, asked.count, asked.cached, lambda text: print(text, flush=True))  # noqa: T201 - the answer
        return
    other, task = asked.folder.resolve(), [str(asked.folder.resolve())]
    for name in ("workload", "count", "cached"):
        task += [f"--{name}", str(getattr(asked, name))]
    with ExitStack() as stack:
        mine, theirs = (stack.enter_context(Side(folder, task)) for folder in (asked.here.resolve(), other))
        for batch, other_first in turns(mine.batches, asked.rounds):
            for side in (theirs, mine) if other_first else (mine, theirs):
                side.fold(batch)
    here_us, there_us = (sum(side.best_us) / asked.count for side in (mine, theirs))
    print(f"{asked.count:,} {asked.workload}: here {here_us:.1f} us, there {there_us:.1f} us per action")  # noqa: T201 - the answer of a command
    print(f"ratio {here_us / there_us:.3f}")  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
