"""The commit protocol: outputs acknowledged, then the state as one record batch, then the store, then the offset.

Per batch of a partition, in this order, each step awaited before the next:

1. `outputs`: every output is acknowledged by the brokers.
2. `state`: all changed rows and the partition row go to the changelog as one record batch, which Kafka appends whole.
3. `store`: the same rows and their changelog offset go into the local store as one write batch.
4. `landed`, then the source offset is acknowledged.

Should anyone else have written to the changelog since, then either they were late, and our rows are written again
behind theirs; or we are, and the process ends before its store or anyone's has taken harm.

A crash before 2 repeats the batch from the old state and sends the same outputs again, byte for byte; a crash after it
goes on behind the batch. There is no point in between where state and outputs disagree. Any failure ends the process.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Literal

from faust.types import TP

from features.errors import ContractError
from streams.changelog import ChangelogReader, Replay, record_mark
from streams.logs import fields, log
from streams.records import Batch
from streams.row_format import restamped
from streams.state import PARTITION_KEY
from streams.stores import PartitionStore
from streams.writers import BatchWriter, Connection, Rows

# The points between which a crash must not matter; tests crash at each of them.
Step = Literal["folded", "outputs", "state", "store", "acknowledged"]
StepHook = Callable[[Step, int], None]


class PartitionCommit:
    """Commits the batches of one partition, one after another.

    Args:
        partition: The source partition; its changelog has the same number.
        writer: The producers.
        replay: How recovery left the store and the changelog.
        connection: For reading the changelog where someone else wrote in between.
        hook: Told of each step; tests crash there.
        on_repair: Told when rows are written behind a late writer.
    """

    def __init__(
        self,
        partition: int,
        writer: BatchWriter,
        replay: Replay,
        connection: Connection,
        *,
        hook: StepHook,
        on_repair: Callable[[], None] = lambda: None,
    ) -> None:
        self.partition = partition
        self._writer = writer
        self._store: PartitionStore = replay.store
        self._next_offset = replay.position
        self._connection = connection
        self._hook = hook
        self._on_repair = on_repair

    async def repair(self, stale: Collection[bytes], mark: int) -> None:
        """Write our rows for `stale` keys again, behind what a late writer left there.

        They carry the mark up to which they hold, so the rule "the higher mark holds" and compaction's "the last one
        stays" agree again.
        """
        while stale:
            keys = [*sorted(set(stale) - {PARTITION_KEY}), PARTITION_KEY]
            stored = ((key, self._store.get(key)) for key in keys)
            rows = [(key, None if row is None else restamped(row, mark)) for key, row in stored]
            log("commit").warning(
                "rewriting rows behind a late writer", extra=fields(partition=self.partition, rows=len(rows))
            )
            self._on_repair()
            stale = await self._append(rows, mark)

    def acknowledged(self) -> None:
        """The source offset may be committed now."""
        self._hook("acknowledged", self.partition)

    async def commit(self, batch: Batch) -> None:
        """Steps 1 to 3 for one batch.

        Raises:
            TimeoutError: the brokers do not take it; whoever owns the partition next may reach them.
        """
        async with asyncio.timeout(self._connection.request_timeout_ms / 1000):
            await self._commit(batch)

    async def _commit(self, batch: Batch) -> None:
        self._hook("folded", self.partition)
        await self._writer.send_outputs(self.partition, batch.outputs)
        self._hook("outputs", self.partition)
        stale = await self._append(batch.rows, batch.mark)
        self._hook("store", self.partition)
        await self.repair(stale, batch.mark)

    async def _append(self, rows: Rows, mark: int) -> set[bytes]:
        """Changelog, then store; returns the keys that someone else has written in between."""
        offset = await self._writer.send_state(self.partition, rows, mark)
        self._hook("state", self.partition)
        stale = await self._stale_between(self._next_offset, offset, mark)
        self._next_offset = offset + len(rows)
        # With something to repair the store's offset stays behind, so that a crash before the repair finds it again.
        self._store.write(rows, self._store.changelog_offset if stale else self._next_offset - 1)
        return stale

    async def _stale_between(self, start: int, end: int, mark: int) -> set[bytes]:
        """Keys that someone else wrote at offsets in `[start, end)` without knowing what we know at `mark`.

        Raises:
            ContractError: someone else is ahead of us, so we are the late one.
        """
        if start == end:
            return set()
        tp = TP(self._writer.changelog, self.partition)
        stale: set[bytes] = set()
        async with ChangelogReader(self._connection) as reader:
            async for _, records, _ in reader.read({tp: start}, {tp: end}):
                for record in records:
                    theirs = record_mark(record)
                    if record.offset < end and theirs > mark:
                        # Nothing of this is in our store; a new start reads it from the changelog.
                        raise ContractError(
                            f"partition {self.partition} was taken over: its changelog holds mark {theirs} at offset "
                            f"{record.offset}, ours is {mark}; start again"
                        )
                    if record.offset < end and theirs < mark:
                        stale.add(record.key)
        return stale
