"""The members agent: from Faust's events to folds and commits, one lane per partition.

Thin on purpose: no rule and no arithmetic of the programme is here. The agent hands records to the lanes, which fold
and commit side by side, each its batches one after another.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

import faust
from faust.events import Event
from faust.streams import Stream
from faust.types import TP

from features.errors import ContractError
from streams.changelog import Replay
from streams.commit import PartitionCommit
from streams.faust_overrides import acknowledge, drop, end_process, was_cancelled
from streams.lanes import Fold, Observer, PartitionLane
from streams.logs import fields, log
from streams.records import LogIdentity, RowStore
from streams.recovery import Positions, refuse_lost_records

FoldFactory = Callable[[int, LogIdentity, RowStore], Fold]
CommitFactory = Callable[[int, Replay], Awaitable[PartitionCommit]]


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
        self._turn = asyncio.Lock()
        self.lanes: dict[int, PartitionLane] = {}

    async def release(self) -> None:
        """Let the last batches land, then forget the lanes."""
        await asyncio.gather(*(lane.finished() for lane in self.lanes.values()))
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
            flows = self._app.flow_control.is_active
            self.lanes[tp.partition] = PartitionLane(fold, commit, self._observe, turn=self._turn, flows=flows)
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
            drop(event)  # fetched for an assignment that is over
            return
        match lane.admit(event.value):
            case True:
                if lane.misses(event.value):
                    await self._refuse_lost_records(message.tp, lane.end + 1)
                await lane.take(event.value, partial(acknowledge, self._app, event), partial(drop, event))
            case False:
                drop(event)
            case None:
                drop(event)
                self.on_jump()
                log("agent").warning(
                    "offsets jump: reading again from the mark", extra=fields(partition=message.partition)
                )
                await self._app.consumer.seek(message.tp, lane.fold.mark + 1)

    async def _refuse_lost_records(self, tp: TP, position: int) -> None:
        """Offsets jump: at the markers of a transaction, or because aiokafka has left out what was deleted."""
        starts = await self._app.consumer.earliest_offsets(tp)
        refuse_lost_records({tp: position}, starts)
