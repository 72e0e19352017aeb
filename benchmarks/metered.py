"""The engine's folds with a meter in them: from the first record folded to the last batch landed."""

from collections.abc import Sequence

from benchmarks.contender import Meter, Task
from benchmarks.wrapped_fold import WrappedFold
from streams.agents import FoldFactory
from streams.pipeline import PartitionFold, new_fold
from streams.records import Batch, LogRecord


class MeteredFold(WrappedFold):
    """A partition's fold that tells the meter what has landed."""

    def __init__(self, fold: PartitionFold, partition: int, meter: Meter) -> None:
        super().__init__(fold)
        self._partition = partition
        self._meter = meter

    @classmethod
    def factory(cls, task: Task, meter: Meter) -> FoldFactory:
        """What `build_app` takes as `new_fold`."""
        topic = f"{task.topic_prefix}.actions"
        return lambda partition, identity, store: cls(new_fold(partition, identity, store, topic), partition, meter)

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        """As the fold's; the clock runs from the first call."""
        self._meter.begin()
        with self._meter.folding():
            return super().absorb(records)

    def take(self) -> Batch:
        """As the fold's."""
        with self._meter.folding():
            return super().take()

    def landed(self, mark: int) -> None:
        """As the fold's; the run is over when the last batch has landed."""
        super().landed(mark)
        if self._meter.reached(self._partition, mark):
            self._meter.finish()
