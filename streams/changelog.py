"""The changelog, read outside any consumer group, and applied to a store by the rule of marks.

Of two rows for a key the one with the higher mark holds, wherever they stand in the changelog: a worker that was
declared dead may still write. What it wrote too late is called stale here, and the partition's owner writes its own row
for that key behind it, because compaction keeps the last row, not the best (`streams.commit`).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Protocol, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.types import TP

from features.errors import CorruptStateError
from streams.row_format import row_mark
from streams.state import PARTITION_KEY
from streams.stores import PartitionStore
from streams.writers import MARK_HEADER, Connection

_FETCH_BYTES = 8 * 1024 * 1024
_CHUNK_RECORDS = 10_000
_POLL_MS = 500
_ALL_ROWS = (b"", b"\xff")  # what a store keeps for itself stands behind


class ChangelogRecord(Protocol):
    """What applying a record needs to know of it; aiokafka's records and `streams.bulk_reader`'s have it."""

    @property
    def topic(self) -> str:
        """The changelog."""
        ...

    @property
    def partition(self) -> int:
        """Its partition."""
        ...

    @property
    def offset(self) -> int:
        """Where it stands."""
        ...

    @property
    def key(self) -> bytes:
        """The row's key."""
        ...

    @property
    def value(self) -> bytes | None:
        """The row, None for a tombstone."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """A tombstone's mark."""
        ...


class Replay:
    """Applies changelog records to one store, in order, and notes which keys were written too late.

    Once a partition row with mark m has been seen, the store holds everything up to m; whatever comes later with a
    lower mark was written by someone who did not know. `stale` collects their keys; `position` is the changelog offset
    that comes next.

    A store that was empty at first holds nothing but what was applied here, so a row whose mark is not below the
    highest one applied so far cannot be older than what is stored, and nothing is looked up for it: nearly every row of
    a recovery onto an empty disk (0.9 instead of 2.1 us a row, more the larger the store is).
    """

    def __init__(self, store: PartitionStore) -> None:
        row = store.get(PARTITION_KEY)
        self.store = store
        self.floor = -1 if row is None else row_mark(row)
        self.stale: set[bytes] = set()
        self.position = store.changelog_offset + 1
        self._first_stale = 0
        # Highest mark in the store, where it is known.
        empty = next(iter(store.scan(*_ALL_ROWS)), None) is None
        self._newest: int | None = -1 if empty else None

    def apply(self, records: Iterable[ChangelogRecord], position: int) -> None:
        """Apply records, the next of which will be at `position`.

        The store's offset stays before the first stale record until an owner has written its own rows behind it, so
        that a crash before that finds it again. Applying records twice changes nothing.
        """
        rows: dict[bytes, bytes | None] = {}
        for record in records:
            key: bytes = record.key
            mark = record_mark(record)
            if self._newest is not None and mark >= self._newest:
                self._newest = mark
            elif mark < self.floor or self._is_older(mark, rows[key] if key in rows else self.store.get(key)):
                self._first_stale = self._first_stale if self.stale else record.offset
                self.stale.add(key)
                continue
            rows[key] = record.value
            self.stale.discard(key)
            if key == PARTITION_KEY:
                self.floor = mark
        self.position = position
        self.store.write(rows.items(), (self._first_stale if self.stale else position) - 1)

    @staticmethod
    def _is_older(mark: int, stored: bytes | None) -> bool:
        return stored is not None and mark < row_mark(stored)


def record_mark(record: ChangelogRecord) -> int:
    """Mark of the batch that wrote a changelog record, tombstones included.

    Raises:
        CorruptStateError: there is none, so no worker of ours wrote it.
    """
    if record.value is not None:
        return row_mark(record.value)
    for name, raw in record.headers:
        if name == MARK_HEADER:
            return int.from_bytes(raw, "big")
    raise CorruptStateError(
        f"{record.topic}/{record.partition}: the tombstone at offset {record.offset} carries no mark; something other "
        "than a worker writes to the changelog: take away its right to"
    )


class ChangelogReader:
    """Reads partitions outside any consumer group, each from one offset to another.

    Args:
        connection: How to connect.
    """

    def __init__(self, connection: Connection) -> None:
        self._consumer = AIOKafkaConsumer(
            **connection.consumer,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=2 * _FETCH_BYTES,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:  # a rebalance cancels a recovery anywhere, and a half-started client leaks
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        # In a task of its own: aiokafka's `stop` may cancel itself with the fetches that it waits for.
        await asyncio.wait({asyncio.create_task(self._consumer.stop())})

    async def ends(self, partitions: Collection[TP]) -> dict[TP, int]:
        """Offset that the next record of each partition will have."""
        if not partitions:
            return {}  # aiokafka would wait for an answer to no question
        ends = await self._consumer.end_offsets([TopicPartition(*tp) for tp in partitions])
        return {TP(*tp): end for tp, end in ends.items()}

    async def starts(self, partitions: Collection[TP]) -> dict[TP, int]:
        """Offset of the first record that is still there."""
        if not partitions:
            return {}
        starts = await self._consumer.beginning_offsets([TopicPartition(*tp) for tp in partitions])
        return {TP(*tp): start for tp, start in starts.items()}

    async def read(
        self, positions: Mapping[TP, int], ends: Mapping[TP, int] | None
    ) -> AsyncIterator[tuple[TP, Sequence[ConsumerRecord], int]]:
        """Yield partition, records and the position after them, until every end is reached (None: for ever).

        The position counts, not the last record: the tail of a compacted log may hold nothing but offsets. What comes
        after an end is left out: it may be the first half of a record batch that someone writes just now, and half of a
        state batch is no state.
        """
        waiting = {TopicPartition(*tp): start for tp, start in positions.items() if ends is None or start < ends[tp]}
        if not waiting:
            return
        self._consumer.assign(list(waiting))
        for tp, start in waiting.items():
            self._consumer.seek(tp, start)
        while waiting:
            fetched = await self._consumer.getmany(*waiting, timeout_ms=_POLL_MS, max_records=_CHUNK_RECORDS)
            for tp in list(waiting):
                position = await self._consumer.position(tp)
                records = fetched.get(tp, ())
                if ends is not None and position > ends[TP(*tp)]:
                    position = ends[TP(*tp)]
                    records = [record for record in records if record.offset < position]
                if position > waiting[tp]:
                    waiting[tp] = position
                    yield TP(*tp), records, position
                if ends is not None and position >= ends[TP(*tp)]:
                    del waiting[tp]
                    self._consumer.pause(tp)
