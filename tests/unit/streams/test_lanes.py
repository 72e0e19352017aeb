"""A lane admits what follows its mark, commits in order while it folds ahead, and acknowledges what has landed."""

import asyncio
from collections.abc import Sequence
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from streams.commit import PartitionCommit
from streams.lanes import Landed, PartitionLane
from streams.memory_store import MemoryStore
from streams.records import Batch, LogIdentity, LogRecord
from tests.support.toy_fold import ToyFold


def records(first: int, count: int) -> list[LogRecord]:
    return [LogRecord(0, offset, 0, b"k-%d" % (offset % 7), b"v") for offset in range(first, first + count)]


class SlowCommit(PartitionCommit):
    """Commits to a list, with a pause in which the next fold may run."""

    def __init__(self, store: MemoryStore) -> None:
        self.partition = 0
        self.store = store
        self.marks: list[int] = []
        self.busy = False

    async def commit(self, batch: Batch) -> None:
        assert not self.busy, "a partition's batches go one after another"
        self.busy = True
        await asyncio.sleep(0)
        self.store.write(batch.rows)
        self.marks.append(batch.mark)
        self.busy = False

    def acknowledged(self) -> None:
        """Nobody waits for it here."""


class Lane(PartitionLane):
    """A lane over a toy fold that takes few rows per batch, with what became of it."""

    def __init__(self, max_rows: int = 100) -> None:
        self.store = MemoryStore()
        self.commits = SlowCommit(self.store)
        self.landed: list[Landed] = []
        self.acknowledged: list[int] = []
        super().__init__(ToyFold(0, LogIdentity(b"t", 1), self.store, max_rows), self.commits, self.landed.append)

    async def deliver(self, batches: Sequence[Sequence[LogRecord]]) -> None:
        """Take batches as the agent does."""
        for batch in batches:
            await self.take(batch, partial(self.acknowledged.append, batch[-1].offset))
        await self.drained()


@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6), max_rows=st.integers(1, 8))
def test_every_record_is_folded_once_in_order_and_acknowledged_after_it_landed(sizes: list[int], max_rows: int) -> None:
    lane, batches, first = Lane(max_rows), [], 0
    for size in sizes:
        batches.append(records(first, size))
        first += size
    asyncio.run(lane.deliver(batches))
    outputs = [output.value for entry in lane.landed for output in entry.batch.outputs]
    undisturbed = ToyFold(0, LogIdentity(b"t", 1), MemoryStore()).fold(records(0, first))
    assert outputs == [output.value for output in undisturbed.outputs]
    assert sum(entry.records for entry in lane.landed) == first
    assert lane.commits.marks == sorted(lane.commits.marks)
    assert lane.acknowledged == [batch[-1].offset for batch in batches]


def test_records_that_were_applied_before_are_acknowledged_and_committed_no_second_time() -> None:
    lane = Lane()
    asyncio.run(lane.deliver([records(0, 10), records(0, 10), records(5, 10)]))
    assert lane.commits.marks == [9, 14]
    assert lane.acknowledged == [9, 9, 14]


def test_a_jump_right_after_the_assignment_is_read_again_before_it_is_believed() -> None:
    lane = Lane()
    assert lane.admit(records(5, 3)) is None  # seek back to 0
    assert lane.admit(records(8, 3)) is False  # still on its way from before the seek
    assert lane.admit(records(0, 3)) is True


def test_a_jump_that_comes_again_is_a_hole_in_the_log() -> None:
    lane = Lane()
    assert lane.admit(records(5, 3)) is None
    assert lane.admit(records(5, 3)) is True


def test_later_jumps_are_the_markers_of_transactions() -> None:
    lane = Lane()
    assert lane.admit(records(0, 3)) is True
    assert lane.admit(records(9, 3)) is True


class StuckCommit(SlowCommit):
    """Commits to a broker that does not answer."""

    async def commit(self, batch: Batch) -> None:  # noqa: ARG002 - the commit's interface
        await asyncio.Event().wait()


def test_a_slow_broker_slows_the_worker_which_folds_one_batch_ahead_and_no_more() -> None:
    async def folded_while_stuck() -> list[int]:
        lane = Lane()
        lane._commit = StuckCommit(lane.store)
        delivering = asyncio.create_task(lane.deliver([records(first, 10) for first in range(0, 1_000, 10)]))
        for _ in range(1_000):
            await asyncio.sleep(0)
        delivering.cancel()
        assert lane._committing is not None
        lane._committing.cancel()
        return [lane.fold.mark, len(lane.landed)]

    assert asyncio.run(folded_while_stuck()) == [19, 0]
