"""After an assignment: bring the rows up to date, then say from which offset each partition reads on.

Nothing is processed before the rows of every partition assigned are complete. A changelog is read outside the consumer
group, in bulk, from where the local store stands to the end; standby copies are kept up to date in the same way, for as
long as they are standbys.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any

import faust
from faust.types import TP
from mode import Service

from features.errors import ContractError, CorruptStateError
from streams.changelog import ChangelogReader, ChangelogRecord, Replay
from streams.faust_overrides import end_process, was_cancelled
from streams.logs import fields, log
from streams.restoring import LONG_RECORDS, Order, Part, restore_beside
from streams.tables import MemberTable
from streams.writers import Connection

# Source offset that each partition reads next.
Positions = Mapping[TP, int]


def refuse_lost_records(positions: Positions, starts: Mapping[TP, int]) -> None:
    """Go no further where records that are to be read next are no longer there; `starts` are the first that are.

    Raises:
        ContractError: there are such records.
    """
    for tp, position in positions.items():
        if 0 < position < starts[tp]:
            raise ContractError(
                f"{tp.topic}/{tp.partition}: records {position} to {starts[tp] - 1} were deleted before they were "
                "applied: points would be lost; restore them, or start a new generation, and raise retention.ms"
            )


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

    `on_recovered` is told of the partitions that are ready and of the seconds since their assignment.
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
        self.on_recovered: Callable[[Collection[int], float], None] = lambda _partitions, _seconds: None
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
        started = time.perf_counter()
        await self._release()
        self.app.in_recovery = True
        table = self._table()
        replays = {} if table is None else await self._restore(table, assigned)
        changelog = None if table is None else table.changelog_topic_name
        sources = frozenset(tp for tp in assigned if tp.topic != changelog)
        positions = await self._prepare(sources, replays)
        async with ChangelogReader(self._connection) as reader:
            refuse_lost_records(positions, await reader.starts(positions))
        if generation_id != self.app.consumer_generation_id:
            return  # assigned again meanwhile; that assignment has its own recovery
        await self._resume(positions, assigned - sources)
        self.on_recovered([tp.partition for tp in positions], time.perf_counter() - started)

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
            positions = await self._positions(reader, actives, ends)
            missing = sum(ends[tp] - position for tp, position in positions.items())
            if missing > LONG_RECORDS and table.store.is_on_disk:
                await self._restore_beside(table, identity, positions, ends)
                actives = {tp: Replay(table.store.open(tp.partition, identity)) for tp in actives}
                positions = await self._positions(reader, actives, ends)
            await self._apply(actives, reader.read(positions, ends))
        followed = {tp: replay for tp, replay in replays.items() if tp in standbys}
        if followed:
            log("recovery").info("standing by", extra=fields(partitions=sorted(tp.partition for tp in followed)))
            self._running.append(asyncio.create_task(self._guarded(self._stand_by(followed))))
        log("recovery").info(
            "rows are complete", extra=fields(partitions=sorted(tp.partition for tp in actives), records=missing)
        )
        return {tp.partition: replay for tp, replay in actives.items()}

    async def _restore_beside(
        self, table: MemberTable, identity: bytes, positions: Mapping[TP, int], ends: Mapping[TP, int]
    ) -> None:
        """Let other processes bring the stores up to date, which are closed after it."""
        for tp in positions:
            table.store.close(tp.partition)
        parts = (
            Part(tp.partition, str(table.store.folder_of(tp.partition)), at, ends[tp]) for tp, at in positions.items()
        )
        await restore_beside(
            Order(
                bootstrap_servers=self._connection.bootstrap_servers,
                request_timeout_ms=self._connection.request_timeout_ms,
                topic=table.changelog_topic_name,
                identity=identity,
                block_cache_bytes=table.store.block_cache_bytes,
                parts=tuple(part for part in parts if part.start < part.end),
            )
        )

    async def _stand_by(self, replays: Mapping[TP, Replay]) -> None:
        async with ChangelogReader(self._connection) as reader:
            await self._apply(replays, reader.read(await self._positions(reader, replays, None), None))

    @staticmethod
    async def _positions(
        reader: ChangelogReader, replays: Mapping[TP, Replay], ends: Mapping[TP, int] | None
    ) -> Mapping[TP, int]:
        """Where to read on from in each changelog partition."""
        starts = await reader.starts(replays)
        positions = {tp: max(replay.store.changelog_offset + 1, starts[tp]) for tp, replay in replays.items()}
        for tp, position in positions.items():
            if ends is not None and position > ends[tp]:
                raise CorruptStateError(
                    f"{tp.topic}/{tp.partition}: the local store stands at offset {position - 1}, the changelog ends "
                    f"at {ends[tp] - 1}: the broker has lost records; restore them, or delete the data folder and audit"
                )
        return positions

    @staticmethod
    async def _apply(
        replays: Mapping[TP, Replay], reading: AsyncIterator[tuple[TP, Iterable[ChangelogRecord], int]]
    ) -> None:
        async for tp, records, position in reading:
            replays[tp].apply(records, position)

    async def _resume(self, positions: Positions, changelogs: Collection[TP]) -> None:
        """Seek, then let records flow: in this order, or records are read that the seek then delivers again."""
        app = self.app
        app.in_recovery = False
        await app.on_rebalance_complete.send()
        if changelogs:
            await app.consumer.leave_unread(changelogs)
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
