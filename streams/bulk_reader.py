"""The changelog read in bulk, for a store that has most of it before it.

librdkafka fetches, decompresses and cuts record batches in threads of its own, so that Python has little more to do per
record than to apply it. What is read is the same as by `streams.changelog.ChangelogReader`
(`tests/integration/test_changelog_readers.py`), which serves everything that is short or has no end.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from faust.types import TP

from features.errors import BrokerError
from streams.writers import Connection

_CHUNK_RECORDS = 10_000
_POLL_S = 0.5
_FETCH_BYTES = 8 * 1024 * 1024
_QUEUE_KIB = 64 * 1024


class BulkRecord(msgspec.Struct, frozen=True, gc=False):
    """What applying a changelog record needs to know of it, named as aiokafka's records are."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]  # of a tombstone only


class BulkReader:
    """Reads partitions outside any consumer group, each from one offset to another.

    Args:
        connection: How to connect.
    """

    def __init__(self, connection: Connection) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": connection.bootstrap_servers,
                "group.id": "changelog",  # named because it must be; nothing is subscribed or committed
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_uncommitted",
                "enable.partition.eof": True,
                "max.partition.fetch.bytes": _FETCH_BYTES,
                "fetch.max.bytes": 2 * _FETCH_BYTES,
                "queued.max.messages.kbytes": _QUEUE_KIB,
                "log_level": 0,
            }
        )
        self._polling: asyncio.Future[list[Message]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        # A poll that is under way in its thread still uses the client; it ends within `_POLL_S`.
        if self._polling is not None:
            await asyncio.wait({self._polling})
        await asyncio.to_thread(self._consumer.close)

    async def read(
        self, positions: Mapping[TP, int], ends: Mapping[TP, int]
    ) -> AsyncIterator[tuple[TP, Sequence[BulkRecord], int]]:
        """Yield partition of the one topic, records and the position after them, until every end is reached.

        Position and end mean what they mean to `ChangelogReader.read`.

        Raises:
            BrokerError: a partition cannot be read.
        """
        waiting = {tp: start for tp, start in positions.items() if start < ends[tp]}
        self._consumer.assign([TopicPartition(*tp, start) for tp, start in waiting.items()])
        by_number = {tp.partition: tp for tp in waiting}
        while waiting:
            records, reached = self._sorted(await self._poll(), by_number)
            for number, position in reached.items():
                tp = by_number[number]
                if tp not in waiting:
                    continue
                end = min(position, ends[tp])
                found = records[number]
                yield tp, found if end == position else [record for record in found if record.offset < end], end
                if end == ends[tp]:
                    del waiting[tp]
                    self._consumer.pause([TopicPartition(*tp)])

    async def _poll(self) -> list[Message]:
        self._polling = asyncio.ensure_future(asyncio.to_thread(self._consumer.consume, _CHUNK_RECORDS, _POLL_S))
        # Cancelling must not leave the thread with a client that is being closed.
        return await asyncio.shield(self._polling)

    @staticmethod
    def _sorted(
        messages: Sequence[Message], by_number: Mapping[int, TP]
    ) -> tuple[Mapping[int, list[BulkRecord]], Mapping[int, int]]:
        """Records by partition, and the position after them; at its end a partition says how far it has come.

        Millions of messages go through here: nothing is asked of one that need not be.
        """
        records: dict[int, list[BulkRecord]] = defaultdict(list)
        reached: dict[int, int] = {}
        for message in messages:
            number, offset, error = message.partition(), message.offset(), message.error()
            if error is None:
                value = message.value()
                headers = () if value is not None else message.headers() or ()
                topic = by_number[number].topic
                records[number].append(BulkRecord(topic, number, offset, message.key(), value, headers))
                reached[number] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                reached[number] = offset
            else:
                raise BrokerError(f"{message.topic()}/{number}: cannot be read: {error.str()}")
        return records, reached
