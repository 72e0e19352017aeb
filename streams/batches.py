"""How records reach the agent: all that was fetched from one partition, as one Faust event.

Faust's cost per event is two asyncio tasks and a dozen hooks, about 0.2 ms. One event for some thousand records makes
that nothing. Faust's `ConsumerScheduler` setting is the public way in: it decides in which order fetched records go to
the agents, so it may as well hand over a partition's records together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.types.transports import SchedulingStrategyT

from streams.records import LogRecord

# What is folded and committed together at most: a few hundred milliseconds of work.
MAX_BATCH_RECORDS = 8_192
MAX_BATCH_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Some consecutive records of one partition in the shape of a Kafka record.

    `offset` is the last record's: what is acknowledged is everything up to it. Faust copies the fields into its own
    message, hence their names.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: Sequence[LogRecord]
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0


class BatchScheduler(SchedulingStrategyT):
    """Yields one `RecordBatch` per partition in turn, until everything fetched is handed over.

    A batch is bounded in records and bytes, so a partition with a long backlog cannot starve the others.

    Example:
        >>> def record(offset):
        ...     return ConsumerRecord("t", 0, offset, 5, 0, b"k", b"value", None, 1, 5, ())
        >>> [(batch.offset, len(batch.value)) for _, batch in BatchScheduler(2).iterate({0: map(record, range(3))})]
        [(1, 2), (2, 1)]
    """

    def __init__(self, max_records: int = MAX_BATCH_RECORDS, max_bytes: int = MAX_BATCH_BYTES) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes

    def iterate(self, records: Mapping[Any, Sequence[ConsumerRecord]]) -> Iterator[tuple[Any, RecordBatch]]:
        """Order what was fetched, by partition, into batches."""
        waiting = [(partition, self._batches(fetched)) for partition, fetched in records.items()]
        while waiting:
            still_waiting = []
            for partition, batches in waiting:
                batch = next(batches, None)
                if batch is not None:
                    yield partition, batch
                    still_waiting.append((partition, batches))
            waiting = still_waiting

    def _batches(self, fetched: Sequence[ConsumerRecord]) -> Iterator[RecordBatch]:
        values: list[LogRecord] = []
        size = 0
        last: ConsumerRecord | None = None
        for record in fetched:
            values.append(LogRecord(record.partition, record.offset, record.timestamp, record.key, record.value))
            size += record.serialized_value_size
            last = record
            if len(values) >= self._max_records or size >= self._max_bytes:
                yield _batch(last, values)
                values, size, last = [], 0, None
        if last is not None:
            yield _batch(last, values)


def _batch(last: ConsumerRecord, values: Sequence[LogRecord]) -> RecordBatch:
    return RecordBatch(last.topic, last.partition, last.offset, last.timestamp, last.timestamp_type, tuple(values))
