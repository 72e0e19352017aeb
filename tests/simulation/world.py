"""The scheduler: one seed decides all that happens, in virtual time.

Each simulated process has an event loop of its own, so that killing one is forgetting its loop, and stopping one is not
running it. Whatever passes between processes is an event of the world with a drawn delay; a process runs until it waits
for one. Running it to that point at once loses nothing: in between it can neither see nor be seen.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from tests.simulation.loop import Callback, ProcessLoop

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")


class ProcessEnded(BaseException):
    """Ends the code that runs in a process that is no more; nothing of it may catch this."""


class SimulationError(Exception):
    """The simulation itself went wrong: a fault of the tests, not of what they test."""


class World:
    """Virtual time, the events to come, and the trace of what happened.

    Args:
        seed: Draws everything that is not a fault: delays, sizes, who gets which partition.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.steps = 0
        self.calm = False  # no more faults: answers come, nothing is late
        self.slow_until = 0.0
        self.lossy_until = 0.0
        self.late_until = 0.0  # by then everything that was sent with faults about has arrived
        self.processes: list[Process] = []
        self.trace: list[str] = []
        self.violations: list[str] = []
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = 0
        self.names = count()  # of clients

    def at(self, when: float, event: Callable[[*_Ts], object], *args: *_Ts) -> None:
        """Let `event` happen at a virtual time."""
        self._numbers = number = self._numbers + 1
        heappush(self._events, (when, number, event, args))

    def after(self, delay: float, event: Callable[[*_Ts], object], *args: *_Ts) -> None:
        """Let `event` happen after a delay."""
        self._numbers = number = self._numbers + 1
        heappush(self._events, (self.now + delay, number, event, args))

    def run_until(self, end: float) -> None:
        """Let everything happen that is due before `end`."""
        events = self._events
        while events and events[0][0] <= end:
            when, _, event, args = heappop(events)
            self.now = max(self.now, when)
            self.steps += 1
            event(*args)
        self.now = max(self.now, end)

    def forget(self) -> None:
        """Let nothing happen any more: what is still to come holds on to everything that was."""
        self._events.clear()

    def latency(self) -> float:
        """How long a message takes, in seconds; now and then very long, as from a client that is given up for dead."""
        draw = self.random.random()
        if self.calm:
            return 0.001 + 0.01 * draw
        if self.now < self.slow_until:
            delay = 0.05 + 2.0 * draw
        else:
            delay = 0.001 + 0.04 * draw if draw < 0.99 else 8.0 * self.random.random()
        self.late_until = max(self.late_until, self.now + delay)
        return delay

    def loses(self) -> bool:
        """Whether an answer is lost."""
        return not self.calm and self.random.random() < (0.3 if self.now < self.lossy_until else 0.01)

    def note(self, text: str) -> None:
        """Write a line into the trace."""
        self.trace.append(f"{self.now:8.3f}s  {text}")

    def violate(self, text: str) -> None:
        """Note that a promise is broken."""
        self.note(f"VIOLATION {text}")
        self.violations.append(text)


class Process:
    """One incarnation of an operating system process."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.paused = False
        self.cut = False  # reaches nobody
        self.deaf = False  # reaches everybody but the group coordinator
        self.ready: deque[Callback] = deque()
        self.loop = ProcessLoop(self)  # type: ignore[abstract]  # sockets, signals and threads are not simulated
        self.on_end: Callable[[], None] = lambda: None
        self._fuse: tuple[int, Callable[[], None]] | None = None
        world.processes.append(self)

    def start(self, main: Coroutine[Any, Any, None]) -> None:
        """Begin with `main`."""
        self.spawn(main)
        self.run()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside the rest; an error in it is one of the simulation."""

        async def guarded() -> None:
            try:
                await work
            except Exception as failure:
                raise SystemExit(f"{self.name}: {failure!r}") from failure

        self.loop.create_task(guarded())

    def deliver(self, callback: Callback) -> None:
        """Something has happened that the process waits for."""
        if self.alive and not callback._cancelled:
            self.ready.append(callback)
            self.run()

    def tell(self, callback: Callable[[*_Ts], object], *args: *_Ts) -> None:
        """Run a callback in the process."""
        if self.alive:
            self.ready.append(Callback(callback, args))
            self.run()

    def run(self) -> None:
        """Run until everything waits."""
        if self.paused or asyncio._get_running_loop() is self.loop:
            return  # it is running already, and told itself
        ready = self.ready
        asyncio._set_running_loop(self.loop)
        try:
            while ready and self.alive and not self.paused:
                callback = ready.popleft()
                if not callback._cancelled:
                    self._call(callback)
                    if self._fuse is not None:
                        self._burn(*self._fuse)
        finally:
            asyncio._set_running_loop(None)

    @staticmethod
    def _call(callback: Callback) -> None:
        try:
            callback._callback(*callback._args)
        except SystemExit as failure:
            raise SimulationError(str(failure)) from failure
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001, S110 - errors that nobody asks for are those of processes that are gone
            pass

    def _burn(self, left: int, act: Callable[[], None]) -> None:
        self._fuse = (left - 1, act) if left else None
        if not left:
            act()

    def fuse(self, callbacks: int, act: Callable[[], None]) -> None:
        """Do `act` after so many more callbacks: a crash or a stop at any point where the process waits."""
        self._fuse = (callbacks, act)

    def unfuse(self) -> None:
        """Nothing happens after all."""
        self._fuse = None

    def pause(self) -> None:
        """SIGSTOP."""
        self.paused = True

    def resume(self) -> None:
        """SIGCONT."""
        self.paused = False
        self.run()

    def die(self) -> None:
        """SIGKILL; what it has sent may still arrive."""
        if self.alive:
            self.alive = False
            self.ready.clear()
            self.on_end()

    def bury(self) -> None:
        """Close what its tasks were at, in the process's own loop; nothing of it reaches the world any more."""
        self.die()
        asyncio._set_running_loop(self.loop)
        try:
            for task in self.loop.tasks:
                if not task.done():
                    with suppress(ProcessEnded, RuntimeError):
                        task.get_coro().close()
        finally:
            asyncio._set_running_loop(None)
        self.loop.tasks.clear()

    def end(self) -> NoReturn:
        """Exit from within."""
        self.die()
        raise ProcessEnded

    # Messages to the outside and back

    async def ask(self, answer: Callable[[], T], *, coordinator: bool = False, within_s: float = 5.0) -> T:
        """Send a question, come back with the answer.

        Raises:
            TimeoutError: nobody answered.
        """
        future: asyncio.Future[T] = self.loop.create_future()
        world = self.world

        def reached() -> None:
            if self.reaches(coordinator=coordinator):
                result = answer()
                world.after(world.latency(), self.tell, answered, result)

        def answered(result: T) -> None:
            if not future.done() and self.reaches(coordinator=coordinator):
                future.set_result(result)

        world.after(world.latency(), reached)
        world.after(within_s, self._give_up, future)
        return await future

    def _give_up(self, question: "asyncio.Future[Any]") -> None:
        if not question.done():
            self.tell(_unanswered, question)

    def reaches(self, *, coordinator: bool = False) -> bool:
        """Whether messages get through."""
        return self.alive and not self.cut and not (coordinator and self.deaf)


def _unanswered(question: "asyncio.Future[Any]") -> None:
    if not question.done():
        question.set_exception(TimeoutError())


def this_process() -> Process:
    """The process whose code is running."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, ProcessLoop):
        raise SimulationError("no simulated process is running")
    return loop.process
