"""The event loop of a simulated process, and what is in its queue."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from tests.simulation.world import Process

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")


class Callback(asyncio.TimerHandle):
    """A callback in a loop's queue; no context comes with it, for nothing here has context variables.

    Asyncio's own handles each copy a context and enter it, which took a tenth of a run.
    """

    __slots__ = ()

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        """It is left out when it is due."""
        self._cancelled = True


class ProcessLoop(asyncio.AbstractEventLoop):
    """The event loop of one process; its time is the world's."""

    def __init__(self, process: "Process") -> None:
        self.process = process
        self.world = process.world
        self.ready = process.ready
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        """Virtual seconds."""
        return self.world.now

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """As long as its process lives."""
        return self.process.alive

    def is_closed(self) -> bool:
        """With its process."""
        return not self.process.alive

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Errors that nobody asks for are those of processes that are gone."""

    def create_future(self) -> "asyncio.Future[Any]":
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # typeshed's signature depends on the Python version
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> "asyncio.Task[T]":
        """A task of this loop."""
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,  # noqa: ARG002 - asyncio's signature
    ) -> asyncio.Handle:
        """Queue a callback."""
        handle = Callback(callback, args)
        self.ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Queue a callback after a delay."""
        return self.call_at(self.world.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,  # noqa: ARG002 - asyncio's signature
    ) -> asyncio.TimerHandle:
        """Queue a callback at a virtual time."""
        handle = Callback(callback, args)
        self.world.at(when, self.process.deliver, handle)
        return handle


async def wait_for_end(task: "asyncio.Task[Any]", seconds: float) -> None:
    """As `asyncio.wait` with a timeout, which takes three times as long: processes do this once a second."""
    loop = asyncio.get_running_loop()
    looking: asyncio.Future[None] = loop.create_future()

    def look(_task: object = None) -> None:
        if not looking.done():
            looking.set_result(None)

    task.add_done_callback(look)
    timer = loop.call_later(seconds, look)
    try:
        await looking
    finally:
        timer.cancel()
        task.remove_done_callback(look)
