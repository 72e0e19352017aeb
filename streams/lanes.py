"""A partition between assignment and revocation: it folds a batch while the last one is on its way to the broker."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from streams.commit import PartitionCommit
from streams.faust_overrides import end_process, was_cancelled
from streams.records import Batch, LogRecord

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

    def misses(self, records: Sequence[LogRecord]) -> bool:
        """Whether there are offsets between the mark and these records."""
        return records[0].offset > self.fold.mark + 1

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
