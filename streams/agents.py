"""The members agent: from Faust's events to folds and commits, one lane per partition.

Thin on purpose: no rule and no arithmetic of the programme is here. A lane folds a batch while the one before is still
on its way to the broker, and commits them one after another.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import faust
from faust.events import Event
from faust.streams import Stream
from faust.types import TP

from features.errors import ContractError
from streams.changelog import Replay
from streams.commit import PartitionCommit
from streams.faust_overrides import acknowledge, end_process, was_cancelled
from streams.logs import fields, log
from streams.records import Batch, LogIdentity, LogRecord, RowStore
from streams.recovery import Positions

# A fold holds up everything else that the process does: commits on their way, other partitions, the web server.
FOLD_SECONDS = 0.05
_FEWEST_RECORDS = 64
_CLOCK_SECONDS = 1e-6


class Fold(Protocol):
    """What folds a partition's records; `streams.pipeline.PartitionFold` in earnest."""

    @property
    def mark(self) -> int:
        """Offset of the last record applied, -1 before the first."""
        ...

    @property
    def log_time_ms(self) -> int:
        """Running maximum of ticks and record timestamps."""
        ...

    @property
    def policy_version(self) -> int:
        """The newest policy version read."""
        ...

    @property
    def weights_version(self) -> int:
        """The newest weights version read."""
        ...

    def fold(self, records: Sequence[LogRecord]) -> Batch:
        """Apply records above the mark, or as many as one batch may hold."""
        ...

    def landed(self, mark: int) -> None:
        """The rows of all batches up to `mark` are in the store."""
        ...


FoldFactory = Callable[[int, LogIdentity, RowStore], Fold]
CommitFactory = Callable[[int, Replay], Awaitable[PartitionCommit]]


class Landed(NamedTuple):
    """A batch that has landed, for metrics: where, what, of how many records, and how long it took."""

    partition: int
    fold: Fold
    batch: Batch
    records: int
    fold_seconds: float
    commit_seconds: float


Observer = Callable[[Landed], None]


class PartitionLane:
    """One partition between assignment and revocation.

    Args:
        fold: Its state.
        commit: Where its batches go.
        observe: Told of each batch that has landed.

    `landed_mark` is the offset of the last record that has landed.
    """

    def __init__(self, fold: Fold, commit: PartitionCommit, observe: Observer) -> None:
        self.fold = fold
        self._commit = commit
        self._observe = observe
        self._committing: asyncio.Task[None] | None = None
        self.landed_mark = fold.mark
        self._contiguous = False
        self._jumped_to: int | None = None
        self._piece_records = _FEWEST_RECORDS

    def admit(self, records: Sequence[LogRecord]) -> bool | None:
        """Whether the records follow the mark: True, or False to drop them, or None to drop them and seek back.

        Only the first batch after an assignment can be ahead by mistake: a fetch from before the seek. So a jump is
        believed only if reading from the mark on shows it again (a deleted or compacted stretch). Later jumps are the
        markers of a producer's transactions.
        """
        first = records[0].offset
        if self._contiguous or first <= self.fold.mark + 1:
            self._contiguous = True
            return True
        if self._jumped_to is None:
            self._jumped_to = first
            return None
        self._contiguous = first <= self._jumped_to
        return self._contiguous

    async def take(self, records: Sequence[LogRecord], acknowledged: Callable[[], None]) -> None:
        """Fold the records now; commit when the previous commit is through, and call `acknowledged` then."""
        last = records[-1].offset
        while records:
            started = time.perf_counter()
            piece = records[: self._piece_records]
            batch = self.fold.fold(piece)
            fold_seconds = time.perf_counter() - started
            done = acknowledged if batch.mark >= last else None
            taken = bisect_right(piece, batch.mark, key=lambda record: record.offset)
            records = records[taken:]
            self._adapt(taken, fold_seconds)
            await self.drained()
            self._committing = asyncio.create_task(self._land(batch, taken, fold_seconds, done))

    def _adapt(self, records: int, fold_seconds: float) -> None:
        """Take as many records at a time as are folded in `FOLD_SECONDS`."""
        fitting = int(records * FOLD_SECONDS / max(fold_seconds, _CLOCK_SECONDS))
        self._piece_records = max(_FEWEST_RECORDS, min(fitting, 2 * self._piece_records))

    async def drained(self) -> None:
        """Wait until nothing is on its way."""
        if self._committing is not None:
            await self._committing

    async def _land(
        self, batch: Batch, records: int, fold_seconds: float, acknowledged: Callable[[], None] | None
    ) -> None:
        started = time.perf_counter()
        try:
            # Records that were all below the mark leave nothing to write.
            if batch.mark > self.landed_mark:
                await self._commit.commit(batch)
                self.landed_mark = batch.mark
                self.fold.landed(batch.mark)
                took = time.perf_counter() - started
                self._observe(Landed(self._commit.partition, self.fold, batch, records, fold_seconds, took))
            if acknowledged is not None:
                acknowledged()
                self._commit.acknowledged()
        # Whatever failed, the batch may have landed or not; only a new start finds out.
        except BaseException as failure:
            if was_cancelled(failure):
                raise
            end_process(f"commit of partition {self._commit.partition}", failure)


class Members:
    """The lanes of one worker.

    Args:
        app: The Faust app.
        topic: The actions topic.
        new_fold: Makes a partition's fold from its number, the topic's identity and its rows.
        new_commit: Makes what commits a partition's batches, from its number and what recovery found.
        identity: Returns the identity of the actions topic.
        observe: Told of each batch that has landed.

    `lanes` are those of the partitions assigned; `on_jump` is told when offsets jump, so that reading goes back.
    """

    def __init__(
        self,
        app: faust.App,
        topic: str,
        *,
        new_fold: FoldFactory,
        new_commit: CommitFactory,
        identity: Callable[[], Awaitable[LogIdentity]],
        observe: Observer,
    ) -> None:
        self._app = app
        self._topic = topic
        self._new_fold = new_fold
        self._new_commit = new_commit
        self._identity = identity
        self._observe = observe
        self.on_jump: Callable[[], None] = lambda: None
        self.lanes: dict[int, PartitionLane] = {}

    async def release(self) -> None:
        """Let the last batches land, then forget the lanes."""
        await asyncio.gather(*(lane.drained() for lane in self.lanes.values()))
        self.lanes.clear()

    async def prepare(self, assigned: Collection[TP], replays: Mapping[int, Replay]) -> Positions:
        """Open a lane per assigned partition; returns the offset that each reads next."""
        identity = await self._identity()
        for tp in sorted(assigned):
            replay = replays.get(tp.partition)
            if replay is None:
                raise ContractError(
                    f"{self._topic} has partition {tp.partition}, the changelog has not: both need the same number of "
                    "partitions; create topics with `tierstream topics`"
                )
            fold = self._new_fold(tp.partition, identity, replay.store)
            commit = await self._new_commit(tp.partition, replay)
            await commit.repair(replay.stale, fold.mark)
            self.lanes[tp.partition] = PartitionLane(fold, commit, self._observe)
        return {tp: self.lanes[tp.partition].fold.mark + 1 for tp in assigned}

    async def run(self, stream: Stream) -> None:
        """The agent: one event is one batch of one partition."""
        async for event in stream.noack().events():
            try:
                await self._take(event)
            # Faust would log it and take the next batch.
            except BaseException as failure:
                if was_cancelled(failure):
                    raise
                end_process(f"partition {event.message.partition}", failure)

    async def _take(self, event: Event) -> None:
        message = event.message
        lane = self.lanes.get(message.partition)
        if lane is None or message.generation_id != self._app.consumer_generation_id:
            message.acked = True  # fetched for an assignment that is over; it is read again
            return
        match lane.admit(event.value):
            case True:
                await lane.take(event.value, lambda: acknowledge(self._app, event))
            case False:
                message.acked = True
            case None:
                message.acked = True
                self.on_jump()
                log("agent").warning(
                    "offsets jump: reading again from the mark", extra=fields(partition=message.partition)
                )
                await self._app.consumer.seek(message.tp, lane.fold.mark + 1)
