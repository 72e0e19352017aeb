"""A partition between assignment and revocation: it folds a batch while the last one is on its way to the broker.

Lanes fold in turns, a piece each, so one partition's wait for the broker is another's time to fold. A lane with little
to do waits until its last batch has landed and takes all that has come by then; with much to do it folds one batch
ahead.
"""

import asyncio
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from streams.commit import PartitionCommit
from streams.faust_overrides import end_process, was_cancelled
from streams.records import Batch, LogRecord

# How long a partition folds before it is another one's turn.
FOLD_SECONDS = 0.1
# How many records it folds before commits on their way, the consumer and the web server may go on.
_FEWEST_RECORDS = 64
# So that with a backlog there is always a whole piece to be folded ahead.
_PIECES_WAITING = 2
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

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        """Apply records above the mark, or as many as one batch may hold; returns whether it holds no more."""
        ...

    def take(self) -> Batch:
        """All that was changed since the last call."""
        ...

    def landed(self, mark: int) -> None:
        """The rows of all batches up to `mark` are in the store."""
        ...


class Landed(NamedTuple):
    """A batch that has landed, for metrics: where, what, of how many records, and how long it took."""

    partition: int
    fold: Fold
    batch: Batch
    records: int
    fold_seconds: float
    commit_seconds: float


Observer = Callable[[Landed], None]


class _Taken(NamedTuple):
    """What is to be told when the records up to `last` have landed, or are given back."""

    last: int
    acknowledged: Callable[[], None]
    dropped: Callable[[], None]


async def _guarded(work: Callable[[], Awaitable[None]], what: str) -> None:
    """End the process if the work fails: whether a batch has landed, only a new start finds out."""
    try:
        await work()
    except BaseException as failure:
        if was_cancelled(failure):
            raise
        end_process(what, failure)


class PartitionLane:
    """One partition between assignment and revocation.

    Args:
        fold: Its state.
        commit: Where its batches go.
        observe: Told of each batch that has landed.
        turn: Held by the lane that folds; all lanes of a process share one.
        flows: Tells whether what is waiting may still be begun; in a rebalance it may not.

    `landed_mark` is the offset of the last record that has landed, `end` that of the last one taken.
    """

    def __init__(
        self,
        fold: Fold,
        commit: PartitionCommit,
        observe: Observer,
        *,
        turn: asyncio.Lock,
        flows: Callable[[], bool],
    ) -> None:
        self.fold = fold
        self._commit = commit
        self._observe = observe
        self._turn = turn
        self._flows = flows
        self._waiting: deque[LogRecord] = deque()
        self._taken: deque[_Taken] = deque()
        self._room = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self.landed_mark = self.end = fold.mark
        self._contiguous = False
        self._jumped_to: int | None = None
        self._piece_records = _FEWEST_RECORDS

    def admit(self, records: Sequence[LogRecord]) -> bool | None:
        """Whether the records follow what was taken: True, or False to drop them, or None to drop them and seek back.

        Only the first batch after an assignment can be ahead by mistake: a fetch from before the seek. So a jump is
        believed only if reading from the mark on shows it again (a deleted or compacted stretch). Later jumps are the
        markers of a producer's transactions.
        """
        first = records[0].offset
        if self._contiguous or first <= self.end + 1:
            self._contiguous = True
            return True
        if self._jumped_to is None:
            self._jumped_to = first
            return None
        self._contiguous = first <= self._jumped_to
        return self._contiguous

    def misses(self, records: Sequence[LogRecord]) -> bool:
        """Whether there are offsets between what was taken and these records."""
        return records[0].offset > self.end + 1

    async def take(
        self, records: Sequence[LogRecord], acknowledged: Callable[[], None], dropped: Callable[[], None]
    ) -> None:
        """Take records in; returns when there is room for more.

        `acknowledged` is called when they have landed, `dropped` if they are not wanted any more before they are begun.
        """
        self.end = max(self.end, records[-1].offset)
        self._waiting.extend(records)
        self._taken.append(_Taken(records[-1].offset, acknowledged, dropped))
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(_guarded(self._work, f"partition {self._commit.partition}"))
        while not self._has_room():
            self._room.clear()
            await self._room.wait()

    def _has_room(self) -> bool:
        return len(self._waiting) < _PIECES_WAITING * self._piece_records

    async def finished(self) -> None:
        """Wait until nothing is waiting or on its way."""
        while self._working is not None and not self._working.done():
            await asyncio.wait({self._working})
        await self.drained()

    async def drained(self) -> None:
        """Wait until nothing is on its way."""
        if self._committing is not None:
            await asyncio.shield(self._committing)

    async def _work(self) -> None:
        """Fold and commit until nothing is waiting."""
        while self._waiting:
            if len(self._waiting) < self._piece_records:
                # What comes until then goes with it: a commit takes as much work for few records as for many.
                await self.drained()
            async with self._turn:
                if not self._flows():
                    self._drop()
                    return
                batch, records, fold_seconds = await self._fold()
            done = []
            while self._taken and self._taken[0].last <= batch.mark:
                done.append(self._taken.popleft().acknowledged)
            await self.drained()
            land = partial(self._land, batch, records, fold_seconds, done)
            self._committing = asyncio.create_task(_guarded(land, f"commit of partition {self._commit.partition}"))

    async def _fold(self) -> tuple[Batch, int, float]:
        """Fold a piece, with a pause now and then in which commits on their way get on."""
        folded, seconds, full = 0, 0.0, False
        while self._waiting and folded < self._piece_records and not full:
            if folded:
                await asyncio.sleep(0)
            some = [self._waiting.popleft() for _ in range(min(_FEWEST_RECORDS, len(self._waiting)))]
            started = time.perf_counter()
            full = self.fold.absorb(some)
            seconds += time.perf_counter() - started
            rest = some[bisect_right(some, self.fold.mark, key=lambda record: record.offset) :]
            self._waiting.extendleft(reversed(rest))
            folded += len(some) - len(rest)
        started = time.perf_counter()
        batch = self.fold.take()
        seconds += time.perf_counter() - started
        self._adapt(folded, seconds)
        if self._has_room():
            self._room.set()
        return batch, folded, seconds

    def _adapt(self, records: int, fold_seconds: float) -> None:
        """Take as many records at a time as are folded in `FOLD_SECONDS`."""
        fitting = int(records * FOLD_SECONDS / max(fold_seconds, _CLOCK_SECONDS))
        self._piece_records = max(_FEWEST_RECORDS, min(fitting, 2 * self._piece_records))

    def _drop(self) -> None:
        """Give back what is not begun: it is read again from the mark, and until then nothing behind it is taken."""
        self._waiting.clear()
        self.end, self._contiguous, self._jumped_to = self.fold.mark, False, None
        while self._taken:
            self._taken.popleft().dropped()
        self._room.set()

    async def _land(
        self, batch: Batch, records: int, fold_seconds: float, acknowledged: Sequence[Callable[[], None]]
    ) -> None:
        started = time.perf_counter()
        # Records that were all below the mark leave nothing to write.
        if batch.mark > self.landed_mark:
            await self._commit.commit(batch)
            self.landed_mark = batch.mark
            self.fold.landed(batch.mark)
            took = time.perf_counter() - started
            self._observe(Landed(self._commit.partition, self.fold, batch, records, fold_seconds, took))
        for acknowledge in acknowledged:
            acknowledge()
            self._commit.acknowledged()
