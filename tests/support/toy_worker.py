"""A worker process with the toy fold: `python -m tests.support.toy_worker`, settings from the environment.

`TOY_FAULT` is `kill:STEP:N`, `stop:STEP:N` or `raise:STEP:N`: what happens the N-th time a commit reaches a step, or
the point `sending`, right before state goes to the changelog. `TOY_SABOTAGE` names protections to work without. With
`TOY_ON_DISK` each row is on the disk when it is written, as any row may be at any time.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from streams.app import run_worker
from streams.logs import configure_logs
from streams.settings import Settings
from streams.stores import RocksPartition
from streams.stores import Rows as StoredRows
from streams.writers import BatchWriter, Rows
from tests.support.toy_fold import ToyFold

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class PlannedError(Exception):
    """A bug, as planned."""


def fault_hook(plan: str) -> Callable[[str, int], None]:
    """A hook that does as planned to this process, "" for nothing."""
    what, _, when = plan.partition(":")
    planned_step, _, times = when.partition(":")
    seen: Counter[str] = Counter()

    def hook(step: str, _partition: int) -> None:
        seen[step] += 1
        if step == planned_step and seen[step] == int(times):
            if what == "raise":
                raise PlannedError(plan)
            os.kill(os.getpid(), _SIGNALS[what])

    return hook


def without(protections: str) -> ExitStack:
    """Take protections away, named with commas between them, "" for none."""
    taken_away = ExitStack()
    for name in filter(None, protections.split(",")):
        from tests.simulation import sabotage  # noqa: PLC0415 - the simulation takes a second to load

        taken_away.enter_context(getattr(sabotage, name)())
    return taken_away


def tell_sending(hook: Callable[[str], None]) -> None:
    """Call `hook` before each state batch is sent."""
    send_state = BatchWriter.send_state

    async def tell_and_send(self: BatchWriter, partition: int, rows: Rows, mark: int) -> int:
        hook("sending")
        return await send_state(self, partition, rows, mark)

    BatchWriter.send_state = tell_and_send  # type: ignore[method-assign]  # the product has no hook for this


def flush_each_write() -> None:
    """Leave nothing of the stores in memory alone."""
    write = RocksPartition.write

    def write_through(self: RocksPartition, rows: StoredRows, changelog_offset: int) -> None:
        write(self, rows, changelog_offset)
        self._db.flush()

    RocksPartition.write = write_through  # type: ignore[method-assign]  # RocksDB chooses the moment itself


if __name__ == "__main__":
    configure_logs("info")
    if os.environ.get("TOY_ON_DISK"):
        flush_each_write()
    fault = fault_hook(os.environ.get("TOY_FAULT", ""))
    tell_sending(lambda step: fault(step, 0))
    with without(os.environ.get("TOY_SABOTAGE", "")):
        run_worker(
            Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}),
            new_fold=ToyFold,
            hook=fault,
        )
