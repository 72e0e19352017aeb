"""The processes of a campaign: workers and trainers that are started again when they end, as a supervisor would."""

import resource
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from benchmarks.ground import status_kib
from tests.chaos.journal import Journal
from tests.support.processes import READY, WorkerProcess, eventually

Role = Literal["worker", "trainer"]

_SUPERVISE_EVERY_S = 0.25
_RESTART_AFTER_S = 1.0
_STOP_S = 60.0


class Machine:
    """A place for one process, with a folder that outlives it.

    `wanted` tells whether the supervisor keeps it running; whoever holds `lock` is alone with it. `peak_mib` is the
    most resident memory that any of its processes has taken.
    """

    def __init__(self, name: str, role: Role, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.role = role
        self.folder = folder
        self.lock = threading.Lock()
        self.wanted = False
        self.ends: Counter[int] = Counter()
        self.peak_mib = 0
        self.process = WorkerProcess(folder, environment, ("tests.chaos.member_process", role))
        self._down_since = 0.0

    @property
    def running(self) -> bool:
        """Whether there is a live process."""
        return self.process.started and self.process.returncode is None

    def start(self, **more: str) -> None:
        """Start the process; what is left of the one before is put away first."""
        self.reap()
        if not self.process.started:
            self.process.start(**more)

    def kill(self) -> None:
        """SIGKILL."""
        if self.process.started:
            self.process.kill()
        self._down_since = time.monotonic()

    def stop(self) -> int | None:
        """SIGTERM, and wait; returns the exit code, None where it had to be killed."""
        if not self.running:
            self.reap()
            return 0
        try:
            code = self.process.stop(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None
        self.ends[code] += 1
        return code

    def reap(self) -> None:
        """Note how an ended process ended."""
        if self.process.started and self.process.returncode is not None:
            self.ends[self.process.wait()] += 1
            self._down_since = time.monotonic()

    @property
    def is_stopped(self) -> bool:
        """Whether the process stands still (SIGSTOP)."""
        if not self.running:
            return False
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(") ")[2][0] == "T"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process to take it."""
        if self.running:
            self.process.send_signal(number)

    def limit_files(self, size_bytes: int) -> None:
        """Let no file of the running process grow beyond this size: to it, the disk is full."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))

    def note_memory(self) -> None:
        """Look at how much memory the process has taken at most."""
        with suppress(FileNotFoundError, ProcessLookupError):
            self.peak_mib = max(self.peak_mib, status_kib(self.process.pid, "VmHWM:") // 1024)

    def lose_data(self) -> None:
        """The disk is gone."""
        shutil.rmtree(self.process.data, ignore_errors=True)

    def supervise(self) -> int | None:
        """Start it again if it should run and does not; returns the exit code of one that has ended by itself."""
        if not self.lock.acquire(blocking=False):
            return None
        try:
            if not self.wanted:
                return None
            if self.process.started and self.process.returncode is not None:
                code = self.process.returncode
                self.reap()
                return code
            if not self.process.started and time.monotonic() - self._down_since > _RESTART_AFTER_S:
                self.start()
            elif self.process.started:
                self.note_memory()
            return None
        finally:
            self.lock.release()


class Cast:
    """All machines and their supervisor; a context manager that leaves no process behind."""

    def __init__(self, machines: list[Machine], journal: Journal) -> None:
        self.machines = machines
        self._journal = journal
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        for machine in self.machines:
            machine.kill()

    def of(self, role: Role) -> list[Machine]:
        """The machines of a role, in order."""
        return [machine for machine in self.machines if machine.role == role]

    def want(self, role: Role, count: int) -> None:
        """Let so many machines of a role run, the first ones; the others stop in order."""
        for number, machine in enumerate(self.of(role)):
            with machine.lock:
                machine.wanted = number < count
                if machine.wanted and not machine.process.started:
                    machine.start()
                elif not machine.wanted and machine.running:
                    self._journal.say(f"{machine.name} stops: {machine.stop()}")

    def await_ready(self, within_s: float) -> None:
        """Wait until everybody who is wanted has become ready."""
        wanted = [machine for machine in self.machines if machine.wanted]
        eventually(lambda: all(machine.process.said(READY) for machine in wanted), within_s, "everybody is ready")

    @contextmanager
    def holding(self, machine: Machine) -> Iterator[Machine]:
        """Keep the supervisor away; at the end the machine runs again, if it is wanted."""
        with machine.lock:
            yield machine
            if machine.wanted:
                machine.start()

    def stop_all(self) -> dict[str, int | None]:
        """SIGTERM to everybody, one after another; returns the exit codes."""
        codes: dict[str, int | None] = {}
        for machine in self.machines:
            with machine.lock:
                machine.wanted = False
                if machine.running:
                    codes[machine.name] = machine.stop()
        return codes

    def _supervise(self) -> None:
        while not self._done.wait(_SUPERVISE_EVERY_S):
            for machine in self.machines:
                code = machine.supervise()
                if code is not None:
                    self._journal.say(f"{machine.name} ended by itself: {code}")
