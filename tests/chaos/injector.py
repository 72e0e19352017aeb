"""Lets the faults of processes, disks, clocks and the network happen."""

import random
import signal
import time
from collections.abc import Callable

from tests.chaos.cast import Cast, Machine
from tests.chaos.clocks import set_clock
from tests.chaos.damage import corrupt, truncate
from tests.chaos.faults import Fault, Happened, brokers_of
from tests.chaos.journal import Journal
from tests.chaos.member_process import FILE_LIMIT
from tests.chaos.network import Network
from tests.chaos.traps import Trap, clear_trap, set_trap

WORKERS = 2
"""As many run when nothing is being scaled."""

_TRAP_S = 25.0
_POLL_S = 0.05
# Smaller than any log file that RocksDB is writing by then.
_FULL_BYTES = 16 * 1024
_FULL_S = 20.0
_SCALE_S = 6.0
_DELAYS_S = (0.02, 0.1, 0.5)
# In the history's time two days are much, in a process's a second would be.
_CLOCK_STEPS_S = (-172_800.0, -3_600.0, -30.0, 30.0, 3_600.0, 172_800.0)


class Injector:
    """Faults, one after another.

    Args:
        cast: The processes.
        network: Their ways to the brokers.
        journal: Where to tell what came of traps.
        draw: Where damage strikes.
    """

    def __init__(self, cast: Cast, network: Network, journal: Journal, draw: random.Random) -> None:
        self._cast = cast
        self._network = network
        self._journal = journal
        self._draw = draw

    def happen(self, fault: Fault) -> Happened:
        """Let a fault happen and pass; returns what came of it."""
        kind = fault.kind
        if kind == "scale":
            return Happened(kind, self._scale())
        candidates = self._candidates("trainer" if "trainer" in kind or "checkpoint" in kind else "worker")
        machine = candidates[fault.number % len(candidates)]
        if kind.endswith("_at_step"):
            return self._trap(fault, candidates if machine.role == "trainer" else [machine])
        with self._cast.holding(machine):
            return Happened(kind, f"{machine.name} {self._hit(fault, machine)}")

    def _candidates(self, role: str) -> list[Machine]:
        return [machine for machine in self._cast.machines if machine.role == role and machine.wanted]

    def _hit(self, fault: Fault, machine: Machine) -> str:
        kind = fault.kind
        if kind.startswith("term"):
            return f"stopped: {machine.stop()}"
        if kind == "disk_full":
            return self._fill(fault, machine)
        if kind == "clock_step":
            step_s = _CLOCK_STEPS_S[int(fault.share * len(_CLOCK_STEPS_S))]
            set_clock(machine.folder, step_s)
            return f"{step_s:+.0f} s"
        if kind.startswith("pause"):
            machine.signal(signal.SIGSTOP)
            time.sleep(fault.lasts_s)
            machine.signal(signal.SIGCONT)
            return "goes on"
        if kind.startswith(("cut", "slow")):
            return self._disturb(fault, machine.name)
        machine.kill()
        return self._damage(fault, machine)

    def _damage(self, fault: Fault, machine: Machine) -> str:
        """What happens to the disk of a process that is dead."""
        match fault.kind.partition("_")[0]:
            case "lose":
                machine.lose_data()
                return "has lost its disk"
            case "truncate":
                return truncate(machine.process.data, self._draw)
            case "corrupt":
                return corrupt(machine.process.data, self._draw)
            case _:
                return "killed"

    def _disturb(self, fault: Fault, client: str) -> str:
        """Cut a process off from brokers, or slow its way to them, for a while."""
        brokers = brokers_of(fault)
        if fault.kind.startswith("slow"):
            delay_s = _DELAYS_S[int(fault.share * len(_DELAYS_S))]
            self._network.slow(client, brokers, delay_s)
            told = f"{delay_s} s further from {brokers}"
        else:
            self._network.cut(client, brokers, silently=fault.silently)
            told = f"cut off from {brokers}{', silently' if fault.silently else ''}"
        time.sleep(fault.lasts_s)
        self._network.heal(client)
        return told

    def _fill(self, fault: Fault, machine: Machine) -> str:
        """No file may grow any more, first for the process that runs, then for its successors."""
        machine.limit_files(_FULL_BYTES)
        ended = _within(_FULL_S, lambda: not machine.running)
        machine.reap()
        machine.kill()
        machine.start(**{FILE_LIMIT: str(_FULL_BYTES)})
        time.sleep(fault.lasts_s)
        again = not machine.running
        machine.reap()
        machine.kill()
        return f"full: {'ended' if ended else 'went on'}, its successor {'ended' if again else 'went on'}"

    def _trap(self, fault: Fault, machines: list[Machine]) -> Happened:
        """Lay a trap for each of them; the first to fall in is hit, the others go free.

        Where nobody comes by in time, one of them is killed where it stands, and that is what is counted.
        """
        for machine in machines:
            set_trap(machine.folder, Trap(fault.what, fault.point, fault.times))
        killed = sum(machine.ends[-signal.SIGKILL] for machine in machines)
        caught: list[Machine] = []

        def is_caught() -> bool:
            caught[:] = [each for each in machines if each.is_stopped]
            return bool(caught) or sum(machine.ends[-signal.SIGKILL] for machine in machines) > killed

        found = _within(_TRAP_S, is_caught)
        for machine in machines:
            clear_trap(machine.folder)
        if fault.what == "stop" and caught:
            time.sleep(fault.lasts_s)
        for machine in caught:
            machine.signal(signal.SIGCONT)
        if found:
            return Happened(fault.kind, "caught")
        victim = machines[0]
        with self._cast.holding(victim):
            victim.kill()
        return Happened("kill_worker" if victim.role == "worker" else "kill_trainer", "nobody came by: killed instead")

    def _scale(self) -> str:
        """1 -> 3 -> 1 workers, then as many as before."""
        for count in (1, 3, 1, WORKERS):
            self._cast.want("worker", count)
            self._journal.say(f"{count} workers")
            time.sleep(_SCALE_S)
        return "1 -> 3 -> 1 workers"


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
