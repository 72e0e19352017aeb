"""After an assignment: bring the rows up to date, then say from which offset each partition reads on.

Nothing is processed before the rows of every partition assigned are complete. A changelog is read outside the consumer
group, in bulk, from where the local store stands to the end; standby copies are kept up to date in the same way, for as
long as they are standbys.

Of two rows for a key the one with the higher mark holds, wherever they stand in the changelog: a worker that was
declared dead may still write. What it wrote too late is called stale here, and the partition's owner writes its own row
for that key behind it, because compaction keeps the last row, not the best (`streams.commit`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Self

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.types import TP
from mode import Service

from features.errors import ContractError, CorruptStateError
from streams.faust_overrides import end_process, was_cancelled
from streams.logs import fields, log
from streams.state import PARTITION_KEY, row_mark
from streams.tables import MemberTable, PartitionStore
from streams.writers import MARK_HEADER, Connection

_FETCH_BYTES = 8 * 1024 * 1024
_CHUNK_RECORDS = 10_000
_POLL_MS = 500

# Source offset that each partition reads next.
Positions = Mapping[TP, int]


class Replay:
    """Applies changelog records to one store, in order, and notes which keys were written too late.

    Once a partition row with mark m has been seen, the store holds everything up to m; whatever comes later with a
    lower mark was written by someone who did not know. `stale` collects their keys; `position` is the changelog offset
    that comes next.
    """

    def __init__(self, store: PartitionStore) -> None:
        row = store.get(PARTITION_KEY)
        self.store = store
        self.floor = -1 if row is None else row_mark(row)
        self.stale: set[bytes] = set()
        self.position = store.changelog_offset + 1
        self._first_stale = 0

    def apply(self, records: Iterable[ConsumerRecord], position: int) -> None:
        """Apply records, the next of which will be at `position`.

        The store's offset stays before the first stale record until an owner has written its own rows behind it, so
        that a crash before that finds it again. Applying records twice changes nothing.
        """
        rows: dict[bytes, bytes | None] = {}
        for record in records:
            key: bytes = record.key
            mark = record_mark(record)
            current = rows[key] if key in rows else self.store.get(key)
            if mark < self.floor or (current is not None and mark < row_mark(current)):
                self._first_stale = self._first_stale if self.stale else record.offset
                self.stale.add(key)
                continue
            rows[key] = record.value
            self.stale.discard(key)
            if key == PARTITION_KEY:
                self.floor = mark
        self.position = position
        self.store.write(rows.items(), (self._first_stale if self.stale else position) - 1)


def record_mark(record: ConsumerRecord) -> int:
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

        The position counts, not the last record: the tail of a compacted log may hold nothing but offsets.
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
                if position > waiting[tp]:
                    waiting[tp] = position
                    yield TP(*tp), fetched.get(tp, ()), position
                if ends is not None and position >= ends[TP(*tp)]:
                    del waiting[tp]
                    self._consumer.pause(tp)


class Recovery(Service):
    """Takes the place of Faust's recovery service (see `streams.faust_overrides`).

    Args:
        app: The Faust app.
        connection: How to connect.
        identity: Returns what identifies the changelog; a store of another changelog is built anew.
        prepare: Called when the rows are complete, with the assigned partitions and what is stale in each of them;
            returns the offset from which each partition reads on.
        release: Called when partitions are about to be taken away.
        table: The member table, None in an app without one.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        connection: Connection,
        identity: Callable[[], Awaitable[bytes]],
        prepare: Callable[[Collection[TP], Mapping[int, Replay]], Awaitable[Positions]],
        release: Callable[[], Awaitable[None]],
        table: Callable[[], MemberTable | None],
        **service: Any,  # noqa: ANN401 - event loop and place in Faust's tree of services
    ) -> None:
        super().__init__(**service)
        self.app = app
        self.completed = asyncio.Event()
        self._connection = connection
        self._identity = identity
        self._prepare = prepare
        self._release = release
        self._table = table
        self._running: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether rows and positions are up to date, so that records are being processed."""
        return self.completed.is_set()

    def on_partitions_revoked(self, _revoked: set[TP]) -> None:
        """Faust calls this first in a rebalance and at shutdown."""
        self.completed.clear()
        self._cancel()

    async def on_rebalance(
        self, assigned: set[TP], _revoked: set[TP], _newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Faust calls this with the new assignment; everything is paused now."""
        self.completed.clear()
        self._cancel()
        self._running.append(asyncio.create_task(self._guarded(self._recover(frozenset(assigned), generation_id))))

    async def on_stop(self) -> None:
        """End with the app: its partitions go to others."""
        self._cancel()
        await self._release()
        table = self._table()
        if table is not None:
            table.store.close_all()

    def _cancel(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        # Whatever it is, going on would mean processing on rows that are not complete.
        except BaseException as failure:
            if was_cancelled(failure):
                raise
            end_process("recovery", failure)

    async def _recover(self, assigned: frozenset[TP], generation_id: int) -> None:
        await self._release()
        self.app.in_recovery = True
        table = self._table()
        replays = {} if table is None else await self._restore(table, assigned)
        changelog = None if table is None else table.changelog_topic_name
        sources = frozenset(tp for tp in assigned if tp.topic != changelog)
        positions = await self._prepare(sources, replays)
        await self._refuse_lost_records(positions)
        if generation_id != self.app.consumer_generation_id:
            return  # assigned again meanwhile; that assignment has its own recovery
        await self._resume(positions)

    async def _refuse_lost_records(self, positions: Positions) -> None:
        async with ChangelogReader(self._connection) as reader:
            starts = await reader.starts(positions)
        for tp, position in positions.items():
            if 0 < position < starts[tp]:
                raise ContractError(
                    f"{tp.topic}/{tp.partition}: records {position} to {starts[tp] - 1} were deleted before they were "
                    "applied: points would be lost; restore them, or start a new generation, and raise retention.ms"
                )

    async def _restore(self, table: MemberTable, assigned: frozenset[TP]) -> dict[int, Replay]:
        changelog = table.changelog_topic_name
        mine = frozenset(tp for tp in assigned if tp.topic == changelog)
        standbys = frozenset(tp for tp in self.app.assignor.assigned_standbys() if tp.topic == changelog)
        for partition in set(table.store.partitions) - {tp.partition for tp in mine}:
            table.store.close(partition)
        identity = await self._identity()
        replays = {tp: Replay(table.store.open(tp.partition, identity)) for tp in sorted(mine)}
        actives = {tp: replay for tp, replay in replays.items() if tp not in standbys}
        async with ChangelogReader(self._connection) as reader:
            ends = await reader.ends(actives)
            await self._follow(reader, actives, ends)
        followed = {tp: replay for tp, replay in replays.items() if tp in standbys}
        if followed:
            log("recovery").info("standing by", extra=fields(partitions=sorted(tp.partition for tp in followed)))
            self._running.append(asyncio.create_task(self._guarded(self._stand_by(followed))))
        log("recovery").info("rows are complete", extra=fields(partitions=sorted(tp.partition for tp in actives)))
        return {tp.partition: replay for tp, replay in actives.items()}

    async def _stand_by(self, replays: Mapping[TP, Replay]) -> None:
        async with ChangelogReader(self._connection) as reader:
            await self._follow(reader, replays, None)

    @staticmethod
    async def _follow(reader: ChangelogReader, replays: Mapping[TP, Replay], ends: Mapping[TP, int] | None) -> None:
        starts = await reader.starts(replays)
        positions = {tp: max(replay.store.changelog_offset + 1, starts[tp]) for tp, replay in replays.items()}
        for tp, position in positions.items():
            if ends is not None and position > ends[tp]:
                raise CorruptStateError(
                    f"{tp.topic}/{tp.partition}: the local store stands at offset {position - 1}, the changelog ends "
                    f"at {ends[tp] - 1}: the broker has lost records; restore them, or delete the data folder and audit"
                )
        async for tp, records, position in reader.read(positions, ends):
            replays[tp].apply(records, position)

    async def _resume(self, positions: Positions) -> None:
        """Seek, then let records flow: in this order, or records are read that the seek then delivers again."""
        app = self.app
        app.in_recovery = False
        await app.on_rebalance_complete.send()
        if positions:
            await app.consumer.seek_wait(dict(positions))
            app.consumer.note_applied(positions)
            app.consumer.resume_partitions(set(positions))
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - Faust's own recovery starts it here, too
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        app.on_rebalance_end()
        offsets = {str(tp.partition): at for tp, at in sorted(positions.items())}
        log("recovery").info("ready", extra=fields(offsets=offsets))
