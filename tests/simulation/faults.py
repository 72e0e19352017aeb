"""The faults that a seed draws, each at its time; a failing run is repeated with fewer of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from streams.commit import Step
from tests.simulation.cluster import Cluster, Machine
from tests.simulation.workload import DURATION_S

Kind = Literal[
    "kill",
    "kill_soon",
    "kill_at_step",
    "pause_at_step",
    "power_failure",
    "lose_disk",
    "pause",
    "cut",
    "deafen",
    "slow",
    "lossy",
    "rebalance",
    "stop",
    "start",
    "stale_fetch",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
STEPS: tuple[Step, ...] = get_args(Step)
# Crashes of one process, and processes that come back from the dead, are what most protections are for.
_WEIGHTS = {
    "kill_soon": 4,
    "kill_at_step": 4,
    "pause_at_step": 4,
    "pause": 3,
    "cut": 2,
    "deafen": 2,
    "power_failure": 2,
    "stale_fetch": 2,
}
_WORKER_SHARE = 0.7


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at a virtual time.

    `machine` is a kind and a number, taken modulo the machines of that kind; `count` is a number of callbacks or steps
    to wait for.
    """

    at_s: float
    kind: Kind
    machine: tuple[str, int]
    lasts_s: float
    count: int
    step: Step

    def __str__(self) -> str:
        """One line of a trace."""
        more = {
            "kill_soon": f" after {self.count} callbacks",
            "kill_at_step": f" at step `{self.step}`, after {self.count % 4} others",
            "pause_at_step": f" at step `{self.step}`, after {self.count % 4} others, for {self.lasts_s:.1f} s",
            "pause": f" after {self.count} callbacks, for {self.lasts_s:.1f} s",
            "cut": f" for {self.lasts_s:.1f} s",
            "deafen": f" for {self.lasts_s:.1f} s",
            "slow": f" for {self.lasts_s:.1f} s",
            "lossy": f" for {self.lasts_s:.1f} s",
        }.get(self.kind, "")
        return f"{self.at_s:8.3f}s  {self.kind} {self.machine[0]} {self.machine[1]}{more}"


def draw_faults(
    draw: random.Random, kinds: Sequence[Kind] = KINDS, workers: float = _WORKER_SHARE, most: int = 8
) -> list[Fault]:
    """Some faults of some kinds, in order of time; a share of `workers` hits workers, the others trainers."""
    weights = [_WEIGHTS.get(kind, 1) for kind in kinds]
    return sorted(
        (
            Fault(
                at_s=round(draw.uniform(0.5, DURATION_S), 3),
                kind=draw.choices(kinds, weights)[0],
                machine=("worker" if draw.random() < workers else "trainer", draw.randrange(3)),
                lasts_s=round(draw.choice((0.5, 2.0, 8.0, 16.0)) * draw.uniform(0.5, 1.5), 3),
                count=draw.randrange(40),
                step=draw.choice(STEPS),
            )
            for _ in range(draw.randint(3, most))
        ),
        key=lambda fault: fault.at_s,
    )


class Injector:
    """Lets faults happen in a cluster."""

    def __init__(self, cluster: Cluster, draw: random.Random) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self.draw = draw

    def plan(self, fault: Fault) -> None:
        """Let `fault` happen at its time."""
        self._world.at(fault.at_s, lambda: self._happen(fault))

    def _happen(self, fault: Fault) -> None:
        kind, number = fault.machine
        machines = [machine for machine in self._cluster.machines if machine.kind == kind]
        machine = machines[number % len(machines)]
        self._world.note(f"FAULT {str(fault)[11:]} ({machine.name})")
        getattr(self, f"_{fault.kind}")(fault, machine)

    def _kill(self, _fault: Fault, machine: Machine) -> None:
        if machine.process is not None:
            machine.process.die()

    def _kill_soon(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None and process.alive:
            process.fuse(fault.count, process.die)

    def _kill_at_step(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None and process.alive:
            machine.steps.append((process, fault.step, fault.count % 4, process.end))

    def _pause_at_step(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None and process.alive:

            def pause() -> None:
                process.pause()
                self._world.after(fault.lasts_s, process.resume)

            machine.steps.append((process, fault.step, fault.count % 4, pause))

    def _power_failure(self, fault: Fault, machine: Machine) -> None:
        self._kill(fault, machine)
        machine.disk.lose_power(self.draw)

    def _lose_disk(self, fault: Fault, machine: Machine) -> None:
        self._kill(fault, machine)
        machine.disk.lose()

    def _pause(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None and process.alive:
            process.fuse(fault.count, process.pause)
            self._world.after(fault.lasts_s, process.resume)

    def _cut(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None:
            process.cut = True
            self._world.after(fault.lasts_s, lambda: setattr(process, "cut", False))

    def _deafen(self, fault: Fault, machine: Machine) -> None:
        process = machine.process
        if process is not None:
            process.deaf = True
            self._world.after(fault.lasts_s, lambda: setattr(process, "deaf", False))

    def _slow(self, fault: Fault, _machine: Machine) -> None:
        self._world.slow_until = self._world.now + fault.lasts_s

    def _lossy(self, fault: Fault, _machine: Machine) -> None:
        self._world.lossy_until = self._world.now + fault.lasts_s

    def _rebalance(self, _fault: Fault, machine: Machine) -> None:
        (self._cluster.members if machine.kind == "worker" else self._cluster.trainers).rebalance()

    def _stop(self, _fault: Fault, machine: Machine) -> None:
        """SIGTERM, for good: scaling down."""
        machine.wanted = False
        if machine.runtime is not None and machine.process is not None and machine.process.alive:
            machine.runtime.stop()

    def _start(self, _fault: Fault, machine: Machine) -> None:
        """Scaling up."""
        machine.wanted = True
        self._cluster.start(machine)

    def _stale_fetch(self, fault: Fault, machine: Machine) -> None:
        """A rebalance, after which the first fetch is from before the seek."""
        machine.stale_fetches += 1
        if machine.runtime is not None:
            machine.runtime.consumer.stale_fetches += 1
        self._rebalance(fault, machine)
