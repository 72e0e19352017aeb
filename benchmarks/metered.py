"""The engine's folds with a meter in them: from the first record folded to the last batch landed."""

from collections.abc import Mapping, Sequence

from benchmarks.contender import Meter, Task
from streams.agents import FoldFactory
from streams.pipeline import PartitionFold, new_fold
from streams.records import Batch, LogRecord


class MeteredFold:
    """A partition's fold that tells the meter what has landed."""

    def __init__(self, fold: PartitionFold, partition: int, meter: Meter) -> None:
        self._fold = fold
        self._partition = partition
        self._meter = meter

    @classmethod
    def factory(cls, task: Task, meter: Meter) -> FoldFactory:
        """What `build_app` takes as `new_fold`."""
        topic = f"{task.topic_prefix}.actions"
        return lambda partition, identity, store: cls(new_fold(partition, identity, store, topic), partition, meter)

    @property
    def mark(self) -> int:
        """As the fold's."""
        return self._fold.mark

    @property
    def log_time_ms(self) -> int:
        """As the fold's."""
        return self._fold.log_time_ms

    @property
    def policy_version(self) -> int:
        """As the fold's."""
        return self._fold.policy_version

    @property
    def weights_version(self) -> int:
        """As the fold's."""
        return self._fold.weights_version

    @property
    def counts(self) -> Mapping[str, int]:
        """As the fold's."""
        return self._fold.counts

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        """As the fold's; the clock runs from the first call."""
        self._meter.begin()
        with self._meter.folding():
            return self._fold.absorb(records)

    def take(self) -> Batch:
        """As the fold's."""
        with self._meter.folding():
            return self._fold.take()

    def landed(self, mark: int) -> None:
        """As the fold's; the run is over when the last batch has landed."""
        self._fold.landed(mark)
        if self._meter.reached(self._partition, mark):
            self._meter.finish()
