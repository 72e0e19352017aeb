"""Simulated clients with aiokafka's interface: what `streams.writers` and `streams.recovery` connect with."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from aiokafka.structs import TopicPartition

from features.errors import BrokerError
from tests.simulation.broker import Broker, PartitionLog, Stored, Unsent
from tests.simulation.world import Process, this_process

_RETRY_S = 0.2
_SURVIVES = 0.5
_UNKNOWN_OFFSET = -1


@dataclass(frozen=True)
class Metadata:
    """Where a batch was appended."""

    offset: int


class BatchBuilder:
    """Records that go into one record batch."""

    def __init__(self) -> None:
        self.records: list[Unsent] = []

    def append(
        self,
        *,
        timestamp: int | None,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> object:
        """Add a record; there is always room."""
        self.records.append(Unsent(key, value, tuple(headers), timestamp or 1))
        return self

    def close(self) -> None:
        """Nothing is added any more."""


class Producer:
    """An idempotent producer: per partition one batch on its way at a time, repeated until it is answered."""

    def __init__(self, *, broker: Broker, **_: object) -> None:
        self._broker = broker
        self._world = broker.world
        self._process: Process = this_process()
        self._queues: dict[PartitionKey, deque[tuple[int, list[Unsent], asyncio.Future[Metadata]]]] = {}
        self._name = next(broker.world.names)
        self._numbers = count()

    async def start(self) -> None:
        """Connect."""
        await self._process.ask(lambda: None)

    async def stop(self) -> None:
        """Disconnect."""

    def create_batch(self) -> BatchBuilder:
        """Begin a record batch."""
        return BatchBuilder()

    async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[Metadata]":
        """Queue a batch; the future has the answer."""
        future: asyncio.Future[Metadata] = self._process.loop.create_future()
        queue = self._queues.setdefault((topic, partition), deque())
        queue.append((next(self._numbers), builder.records, future))
        if len(queue) == 1:
            self._transmit((topic, partition))
        return future

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes | None, partition: int, timestamp_ms: int | None
    ) -> Metadata:
        """Append one record."""
        builder = BatchBuilder()
        builder.append(timestamp=timestamp_ms, key=key, value=value)
        async with asyncio.timeout(20.0):
            return await (await self.send_batch(builder, topic, partition=partition))

    def _transmit(self, target: "PartitionKey") -> None:
        """Put the first batch of the queue on the wire; from there it goes on without the process."""
        queue = self._queues[target]
        if not queue or not self._process.alive:
            return
        number, records, _ = queue[0]
        if self._process.reaches():
            # What a process had sent when it was killed may arrive or not.
            survives = self._world.random.random() < _SURVIVES

            self._world.after(self._world.latency(), self._on_the_wire, target, number, records, survives)

        self._world.after(_RETRY_S + self._world.latency(), self._look_after, target, number)

    def _look_after(self, target: "PartitionKey", number: int) -> None:
        queue = self._queues[target]
        if queue and queue[0][0] == number:
            self._process.tell(self._again, target, number)

    def _again(self, target: "PartitionKey", number: int) -> None:
        queue = self._queues[target]
        if queue and queue[0][0] == number:
            self._transmit(target)

    def _on_the_wire(self, target: "PartitionKey", number: int, records: list[Unsent], survives: bool) -> None:  # noqa: FBT001 - passed on by the scheduler
        if survives or self._process.alive:
            self._arrive(target, number, records)

    def _arrive(self, target: "PartitionKey", number: int, records: list[Unsent]) -> None:
        log = self._broker.log(*target)
        identity = (self._name, number)
        if identity not in log.sequences:
            log.sequences[identity] = log.append(records, self._world.now)
        first = log.sequences[identity]
        end = first + len(records)
        # Replicated in order, so a later batch never shows before an earlier one.
        self._world.after(0.0 if self._world.calm else self._world.latency() / 4, log.show, end)
        if not self._world.loses():
            delay = self._world.latency()
            self._world.after(delay, self._process.tell, self._answered, target, number, first, log, end)

    def _answered(self, target: "PartitionKey", number: int, first: int, log: PartitionLog, end: int) -> None:
        queue = self._queues[target]
        if not queue or queue[0][0] != number or not self._process.reaches():
            return
        if log.high_watermark < end:
            return  # acknowledged by all replicas, or not at all; the repetition asks again
        _, _, future = queue.popleft()
        if not future.done():
            future.set_result(Metadata(first))
        self._transmit(target)


PartitionKey = tuple[str, int]


class Consumer:
    """A consumer outside any group."""

    def __init__(self, *, broker: Broker, **_: object) -> None:
        self._broker = broker
        self._world = broker.world
        self._process = this_process()
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()

    async def start(self) -> None:
        """Connect."""
        await self._process.ask(lambda: None)

    async def stop(self) -> None:
        """Disconnect."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermarks."""
        return await self._process.ask(lambda: {tp: self._broker.log(*tp).high_watermark for tp in partitions})

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Nothing is ever deleted from the front."""
        return await self._process.ask(lambda: dict.fromkeys(partitions, 0))

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these."""
        self._positions = dict.fromkeys(partitions, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Read on from there."""
        self._positions[tp] = offset

    def pause(self, tp: TopicPartition) -> None:
        """Do not read this one."""
        self._paused.add(tp)

    async def position(self, tp: TopicPartition) -> int:
        """What is read next."""
        return self._positions[tp]

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[TopicPartition, list[Stored]]:
        """Some records of each partition, or nothing after the timeout."""
        most = min(max_records, 200 if self._world.calm else self._world.random.choice((2, 7, 200)))
        wanted = {tp: self._positions[tp] for tp in partitions if tp not in self._paused}
        try:
            found = await fetch(self._process, self._broker, wanted, most, timeout_ms / 1000)
        except TimeoutError as failure:
            raise BrokerError("no broker answers") from failure
        for tp, (_, position) in found.items():
            self._positions[tp] = position
        return {tp: records for tp, (records, _) in found.items() if records}


async def fetch(
    process: Process, broker: Broker, positions: Mapping[Any, int], most: int, wait_s: float
) -> Mapping[Any, tuple[list[Stored], int]]:
    """Long poll: what is there, or what comes within `wait_s`.

    Raises:
        TimeoutError: nobody answered.
    """

    def look() -> dict[Any, tuple[list[Stored], int]]:
        found = {tp: broker.log(*tp).read(position, most) for tp, position in positions.items()}
        return {tp: (records, after) for tp, (records, after) in found.items() if after > positions[tp]}

    found = await process.ask(look)
    if found:
        return found
    news: asyncio.Future[None] = process.loop.create_future()
    end = broker.world.now + wait_s

    def wake() -> None:
        # Logs keep it until they have news, be it after the end of this wait.
        if not news.done():
            broker.world.after(broker.world.latency(), process.tell, _end_wait, news)

    for tp in positions:
        broker.log(*tp).waiting.append(wake)
    timer = process.loop.call_at(end, _end_wait, news)
    await news
    if broker.world.now >= end:
        return {}
    timer.cancel()
    return await process.ask(look)


def _end_wait(news: "asyncio.Future[None]") -> None:
    if not news.done():
        news.set_result(None)
