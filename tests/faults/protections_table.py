"""This shell under repeated kills, with protections taken away one by one: the second table of `make faust-report`."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.support.processes import eventually
from tests.support.topic_reader import ends, read_topic
from tests.support.toy_oracle import RIGHT, Verdict, judge, newest_mark
from tests.support.toy_run import SteadyProducer, ToyRun

RUNS = 3
KILLS = 4
PER_SECOND = 2_000
_PROGRESS = 500
_WAIT_S = 60.0
_GUARDED = "offsets jump: reading again from the mark"

HEAD = f"""
## Protections taken away

Two workers of this shell, {PER_SECOND:,} records a second, {KILLS} kills -9 a run, some of them with the store lost.
Exact means that the outputs and the rows left are those of an undisturbed fold over the same log. The guard is what
does not believe a jump of offsets; the order is that recovery seeks before it lets records flow, and stock Faust's is
the other way round. Marks, awaited writes and derived ids are there in every line.

| shell | exact runs | outputs lost | rows wrong | jumps not believed |
|---|---|---|---|---|
"""


class Rung(NamedTuple):
    """A line of the table: what is taken away."""

    what: str
    without: Sequence[str]


LADDER = (
    Rung("without the guard, in stock Faust's order", ("flow_before_seek", "jumps_believed")),
    Rung("with the guard, in stock Faust's order", ("flow_before_seek",)),
    Rung("as it is", ()),
)


class Outcome(NamedTuple):
    """What one run left behind."""

    verdict: Verdict
    jumps: int


def climb(bootstrap: str, folder: Path) -> Iterator[tuple[Rung, str, bool]]:
    """Lines as they are found: what was taken away, a row of the table, and whether every run was exact."""
    for number, rung in enumerate(LADDER):
        outcomes = [under_kills(bootstrap, f"rung-{number}-{seed}", folder, rung.without, seed) for seed in range(RUNS)]
        exact = sum(outcome.verdict == RIGHT for outcome in outcomes)
        lost = sum(outcome.verdict.missing_outputs for outcome in outcomes)
        wrong = sum(outcome.verdict.wrong_rows for outcome in outcomes)
        jumps = sum(outcome.jumps for outcome in outcomes)
        row = f"| {rung.what} | {exact} of {RUNS} | {lost:,} | {wrong:,} | {jumps} |"
        yield rung, row, exact == RUNS


def under_kills(bootstrap: str, prefix: str, folder: Path, without: Sequence[str], seed: int) -> Outcome:
    """One run: kill now the one, now the other, then let them finish."""
    run = ToyRun(bootstrap, prefix)
    draw = random.Random(seed)
    workers = [run.worker(folder / f"{prefix}-{name}", TOY_SABOTAGE=",".join(without)) for name in ("one", "two")]
    with workers[0].start(), workers[1].start():
        with SteadyProducer(run, PER_SECOND, seed=seed):
            for number in range(KILLS):
                patiently(partial(run.has_applied, run.applied() + _PROGRESS))
                time.sleep(draw.uniform(0, 0.5))
                victim = workers[number % 2]
                victim.kill()
                if number % 4 >= 2:
                    victim.lose_data()
                victim.start()
        patiently(partial(has_landed, run))
        return Outcome(judge(bootstrap, prefix), sum(worker.said(_GUARDED) for worker in workers))


def has_landed(run: ToyRun) -> bool:
    """Whether every action is in the rows; what is committed says little where protections are missing."""
    log_ends = ends(run.bootstrap, run.actions)
    changelog = read_topic(run.bootstrap, f"{run.prefix}-members-changelog")
    marks = {number: newest_mark([(m.key(), m.value()) for m in messages]) for number, messages in changelog.items()}
    return all(marks[number] == end - 1 for number, end in log_ends.items())


def patiently(holds: Callable[[], bool]) -> None:
    """Wait, and go on after a while: a run that stands still is judged as it stands."""
    try:
        eventually(holds, _WAIT_S, "")
    except AssertionError:
        return
