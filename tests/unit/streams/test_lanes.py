"""A lane admits what follows its mark, commits in order while it folds ahead, and acknowledges what has landed."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.commit import PartitionCommit
from streams.lanes import _FEWEST_RECORDS, _PIECES_WAITING, Landed, PartitionLane
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
        self.begun = asyncio.Event()

    async def commit(self, batch: Batch) -> None:
        assert not self.busy, "a partition's batches go one after another"
        self.busy = True
        self.begun.set()
        await asyncio.sleep(0)
        self.store.write(batch.rows)
        self.marks.append(batch.mark)
        self.busy = False

    def acknowledged(self) -> None:
        """Nobody waits for it here."""


class Lane(PartitionLane):
    """A lane over a toy fold that takes few rows per batch, with what became of it."""

    def __init__(self, max_rows: int = 100, turn: asyncio.Lock | None = None) -> None:
        self.store = MemoryStore()
        self.commits = SlowCommit(self.store)
        self.landed: list[Landed] = []
        self.acknowledged: list[int] = []
        self.dropped: list[int] = []
        self.flowing = True
        fold = ToyFold(0, LogIdentity(b"t", 1), self.store, max_rows)
        super().__init__(
            fold, self.commits, self.landed.append, turn=turn or asyncio.Lock(), flows=lambda: self.flowing
        )

    async def deliver(self, batches: Sequence[Sequence[LogRecord]]) -> None:
        """Take batches as the agent does."""
        for batch in batches:
            last = batch[-1].offset
            await self.take(batch, partial(self.acknowledged.append, last), partial(self.dropped.append, last))
        await self.finished()


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
    async def delivered() -> Lane:
        lane = Lane()
        for first in (0, 0, 5):
            await lane.deliver([records(first, 10)])
        return lane

    lane = asyncio.run(delivered())
    assert lane.commits.marks == [9, 14]
    assert lane.acknowledged == [9, 9, 14]


def test_what_comes_while_a_batch_is_on_its_way_goes_together_in_the_next() -> None:
    async def deliver() -> Lane:
        lane = Lane()
        delivering = asyncio.create_task(lane.deliver([records(0, 1)]))
        await lane.commits.begun.wait()
        await lane.deliver([records(first, 1) for first in range(1, 40)])
        await delivering
        return lane

    lane = asyncio.run(deliver())
    assert [entry.records for entry in lane.landed] == [1, 39]
    assert lane.acknowledged == list(range(40))


def test_a_lane_that_waits_for_the_broker_keeps_no_other_from_folding() -> None:
    async def deliver() -> int:
        turn = asyncio.Lock()
        stuck, other = Lane(turn=turn), Lane(turn=turn)
        stuck._commit = StuckCommit(stuck.store)
        waiting = asyncio.create_task(stuck.deliver([records(0, 1_000)]))
        await other.deliver([records(0, 1_000)])
        waiting.cancel()
        return other.landed_mark

    assert asyncio.run(deliver()) == 999


def test_commits_get_on_while_a_long_piece_is_folded() -> None:
    class Watched(Lane):
        meanwhile = 0

        async def _fold(self) -> tuple[Batch, int, float]:
            before = len(self.commits.marks)
            folded = await super()._fold()
            self.meanwhile = max(self.meanwhile, len(self.commits.marks) - before)
            return folded

    lane = Watched(max_rows=100_000)
    lane._piece_records = 4 * _FEWEST_RECORDS
    asyncio.run(lane.deliver([records(0, 16 * _FEWEST_RECORDS)]))
    assert lane.meanwhile == 1


def test_in_a_rebalance_what_is_not_begun_is_given_back_and_what_was_begun_lands() -> None:
    async def rebalance() -> Lane:
        lane = Lane()
        delivering = asyncio.create_task(lane.deliver([records(first, 10) for first in range(0, 1_000, 10)]))
        await lane.commits.begun.wait()
        lane.flowing = False
        await delivering
        return lane

    lane = asyncio.run(rebalance())
    assert lane.acknowledged[-1] <= lane.landed_mark == lane.fold.mark
    assert lane.acknowledged + lane.dropped == list(range(9, 1_000, 10))
    assert lane.dropped
    assert lane.admit(records(1_000, 10)) is None, "what was given back has to be read again first"
    assert lane.admit(records(lane.fold.mark + 1, 10)) is True


def test_whoever_no_longer_waits_for_a_lane_takes_nothing_from_it() -> None:
    async def give_up() -> int:
        lane = Lane()
        await lane.take(records(0, 10), lambda: None, lambda: None)
        await lane.commits.begun.wait()
        waiting = asyncio.create_task(lane.finished())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        await lane.finished()
        return lane.landed_mark

    assert asyncio.run(give_up()) == 9


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


def test_a_slow_broker_slows_the_worker_which_folds_one_batch_ahead_and_takes_in_two_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.lanes.FOLD_SECONDS", 0.0)  # pieces do not grow

    async def folded_while_stuck() -> list[int]:
        lane = Lane()
        lane._commit = StuckCommit(lane.store)
        delivering = asyncio.create_task(lane.deliver([records(first, 10) for first in range(0, 1_000, 10)]))
        for _ in range(1_000):
            await asyncio.sleep(0)
        delivering.cancel()
        assert lane._committing is not None
        lane._committing.cancel()
        return [lane.fold.mark, len(lane._waiting), len(lane.landed)]

    ahead, waiting, landed = asyncio.run(folded_while_stuck())
    assert (ahead, landed) == (2 * _FEWEST_RECORDS - 1, 0)
    assert _PIECES_WAITING * _FEWEST_RECORDS <= waiting < _PIECES_WAITING * _FEWEST_RECORDS + 10
