"""`python -m benchmarks.stamped_worker worker ...`: `tierstream worker` that notes when each action passes each stage.

Notes go to a file beside its data folder, a line of JSON per batch, and one per pause for the collector of garbage.
"""

import gc
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from unittest.mock import patch

import msgspec

from benchmarks.wrapped_fold import WrappedFold
from streams import app
from streams.agents import FoldFactory
from streams.cli import main
from streams.commit import Step
from streams.lanes import PartitionLane
from streams.pipeline import PartitionFold, new_fold
from streams.records import Batch, LogRecord
from streams.settings import Settings
from streams.topics import topic_name

_SHORTEST_PAUSE_S = 0.001


class StampedAction(msgspec.Struct, gc=False, array_like=True):
    """Monotonic seconds, which all processes share: appended by the broker, in its lane, its part of the fold begun."""

    id: str
    appended_s: float
    in_lane_s: float
    begun_s: float


class StampedBatch(msgspec.Struct, gc=False, tag="batch"):
    """The actions of a batch, and when it was folded, its commit began, outputs and state were acknowledged."""

    actions: list[StampedAction]
    folded_s: float
    commit_s: float = 0.0
    outputs_s: float = 0.0
    state_s: float = 0.0


class Pause(msgspec.Struct, gc=False, tag="pause"):
    """A look of the collector of garbage, in which the process stands still."""

    began_s: float
    took_s: float
    generation: int


class _Event(msgspec.Struct):
    id: str = ""


_event = msgspec.json.Decoder(_Event).decode
_encode = msgspec.json.Encoder().encode


class Stamps:
    """Notes of one worker; `file` is where they go to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._to_monotonic_s = time.monotonic() - time.time()
        self._arrivals: dict[int, deque[tuple[int, float]]] = defaultdict(deque)
        self._actions: dict[int, list[StampedAction]] = defaultdict(list)
        self._folded: dict[int, deque[StampedBatch]] = defaultdict(deque)
        self._pause_s = 0.0

    def arrived(self, records: Sequence[LogRecord]) -> None:
        """Records come into their partition's lane."""
        self._arrivals[records[0].partition].append((records[-1].offset, time.monotonic()))

    def begun(self, records: Sequence[LogRecord], mark: int) -> None:
        """Records up to `mark` have been folded from now on."""
        now = time.monotonic()
        for record in records:
            arrivals = self._arrivals[record.partition]
            while len(arrivals) > 1 and arrivals[0][0] < record.offset:
                arrivals.popleft()
            if record.offset > mark:
                appended_s = record.timestamp_ms / 1000 + self._to_monotonic_s
                event = _event(record.value or b"{}")
                self._actions[record.partition].append(StampedAction(event.id, appended_s, arrivals[0][1], now))

    def folded(self, partition: int) -> None:
        """A partition's batch is complete."""
        actions = self._actions.pop(partition, [])
        self._folded[partition].append(StampedBatch(actions, time.monotonic()))

    def step(self, step: Step, partition: int) -> None:
        """A commit, one after another in each partition, passes a step."""
        now = time.monotonic()
        batches = self._folded[partition]
        match step:
            case "folded":
                batches[0].commit_s = now
            case "outputs":
                batches[0].outputs_s = now
            case "state":
                batches[0].state_s = now
                self._note(batches.popleft())
            case "store" | "acknowledged":
                pass

    def collected(self, phase: str, info: Mapping[str, int]) -> None:
        """What Python tells of the collector of garbage."""
        if phase == "start":
            self._pause_s = time.monotonic()
        elif (took_s := time.monotonic() - self._pause_s) >= _SHORTEST_PAUSE_S:
            self._note(Pause(self._pause_s, took_s, info["generation"]))

    def _note(self, note: StampedBatch | Pause) -> None:
        self._file.write(_encode(note) + b"\n")


class _StampedFold(WrappedFold):
    def __init__(self, fold: PartitionFold, partition: int, stamps: Stamps) -> None:
        super().__init__(fold)
        self._partition = partition
        self._stamps = stamps
        self._taken = fold.mark

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        self._stamps.begun(records, self.mark)
        return super().absorb(records)

    def take(self) -> Batch:
        batch = super().take()
        if batch.mark > self._taken:  # others are not committed
            self._taken = batch.mark
            self._stamps.folded(self._partition)
        return batch


def _folds(topic: str, stamps: Stamps) -> FoldFactory:
    return lambda partition, identity, store: _StampedFold(
        new_fold(partition, identity, store, topic), partition, stamps
    )


def _stamped(run: Callable[..., None], settings: Settings) -> None:
    stamps = Stamps(stamps_of(settings.data_dir).open("ab", buffering=0))  # without a buffer: the worker will be killed
    take = PartitionLane.take

    async def stamped_take(lane: PartitionLane, records: Sequence[LogRecord], *told: Callable[[], None]) -> None:
        stamps.arrived(records)
        await take(lane, records, *told)

    gc.callbacks.append(stamps.collected)
    with patch.object(PartitionLane, "take", stamped_take):
        run(settings, new_fold=_folds(topic_name(settings, "actions"), stamps), hook=stamps.step)


def stamps_of(data_dir: Path) -> Path:
    """Where a worker with this data folder leaves its notes."""
    return data_dir.with_suffix(".stamps")


if __name__ == "__main__":
    run_worker = app.run_worker
    with patch.object(app, "run_worker", lambda settings: _stamped(run_worker, settings)):
        main()
