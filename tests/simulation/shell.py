"""Faust as far as our shell sees it: an assignment, batches of records in a bounded queue, and who is told when.

`streams.agents`, `commit`, `recovery`, `writers` and `trainer` run on it unchanged.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self

from faust.types import TP
from mode.utils.queues import FlowControlEvent

from streams.batches import BatchScheduler, RecordBatch
from streams.recovery import Recovery
from tests.simulation.broker import Broker
from tests.simulation.clients import fetch
from tests.simulation.group import HEARTBEAT_S, Assignment, Group
from tests.simulation.loop import wait_for_end
from tests.simulation.world import Process

_BUFFERED_BATCHES = 4
_POLL_S = 2.0
_LOOK_S = 0.1
_JOIN_S = 20.0


@dataclass
class Message:
    """A batch on its way to the agent."""

    tp: TP
    offset: int
    generation_id: int
    acked: bool = False

    @property
    def partition(self) -> int:
        """The source partition."""
        return int(self.tp.partition)

    def ack(self, consumer: "FaustConsumer") -> None:
        """The batch is done."""
        self.acked = True
        consumer.on_ack(self.partition, self.offset)


@dataclass
class Event:
    """What the agent gets."""

    message: Message
    value: Any


class Stream:
    """The agent's stream."""

    def __init__(self, queue: "asyncio.Queue[Event]", started: list[Message]) -> None:
        self._queue = queue
        self._started = started

    def noack(self) -> Self:
        """Nothing is acknowledged on its own."""
        return self

    async def events(self) -> AsyncIterator[Event]:
        """Events as they come."""
        while True:
            event = await self._queue.get()
            self._started[:] = [message for message in self._started if not message.acked]
            self._started.append(event.message)
            yield event


class FaustConsumer:
    """Positions and flow of one process's consumer."""

    def __init__(self, process: Process, on_ack: Callable[[int, int], None]) -> None:
        self._process = process
        self.on_ack = on_ack
        self.positions: dict[TP, int] = {}
        self.stale: dict[TP, int] = {}  # positions before a seek, that one more fetch may come from
        self.flow = asyncio.Event()
        self.stale_fetches = 0
        self.seeks = 0

    async def seek(self, tp: TP, offset: int) -> None:
        """Read on from there."""
        await asyncio.sleep(0)
        self.positions[tp] = offset

    async def seek_wait(self, positions: Mapping[TP, int]) -> None:
        """Read on from there, all of them."""
        await asyncio.sleep(0)
        if self.stale_fetches:
            self.stale_fetches -= 1
            draw = self._process.world.random
            self.stale = {tp: max(0, at + draw.randint(-4, 4)) for tp, at in positions.items()}
        self.positions = dict(positions)
        self.seeks += 1

    async def leave_unread(self, partitions: Collection[TP]) -> None:
        """Nothing of the changelog is read here."""

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """No action is ever deleted."""
        return dict.fromkeys(partitions, 0)

    def note_applied(self, positions: Mapping[TP, int]) -> None:
        """What is committed only shows lag."""

    def resume_partitions(self, partitions: set[TP]) -> None:
        """All that have a position are read."""

    def resume_flow(self) -> None:
        """Let records come."""
        self.flow.set()


def _nothing(*_: object) -> None:
    """Faust has more to do here than is simulated."""


async def _later_nothing(*_: object) -> None:
    """As `_nothing`."""


@dataclass
class FaustApp:
    """What the shell uses of a Faust app."""

    consumer: FaustConsumer
    standbys: set[TP] = field(default_factory=set)
    consumer_generation_id: int = 0
    in_recovery: bool = False

    def __post_init__(self) -> None:
        """Signals and services that nobody here listens to."""
        self.assignor = SimpleNamespace(assigned_standbys=lambda: self.standbys)
        self.on_rebalance_complete = SimpleNamespace(send=_later_nothing)
        self.flow_control = FlowControlEvent(initially_suspended=True)
        self._fetcher = SimpleNamespace(maybe_start=_later_nothing)
        self.tables = SimpleNamespace(on_actives_ready=_nothing, on_standbys_ready=_nothing)

    def on_rebalance_end(self) -> None:
        """Faust notes the time."""


class Runtime:
    """Runs one agent in one process: joins the group, follows assignments, fetches, hands over.

    Args:
        process: The process.
        broker: The log.
        group: The consumer group.
        topics: The source topic, and the changelog where there is one.
        consumer: Positions and flow.
        app: The app that the shell was built with.
        recovery: The shell's recovery.
        run: The agent.
        max_records: How many records make a batch.
    """

    def __init__(
        self,
        process: Process,
        broker: Broker,
        group: Group,
        topics: tuple[str, str | None],
        app: FaustApp,
        recovery: Recovery,
        *,
        run: Callable[[Stream], Awaitable[None]],
        drained: Callable[[], Awaitable[None]],
        max_records: int,
    ) -> None:
        self._process = process
        self._broker = broker
        self._group = group
        self._topic, self._changelog = topics
        self._app = app
        self.consumer = app.consumer
        self._recovery = recovery
        self._run = run
        self._drained = drained
        self._scheduler = BatchScheduler(max_records)
        self._max_records = max_records
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_BUFFERED_BATCHES)
        self._putting: asyncio.Task[None] | None = None
        self._started: list[Message] = []
        self._stopping = asyncio.Event()
        self._stopped: asyncio.Task[bool] | None = None
        self.assigned: frozenset[int] = frozenset()

    async def main(self) -> None:
        """Live until told to stop."""
        self._process.spawn(self._fetch())
        self._process.spawn(self._agent())
        while not self._stopping.is_set():
            await self._join()
            while await self._may_go_on():
                await self._pass(HEARTBEAT_S)
                if self._stopping.is_set():
                    break
            await self._revoke()
        self._recovery.on_partitions_revoked(set())
        await self._recovery.on_stop()
        await self._drained()
        self._tell_group(lambda: self._group.leave(self._process.name))
        self._process.world.note(f"{self._process.name}: has stopped")
        self._process.end()

    def stop(self) -> None:
        """SIGTERM."""
        self._process.tell(self._stopping.set)

    async def _agent(self) -> None:
        await self._run(Stream(self._queue, self._started))

    async def _join(self) -> None:
        answer: asyncio.Future[Assignment] = self._process.loop.create_future()

        def joined(assignment: Assignment) -> None:
            world = self._process.world
            world.after(world.latency(), lambda: self._process.tell(heard, assignment))

        def heard(assignment: Assignment) -> None:
            if not answer.done() and self._process.reaches(coordinator=True):
                answer.set_result(assignment)

        while not answer.done() and not self._stopping.is_set():
            self._tell_group(lambda: self._group.join(self._process.name, joined))
            await asyncio.wait((answer,), timeout=_JOIN_S)
        if answer.done():
            await self._assign(answer.result())

    def _tell_group(self, message: Callable[[], None]) -> None:
        world, process = self._process.world, self._process
        sent = process.reaches(coordinator=True)
        world.after(world.latency() if not world.calm else 0.01, lambda: message() if sent and process.alive else None)

    async def _assign(self, assignment: Assignment) -> None:
        self._app.consumer_generation_id = assignment.generation
        self.assigned = frozenset(assignment.actives)
        tps = {TP(self._topic, partition) for partition in assignment.actives}
        if self._changelog is not None:
            self._app.standbys = {TP(self._changelog, partition) for partition in assignment.standbys}
            tps |= {TP(self._changelog, partition) for partition in (*assignment.actives, *assignment.standbys)}
        await self._recovery.on_rebalance(tps, set(), tps, assignment.generation)

    async def _may_go_on(self) -> bool:
        generation = self._app.consumer_generation_id
        try:
            return await self._process.ask(
                lambda: self._group.heartbeat(self._process.name, generation), coordinator=True, within_s=HEARTBEAT_S
            )
        except TimeoutError:
            return not self._stopping.is_set()  # not heard of: it takes itself for alive

    async def _revoke(self) -> None:
        self._recovery.on_partitions_revoked(set())
        self._app.consumer.flow.clear()
        self._app.flow_control.suspend()
        # As Faust's queue does when it is cleared: who waits for room waits no longer, and what it held is dropped.
        if self._putting is not None:
            self._putting.cancel()
        while not self._queue.empty():
            self._queue.get_nowait().message.acked = True
        # Faust's `stream_wait_empty`: what the agent has begun is finished first, unless the process is to stop.
        while not self._stopping.is_set() and not all(message.acked for message in self._started):
            await self._pass(_LOOK_S)
        self.assigned = frozenset()

    async def _pass(self, seconds: float) -> None:
        """Look again later, as Faust does."""
        if self._stopped is None:
            self._stopped = self._process.loop.create_task(self._stopping.wait())
        await wait_for_end(self._stopped, seconds)

    async def _fetch(self) -> None:
        consumer = self._app.consumer
        while True:
            await consumer.flow.wait()
            stale, consumer.stale = consumer.stale, {}
            seeks = consumer.seeks
            asked = stale or {tp: at for tp, at in consumer.positions.items() if tp.partition in self.assigned}
            if not asked:
                await asyncio.sleep(_POLL_S)
                continue
            most = self._process.world.random.randint(1, 3 * self._max_records)
            try:
                found = await fetch(self._process, self._broker, asked, most, _POLL_S)
            except TimeoutError:
                continue
            if seeks != consumer.seeks:
                continue
            fetched = {}
            for tp, (records, position) in found.items():
                # A seek in between makes aiokafka drop what it fetched; a stale fetch is what Faust had in hand.
                if stale or consumer.positions.get(tp) == asked[tp]:
                    fetched[tp] = records
                    if not stale:
                        consumer.positions[tp] = position
            await self._hand_over(fetched)

    async def _hand_over(self, fetched: Mapping[TP, Any]) -> None:
        generation = self._app.consumer_generation_id
        for tp, batch in self._scheduler.iterate(fetched):
            if not self._app.consumer.flow.is_set() or generation != self._app.consumer_generation_id:
                return
            event = _event(tp, batch, generation)
            if self._queue.full():
                self._putting = self._process.loop.create_task(self._queue.put(event))
                await asyncio.wait((self._putting,))
            else:
                self._queue.put_nowait(event)
                await asyncio.sleep(0)  # the agent may take it before the next comes


def _event(tp: TP, batch: RecordBatch, generation: int) -> Event:
    return Event(Message(tp, batch.offset, generation), batch.value)
