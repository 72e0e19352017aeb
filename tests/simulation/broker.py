"""The simulated log: topics of partitions, each a list of records with offsets.

What Kafka promises, and no more: a record batch is appended whole; a reader sees records up to the high watermark; an
idempotent producer's repetition is recognised; control markers and compaction leave gaps of offsets; compaction keeps
the last record of a key and touches nothing younger than its lag.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from zlib import crc32

from streams.row_format import row_mark
from streams.state import PARTITION_KEY
from tests.simulation.world import World


class Topic(str):
    """A topic's name whose hash is the same in every process.

    Sets of partitions are then in the same order everywhere, and a seed is the same run on every machine.
    """

    __slots__ = ("_hash",)
    _hash: int

    def __new__(cls, name: str) -> Self:
        """Asked for its hash some thousand times in a run, it knows it."""
        topic = super().__new__(cls, name)
        topic._hash = crc32(name.encode())
        return topic

    def __hash__(self) -> int:
        """Of the name's bytes."""
        return self._hash


Headers = tuple[tuple[str, bytes], ...]

COMPACTION_LAG_S = 60.0


class Unsent(NamedTuple):
    """A record on its way to the log. `timestamp` is in milliseconds."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int = 1


class Stored(NamedTuple):
    """A record in the log, in the shape that aiokafka hands it out."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    appended_at: float
    timestamp_type: int = 0
    serialized_value_size: int = 0


@dataclass
class PartitionLog:
    """One partition of a topic."""

    topic: str
    partition: int
    records: list[Stored] = field(default_factory=list)
    end: int = 0
    high_watermark: int = 0
    sequences: dict[object, int] = field(default_factory=dict)  # a producer's batches, and where they are
    waiting: list[Callable[[], None]] = field(default_factory=list)
    _marked: tuple[int, int] = (0, -1)  # so many records were looked at, and the highest mark of a partition row there

    def append(self, batch: Sequence[Unsent], now: float) -> int:
        """Append a record batch; returns the offset of its first record."""
        first = self.end
        for at, record in enumerate(batch, start=first):
            stored = Stored(
                self.topic, self.partition, at, record.timestamp, record.key, record.value, record.headers, now
            )
            self.records.append(stored)
        self.end += len(batch)
        return first

    def mark_transaction(self) -> None:
        """A producer's transaction ends here: its marker takes an offset that nobody reads."""
        self.end += 1

    @property
    def mark(self) -> int:
        """Of a changelog: the highest mark of a partition row, which each acknowledgement asks for."""
        seen, mark = self._marked
        for record in self.records[seen:]:
            if record.key == PARTITION_KEY and record.value:
                mark = max(mark, row_mark(record.value))
        self._marked = len(self.records), mark
        return mark

    def show(self, until: int) -> None:
        """Let readers see the records before `until`."""
        if until > self.high_watermark:
            self.high_watermark = until
            waiting, self.waiting = self.waiting, []
            for wake in waiting:
                wake()

    def read(self, position: int, most: int) -> tuple[list[Stored], int]:
        """Return at most `most` visible records from `position` on, and the position after them."""
        start = bisect_left(self.records, position, key=lambda record: record.offset)
        records = [record for record in self.records[start : start + most] if record.offset < self.high_watermark]
        if len(records) == most:
            return records, records[-1].offset + 1
        return records, max(position, self.high_watermark)

    def compact(self, now: float) -> int:
        """Keep the last record of each key among those that are old enough; returns how many are gone."""
        young = next((i for i, record in enumerate(self.records) if record.appended_at > now - COMPACTION_LAG_S), None)
        old = self.records if young is None else self.records[:young]
        # The active segment is never cleaned, so the end of the log stays.
        last = {record.key: record.offset for record in old if record.offset < self.high_watermark}
        kept = [record for record in old if last.get(record.key, record.offset) == record.offset]
        gone = len(old) - len(kept)
        self.records = kept + ([] if young is None else self.records[young:])
        self._marked = 0, -1
        return gone


class Broker:
    """All partitions of all topics."""

    def __init__(self, world: World, partitions: int) -> None:
        self.world = world
        self.partitions = partitions
        self._logs: dict[tuple[str, int], PartitionLog] = {}

    def log(self, topic: str, partition: int) -> PartitionLog:
        """The partition, made when first asked for."""
        key = (str(topic), partition)
        if key not in self._logs:
            self._logs[key] = PartitionLog(topic, partition)
        return self._logs[key]

    def logs(self) -> list[PartitionLog]:
        """All of them."""
        return list(self._logs.values())

    def append_now(self, topic: str, partition: int, record: Unsent) -> None:
        """Append and replicate at once."""
        log = self.log(topic, partition)
        log.append([record], self.world.now)
        log.show(log.end)
