"""Outputs handed to librdkafka: each is reported on, and a batch is complete when every report says it was taken."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import MagicMock

import pytest
from confluent_kafka import KafkaError, Message
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError
from streams.changelog import Replay
from streams.commit import PartitionCommit
from streams.deliveries import Deliveries
from streams.records import Batch, Output
from streams.writers import BatchWriter, Connection

Report = Callable[[KafkaError | None, Message], None]
MESSAGE = MagicMock(topic=lambda: "t", partition=lambda: 3)


class Broker:
    """Stands in for librdkafka: takes `room` records at a time, reports on `answers` of them per poll."""

    def __init__(self, room: int = 1_000, answers: int = 1_000, fails: int | None = None) -> None:
        self.taken: list[tuple[Any, ...]] = []
        self.reports: deque[Report] = deque()
        self._room = room
        self._answers = answers
        self._fails = fails
        self.reported = 0

    def produce(
        self, topic: str, value: bytes, key: bytes, partition: int, *, on_delivery: Report, timestamp: int
    ) -> None:
        if len(self.reports) == self._room:
            raise BufferError
        self.taken.append((topic, partition, key, value, timestamp))
        self.reports.append(on_delivery)

    def poll(self, _timeout: float) -> int:
        for _ in range(min(self._answers, len(self.reports))):
            error = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE) if self.reported == self._fails else None
            self.reported += 1
            self.reports.popleft()(error, MESSAGE)
        return 0


async def send(broker: Broker, count: int) -> None:
    deliveries = Deliveries(cast("Any", broker))
    for number in range(count):
        await deliveries.send("t", 3, b"k", b"%d" % number, 0)
    await deliveries.complete()


def test_a_batch_is_complete_when_every_record_of_it_is_acknowledged() -> None:
    broker = Broker(answers=3)
    asyncio.run(send(broker, 10))
    assert broker.reported == 10
    assert [record[3] for record in broker.taken] == [b"%d" % number for number in range(10)]


def test_a_full_queue_slows_the_sender_and_changes_no_order() -> None:
    broker = Broker(room=2, answers=1)
    asyncio.run(send(broker, 10))
    assert [record[3] for record in broker.taken] == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("fails", [0, 4, 9])
@pytest.mark.parametrize("room", [2, 1_000])
def test_one_record_that_was_not_taken_fails_its_batch_whichever_it_is(fails: int, room: int) -> None:
    with pytest.raises(BrokerError, match="t/3: an output was not taken"):
        asyncio.run(send(Broker(room=room, fails=fails), 10))


def test_batches_that_are_sent_side_by_side_wait_for_their_own_records() -> None:
    async def sent() -> list[str]:
        broker, done = Broker(answers=1), list[str]()

        async def one(name: str, count: int) -> None:
            await send(broker, count)
            done.append(name)

        await asyncio.gather(one("long", 9), one("short", 1))
        return done

    assert asyncio.run(sent()) == ["long", "short"]


def test_a_failed_output_leaves_state_unsent_and_store_and_offset_as_they_were() -> None:
    async def commit() -> tuple[list[str], MagicMock, MagicMock]:
        steps: list[str] = []
        writer = BatchWriter(Connection("b:1", None, 1_000), {"points": "t"}, "c", Ed25519PrivateKey.generate())
        writer._outputs, writer._state = cast("Any", Broker(fails=1)), MagicMock()
        replay = MagicMock(spec=Replay, store=MagicMock(), position=0)
        partition = PartitionCommit(
            0, writer, replay, Connection("b:1", None, 1_000), hook=lambda step, _partition: steps.append(step)
        )
        outputs = [Output("points", b"k", b"%d" % number) for number in range(3)]
        with pytest.raises(BrokerError):
            await partition.commit(Batch(2, outputs, [(b"P", b"row")], {}))
        return steps, writer._state, replay.store

    steps, state, store = asyncio.run(commit())
    assert steps == ["folded"]
    assert not state.mock_calls
    assert not store.write.called
