"""Protections taken away, one at a time, to see that the simulation notices.

Each function here is a context manager that replaces a piece of the shell by what a hasty author might have written.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from faust.types import TP

from online_models.examples import Example, PolicyNotice
from online_models.published import PublishedWeights
from online_models.training import Trainer
from streams.changelog import ChangelogReader, Replay, record_mark
from streams.commit import PartitionCommit
from streams.exchange import Exchange
from streams.lanes import PartitionLane
from streams.pipeline import PartitionFold
from streams.records import Batch, LogRecord, Output
from streams.recovery import Positions, Recovery
from streams.row_format import row_mark
from streams.state import PARTITION_KEY
from streams.trainer import TrainerShell
from streams.writers import BatchWriter, Rows, _started
from tests.simulation.cluster import CHANGELOG
from tests.simulation.disk import DiskPartition

# What Faust does between letting records flow and seeking: it asks for the committed offsets.
_ASKING_S = 0.05

Sabotage = Callable[[], AbstractContextManager[None]]


@contextmanager
def _with(owner: type, name: str, stand_in: object) -> Iterator[None]:
    with patch.object(owner, name, stand_in):
        yield


def effects_taken_as_they_come() -> AbstractContextManager[None]:
    """An effect is applied whatever its number."""

    def in_turn(self: Exchange, sender: int, number: int) -> bool:
        self._partition.row.effects_in[sender] = number + 1
        return True

    return _with(Exchange, "_in_turn", in_turn)


def state_in_pieces() -> AbstractContextManager[None]:
    """Rows go to the changelog one by one, the mark first."""
    whole = BatchWriter.send_state

    async def send_state(self: BatchWriter, partition: int, rows: Rows, mark: int) -> int:
        first = await whole(self, partition, rows[-1:], mark)
        for row in rows[:-1]:
            await whole(self, partition, [row], mark)
        return first

    return _with(BatchWriter, "send_state", send_state)


def outputs_after_state() -> AbstractContextManager[None]:
    """The state goes first."""

    async def commit(self: PartitionCommit, batch: Batch) -> None:
        stale = await self._append(batch.rows, batch.mark)
        self._hook("state", self.partition)
        await self._writer.send_outputs(self.partition, batch.outputs)
        self._hook("outputs", self.partition)
        await self.repair(stale, batch.mark)

    return _with(PartitionCommit, "_commit", commit)


def outputs_not_awaited() -> AbstractContextManager[None]:
    """Outputs are sent, and it is hoped that they arrive."""

    async def send_outputs(self: BatchWriter, partition: int, outputs: Iterable[Output]) -> None:
        for output in outputs:
            builder = _started(self._outputs).create_batch()
            builder.append(timestamp=None, key=output.key, value=output.value)
            await self._submit(_started(self._outputs), builder, (output.topic, partition))

    return _with(BatchWriter, "send_outputs", send_outputs)


def store_before_changelog() -> AbstractContextManager[None]:
    """The local store is written before the changelog has the rows."""
    careful = PartitionCommit._append

    async def append(self: PartitionCommit, rows: Rows, mark: int) -> set[bytes]:
        self._store.write(rows, self._next_offset + len(rows) - 1)
        return await careful(self, rows, mark)

    return _with(PartitionCommit, "_append", append)


def acknowledged_before_commit() -> AbstractContextManager[None]:
    """A batch is acknowledged when it is folded."""
    careful = PartitionLane._land

    async def land(
        self: PartitionLane, batch: Batch, records: int, seconds: float, acknowledged: Sequence[Callable[[], None]]
    ) -> None:
        for acknowledge in acknowledged:
            acknowledge()
        await careful(self, batch, records, seconds, ())

    return _with(PartitionLane, "_land", land)


def commits_side_by_side() -> AbstractContextManager[None]:
    """A batch does not wait until the one before has landed."""

    async def drained(_self: PartitionLane) -> None:
        return

    return _with(PartitionLane, "drained", drained)


def marks_not_checked() -> AbstractContextManager[None]:
    """Records are applied whenever they come."""

    def absorb(self: PartitionFold, records: Sequence[LogRecord]) -> bool:
        mark = max(self.mark, *(record.offset for record in records))
        for record in records:
            self.apply(record)
        self._partition.mark = mark  # not that of an old record: the lane would give it the same ones for ever
        return False

    return _with(PartitionFold, "absorb", absorb)


def jumps_believed() -> AbstractContextManager[None]:
    """A jump of offsets is taken for a gap at once."""

    def admit(_self: PartitionLane, _records: Sequence[LogRecord]) -> bool:
        return True

    return _with(PartitionLane, "admit", admit)


def flow_before_seek() -> AbstractContextManager[None]:
    """Recovery lets records flow and seeks then, as Faust's does."""
    careful = Recovery._resume

    async def resume(self: Recovery, positions: Positions, changelogs: Collection[TP]) -> None:
        self.app.in_recovery = False
        self.app.consumer.resume_partitions(set(positions))
        self.app.flow_control.resume()
        self.app.consumer.resume_flow()
        await self.app._fetcher.maybe_start()
        await asyncio.sleep(_ASKING_S)
        await careful(self, positions, changelogs)

    return _with(Recovery, "_resume", resume)


def last_row_wins() -> AbstractContextManager[None]:
    """Recovery keeps the last row of a key, as Faust's does."""

    def apply(self: Replay, records: Iterable[Any], position: int) -> None:
        self.store.write([(record.key, record.value) for record in records], position - 1)
        self.position = position
        row = self.store.get(PARTITION_KEY)
        self.floor = -1 if row is None else row_mark(row)

    return _with(Replay, "apply", apply)


def late_rows_stay() -> AbstractContextManager[None]:
    """Nobody writes behind a late writer."""

    async def repair(_self: PartitionCommit, _stale: Collection[bytes], _mark: int) -> None:
        return

    return _with(PartitionCommit, "repair", repair)


def overtaken_writers_go_on() -> AbstractContextManager[None]:
    """Whoever finds rows in between that are ahead of its own takes no notice."""

    async def stale_between(self: PartitionCommit, start: int, end: int, mark: int) -> set[bytes]:
        tp = TP(self._writer.changelog, self.partition)
        async with ChangelogReader(self._connection) as reader:
            return {
                record.key
                async for _, records, _ in reader.read({tp: start}, {tp: end})
                for record in records
                if record.offset < end and record_mark(record) < mark
            }

    return _with(PartitionCommit, "_stale_between", stale_between)


def changelog_not_read_to_its_end() -> AbstractContextManager[None]:
    """Recovery stops short of the last batch."""
    careful = ChangelogReader.ends

    async def ends(self: ChangelogReader, partitions: Collection[TP]) -> dict[TP, int]:
        found = await careful(self, partitions)
        return {tp: max(0, end - 8) if tp.topic == CHANGELOG else end for tp, end in found.items()}

    return _with(ChangelogReader, "ends", ends)


def changelog_read_past_its_end() -> AbstractContextManager[None]:
    """Recovery takes what it gets, be it the first half of a batch that someone is writing."""

    async def read(
        self: ChangelogReader, positions: Mapping[TP, int], ends: Mapping[TP, int] | None
    ) -> AsyncIterator[tuple[TP, Sequence[Any], int]]:
        waiting = {tp: start for tp, start in positions.items() if ends is None or start < ends[tp]}
        self._consumer.assign(list(waiting))
        for tp, start in waiting.items():
            self._consumer.seek(tp, start)
        while waiting:
            fetched = await self._consumer.getmany(*waiting, timeout_ms=500, max_records=10_000)
            for tp in list(waiting):
                position = await self._consumer.position(tp)
                if position > waiting[tp]:
                    waiting[tp] = position
                    yield tp, fetched.get(tp, ()), position
                if ends is not None and position >= ends[tp]:
                    del waiting[tp]

    return _with(ChangelogReader, "read", read)


def local_store_trusted() -> AbstractContextManager[None]:
    """Recovery takes the local store for complete."""

    async def positions(
        _reader: ChangelogReader, replays: Mapping[TP, Replay], ends: Mapping[TP, int] | None
    ) -> Mapping[TP, int]:
        for replay in replays.values():
            replay.position = replay.store.changelog_offset + 1
        return {tp: replays[tp].position for tp in replays} if ends is None else dict(ends)

    return _with(Recovery, "_positions", staticmethod(positions))


def examples_counted_as_they_come() -> AbstractContextManager[None]:
    """The trainer learns from an example each time it is sent."""
    careful = Trainer.learn

    def learn(self: Trainer, record: Example | PolicyNotice, offset: int) -> PublishedWeights | None:
        if isinstance(record, Example):
            self._next_number[record.partition] = record.number
        return careful(self, record, offset)

    return _with(Trainer, "learn", learn)


def holes_passed_over() -> AbstractContextManager[None]:
    """The trainer learns from what comes next, whatever its offset."""
    careful = TrainerShell._learn

    async def learn(self: TrainerShell, records: Collection[LogRecord]) -> None:
        for record in records:
            self._offset = max(self._offset, record.offset - 1)
            await careful(self, [record])

    return _with(TrainerShell, "_learn", learn)


def weights_written_out_once() -> AbstractContextManager[None]:
    """A trainer that starts takes it that the last version has reached everybody."""
    careful = TrainerShell.prepare

    async def prepare(self: TrainerShell, assigned: Collection[TP], replays: Mapping[int, Replay]) -> Positions:
        async def nowhere(_published: PublishedWeights) -> None:
            return

        fan_out, self._fan_out = self._fan_out, nowhere
        try:
            return await careful(self, assigned, replays)
        finally:
            self._fan_out = fan_out

    return _with(TrainerShell, "prepare", prepare)


def checkpoint_ahead_of_its_trainer() -> AbstractContextManager[None]:
    """The checkpoint's offset counts the example that is being learned, its trainer does not."""
    careful = TrainerShell._save

    def save(self: TrainerShell) -> None:
        self._offset += 1
        careful(self)
        self._offset -= 1

    return _with(TrainerShell, "_save", save)


def offset_written_before_its_rows() -> AbstractContextManager[None]:
    """The store moves its changelog offset in one write, and has the rows in the next."""
    careful = DiskPartition.write

    def write(self: DiskPartition, rows: Iterable[tuple[bytes, bytes | None]], changelog_offset: int) -> None:
        careful(self, [], changelog_offset)
        careful(self, rows, changelog_offset)

    return _with(DiskPartition, "write", write)
