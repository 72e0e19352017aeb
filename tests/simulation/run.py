"""One seed, one run: draw the history and the faults, let them happen, let everything settle, judge."""

import gc
import logging
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NoReturn
from unittest.mock import patch

from loyalty.policy import parse_policy
from online_models import checkpoint
from online_models.conduct import ConductWatch
from online_models.models import Models
from streams import controls
from streams.logs import ROOT
from tests.simulation import hasty
from tests.simulation.clients import Consumer, Producer
from tests.simulation.cluster import Cluster
from tests.simulation.faults import Fault, Injector, draw_faults
from tests.simulation.oracle import judge
from tests.simulation.workload import DURATION_S, KEY, arrivals
from tests.simulation.world import SimulationError, World, this_process

_SETTLE_S = 90.0
_LATE_S = 1.0
_LOOK_S = 1.0
_NIGHTS = 0.3
_ACTIONS = 18

# The same as ever, once instead of each time.
_stamp_now = cache(checkpoint.stamp_now)
_parse_policy = cache(parse_policy)
_is_signed = lru_cache(maxsize=4_096)(controls.is_signed)


@dataclass(frozen=True)
class Outcome:
    """What a run came to: nothing wrong, or what, and the way there."""

    seed: int
    faults: tuple[Fault, ...]
    wrong: tuple[str, ...]
    trace: tuple[str, ...]
    steps: int
    deliveries: int

    @property
    def is_right(self) -> bool:
        """Whether all promises were kept."""
        return not self.wrong

    def __str__(self) -> str:
        """The trace of a failing run, for people."""
        return "\n".join(
            [
                f"seed {self.seed}: {len(self.wrong)} broken promises; faults of the run:",
                *(f"  {fault}" for fault in self.faults),
                "trace:",
                *(f"  {line}" for line in self.trace),
                "broken:",
                *(f"  {problem}" for problem in self.wrong[:12]),
            ]
        )


def faults_of(seed: int) -> list[Fault]:
    """The faults that a seed draws."""
    return draw_faults(random.Random(f"faults {seed}"))


def run(seed: int, faults: Sequence[Fault] | None = None) -> Outcome:
    """Run a seed, with its own faults or with some of them."""
    chosen = faults_of(seed) if faults is None else list(faults)
    world = World(seed)
    shape = random.Random(f"shape {seed}")
    cluster = Cluster(
        world,
        partitions=shape.choice((2, 2, 2, 3, 4)),
        workers=shape.randint(1, 3),
        trainers=shape.randint(1, 2),
        standby=shape.random() < 0.5,
    )
    with _simulated(cluster), _without_collector():
        try:
            wrong = _live(world, cluster, seed, chosen)
        finally:
            for process in world.processes:
                process.on_end = _nothing
                process.bury()
            world.forget()
    deliveries = sum(len(log.records) for log in cluster.broker.logs())
    return Outcome(seed, tuple(chosen), tuple(wrong), tuple(world.trace), world.steps, deliveries)


def _live(world: World, cluster: Cluster, seed: int, faults: Sequence[Fault]) -> list[str]:
    injector = Injector(cluster, random.Random(f"injector {seed}"))
    for arrival in arrivals(random.Random(f"history {seed}"), cluster.partitions, _ACTIONS):
        world.at(arrival.at_s, lambda arrival=arrival: cluster.arrive(arrival))  # type: ignore[misc]  # bound early
    for fault in faults:
        injector.plan(fault)
    cluster.start_all()
    try:
        world.run_until(DURATION_S)
        cluster.calm()
        # The last of what dead workers have sent arrives; then the next ticks come, as they always do.
        world.run_until(max(world.now, world.late_until) + _LATE_S)
        cluster.tick()
        if not _settles(world, cluster):
            return [*world.violations, f"not settled {_SETTLE_S} s after the last fault"]
        if injector.draw.random() < _NIGHTS:
            cluster.night(injector.draw)
            cluster.tick()
            if not _settles(world, cluster):
                return [*world.violations, f"not settled {_SETTLE_S} s after the night"]
        return [*world.violations, *judge(cluster)]
    except SimulationError as failure:
        return [*world.violations, str(failure)]


def _nothing() -> None:
    """Nobody is told."""


def _settles(world: World, cluster: Cluster) -> bool:
    end = world.now + _SETTLE_S
    while world.now < end and not cluster.is_settled():
        world.run_until(world.now + _LOOK_S)
    return cluster.is_settled()


@cache
def _freeze_modules() -> None:
    """What is there before the first run stays: the collector need not look at it after each."""
    gc.collect()
    gc.freeze()


@contextmanager
def _without_collector() -> Iterator[None]:
    """A run leaves many cycles and lives shortly: looking for them meanwhile takes a third of its time."""
    _freeze_modules()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            # A process may be killed between making a task and its first step.
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _simulated(cluster: Cluster) -> Iterator[None]:
    """Put the simulated ends in place of the real ones."""

    def end_process(what: str, failure: BaseException) -> NoReturn:
        process = this_process()
        if process.alive:
            cluster.ended_by(process, what, failure)
        process.end()

    replaced: list[tuple[str, Any]] = [
        ("streams.writers.AIOKafkaProducer", Producer),
        ("streams.changelog.AIOKafkaConsumer", Consumer),
        ("streams.agents.end_process", end_process),
        ("streams.lanes.end_process", end_process),
        ("streams.recovery.end_process", end_process),
        ("streams.ticker.end_process", end_process),
        ("streams.trainer.end_process", end_process),
        ("streams.lanes.FOLD_SECONDS", 0.0),
        ("streams.lanes._FEWEST_RECORDS", 3),
        ("streams.own_records.is_signed", _is_signed),
        ("streams.signatures._verifies", KEY.verifies),
        ("online_models.checkpoint.stamp_now", _stamp_now),
        ("online_models.checkpoint._PACKAGES", checkpoint._PACKAGES | {"tests"}),
        ("online_models.training.parse_policy", _parse_policy),
    ]
    with ExitStack() as stack:
        logger = logging.getLogger(ROOT)
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL + 1)
        for target, stand_in in replaced:
            stack.enter_context(patch(target, stand_in))
        stack.enter_context(patch.object(Models, "learn", hasty.learn))
        stack.enter_context(patch.object(Models, "propose", hasty.propose))
        stack.enter_context(patch.object(Models, "__reduce__", hasty.reduce))
        stack.enter_context(patch.object(ConductWatch, "__reduce__", hasty.reduce_conduct))
        yield


def shrink(outcome: Outcome) -> Outcome:
    """Leave out faults, one after another, until the run fails with all that are left and with no fewer."""
    smallest, position = outcome, 0
    while position < len(smallest.faults):
        fewer = [fault for place, fault in enumerate(smallest.faults) if place != position]
        attempt = run(outcome.seed, fewer)
        if attempt.is_right:
            position += 1
        else:
            smallest, position = attempt, 0
    return smallest
