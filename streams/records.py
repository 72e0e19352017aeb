"""What goes into the pipeline and what comes out of it, as plain values.

The pipeline sees neither Kafka nor Faust: a `LogRecord` is a record of `loyalty.actions`, an `Output` is one of any
other topic, and a `Batch` is all that folding some records changed. `RowStore` is the read side of the member table.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

import msgspec

OutputTopic = Literal["points", "tier-changes", "notifications", "examples", "deadletter", "draws", "effects"]


class LogRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record of a partition's log. `timestamp_ms` is the broker's append time, or a history's own."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Output(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One record for `topic`, to be sent to the partition that the source record came from.

    `effects` go to the actions topic instead, each to the partition that it names, signed by whoever sends them.
    """

    topic: OutputTopic
    key: bytes
    value: bytes


class Batch(msgspec.Struct, frozen=True):
    """Everything that one fold changed.

    `mark` is the last source offset applied, `rows` are the changed rows (None deletes) and `counts` the growth of each
    counter of `streams.accounting.COUNTERS`.
    """

    mark: int
    outputs: list[Output]
    rows: list[tuple[bytes, bytes | None]]
    counts: Mapping[str, int]


class LogIdentity(NamedTuple):
    """What tells an actions topic from another one that later has its name: its UUID, and how many partitions it has.

    The count is part of what a member's history means: it says which partition a member or an owner lives in.
    """

    topic_id: bytes
    partitions: int


class RowStore(Protocol):
    """The rows of one partition that have landed."""

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        ...

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order."""
        ...
