"""`python -m tests.chaos.soak --minutes 20`: half the maximum load for a while; memory, file handles and lag stay flat.

First it finds out how many actions a second these processes manage on this machine, then it sends half as many. Samples
and verdict are in `out/soak/report.json`; the exit code is 0 only if everything is flat.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec

from features.errors import BrokerError
from streams.progress import Progress
from tests.chaos.campaign import helper
from tests.chaos.cast import Cast, Machine
from tests.chaos.injector import WORKERS
from tests.chaos.report import write_report
from tests.chaos.stage import Stage, set_up
from tests.support.processes import WorkerProcess, eventually

_CALIBRATION_ACTIONS = 20_000
_READY_S = 180.0
_SETTLE_S = 900.0
_EVERY_S = 5.0
_QUARTERS = 4
# What a quarter of the run may lie above an earlier one and still pass for flat: members come, caches fill.
_MORE_MEMORY_SHARE = 0.10
_MORE_MEMORY_BYTES = 32 * 1024 * 1024
_MORE_FILES = 8
_LAG_S = 5.0
_SEED = 1
# The history of a soak: a year, so that by the end of the first quarter members remember as much as they ever will. The
# longest window of their features is 90 days, orders and lots are gone after 30 and 35.
_DAYS = 360


class Sample(msgspec.Struct, frozen=True):
    """One look: seconds since the load began, records not applied yet, and per process bytes and open files."""

    at_s: float
    lag: int
    memory_bytes: dict[str, int]
    files: dict[str, int]


class Soaked(msgspec.Struct, frozen=True):
    """What `out/soak/report.json` holds; `not_flat` is empty in a right run."""

    minutes: float
    maximum_per_s: float
    rate_per_s: float
    actions: int
    not_flat: list[str]
    restarts: int
    samples: list[Sample]


def is_flat(values: Sequence[float], more: float) -> bool:
    """Whether the last quarter lies at most `more` above the second one; the first quarter warms up.

    Example:
        >>> is_flat([0, 9, 10, 10, 11, 10, 10, 12], 2), is_flat([1, 2, 3, 4, 5, 6, 7, 8], 2)
        (True, False)
    """
    quarter = max(1, len(values) // _QUARTERS)
    return median(values[-quarter:]) <= median(values[quarter : 2 * quarter] or values) + more


def judge(samples: Sequence[Sample], rate_per_s: float) -> list[str]:
    """Names what grows."""
    if not samples:
        return ["nothing was sampled"]
    found = [] if is_flat([sample.lag for sample in samples], _LAG_S * rate_per_s) else ["lag"]
    for name in samples[-1].memory_bytes:
        memory = [sample.memory_bytes.get(name, 0) for sample in samples]
        if not is_flat(memory, _MORE_MEMORY_SHARE * median(memory) + _MORE_MEMORY_BYTES):
            found.append(f"memory of {name}")
        if not is_flat([sample.files.get(name, 0) for sample in samples], _MORE_FILES):
            found.append(f"files of {name}")
    return found


def main() -> int:
    """Find the maximum, run at half of it, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long the load lasts")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="where report and logs go")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    with set_up(options.out / "maximum", "maximum") as stage:
        maximum_per_s = _maximum(stage)
    rate_per_s = maximum_per_s / 2
    actions = int(rate_per_s * 60 * options.minutes)
    with set_up(options.out / "soak", "soak") as stage:
        samples, restarts = _soak(stage, actions, 60 * options.minutes)
    not_flat = judge(samples, rate_per_s)
    soaked = Soaked(
        options.minutes, round(maximum_per_s, 1), round(rate_per_s, 1), actions, not_flat, restarts, samples
    )
    write_report(options.out / "report.json", soaked)
    sys.stdout.write(
        f"{actions} actions at {rate_per_s:.0f}/s, {restarts} restarts, not flat: {not_flat or 'nothing'}\n"
    )
    return 1 if not_flat or restarts else 0


def _maximum(stage: Stage) -> float:
    """Actions a second that the workers manage when all of them wait at once."""
    with Cast(stage.machines(), stage.journal) as cast:
        _start(cast)
        begin = time.monotonic()
        stage.begin_history(1.0, _DAYS)
        with _producer(stage, _CALIBRATION_ACTIONS, 0.0) as producer:
            _end(producer)
            _settle(stage)
        per_s = _CALIBRATION_ACTIONS / (time.monotonic() - begin)
        stage.journal.say(f"{per_s:.0f} actions/s at most")
        cast.stop_all()
    return per_s


def _soak(stage: Stage, actions: int, seconds: float) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    with ExitStack() as stack:
        cast = stack.enter_context(Cast(stage.machines(), stage.journal))
        _start(cast)
        stage.begin_history(seconds, _DAYS)
        progress = stack.enter_context(Progress(stage.settings))
        producer = stack.enter_context(_producer(stage, actions, seconds))
        begin = time.monotonic()
        while producer.returncode is None:
            time.sleep(_EVERY_S)
            samples.append(_look(time.monotonic() - begin, progress, cast.machines))
        _end(producer)
        _settle(stage)
        restarts = sum(sum(machine.ends.values()) for machine in cast.machines)
        cast.stop_all()
    return samples, restarts


def _look(at_s: float, progress: Progress, machines: Sequence[Machine]) -> Sample:
    running = [machine for machine in machines if machine.running]
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    memory: dict[str, int] = {}
    files: dict[str, int] = {}
    for machine in running:
        place = Path(f"/proc/{machine.process.pid}")
        memory[machine.name] = int((place / "statm").read_text(encoding="ascii").split()[1]) * page_bytes
        files[machine.name] = len(list((place / "fd").iterdir()))
    return Sample(round(at_s, 1), progress.lag(), memory, files)


def _start(cast: Cast) -> None:
    cast.want("worker", WORKERS)
    cast.want("trainer", 1)
    cast.await_ready(_READY_S)


def _producer(stage: Stage, actions: int, seconds: float) -> WorkerProcess:
    return helper(stage, "producer", str(_SEED), str(actions), str(seconds), str(_DAYS)).start()


def _end(producer: WorkerProcess) -> None:
    if producer.wait(_SETTLE_S) != 0:
        raise BrokerError(f"the producer failed: {producer.log.read_text(errors='replace')[-1_000:]}")


def _settle(stage: Stage) -> None:
    with Progress(stage.settings) as progress:
        eventually(progress.is_settled, _SETTLE_S, "everything is decided, learned and adopted")


if __name__ == "__main__":
    sys.exit(main())
