"""A partition's fold with something around it: what benchmarks note on the way."""

from collections.abc import Mapping, Sequence

from streams.pipeline import PartitionFold
from streams.records import Batch, LogRecord


class WrappedFold:
    """As the fold in it; to be overridden where something is noted."""

    def __init__(self, fold: PartitionFold) -> None:
        self._fold = fold

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
        """As the fold's."""
        return self._fold.absorb(records)

    def take(self) -> Batch:
        """As the fold's."""
        return self._fold.take()

    def landed(self, mark: int) -> None:
        """As the fold's."""
        self._fold.landed(mark)
