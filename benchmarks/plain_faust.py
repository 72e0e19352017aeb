"""Contender: the same pipeline in a Faust agent as Faust's own guide writes it.

One event at a time, `table[key] = row` for each changed row, `topic.send` for each output. Nothing is awaited until it
is acknowledged, so it promises less than the engine does; that is to its advantage. Faust's tables cannot be scanned
in key order, so the due index is read from a sorted copy of the keys.
"""

import logging
import sys
from collections.abc import Iterator

import faust
from faust.streams import Stream
from sortedcontainers import SortedSet

from benchmarks.contender import Meter, Task, read_task
from streams.logs import configure_logs
from streams.pipeline import PartitionFold
from streams.records import LogRecord, OutputTopic
from streams.topics import MEMBERS_TABLE
from streams.writers import SINGLE_PARTITION_TOPICS

_OUTPUT_TOPICS: tuple[OutputTopic, ...] = ("points", "tier-changes", "notifications", "examples", "deadletter", "draws")
# Faust's default is 0; with this its producer sends fewer and larger requests.
_LINGER_S = 0.005


class TableRows:
    """The rows of one partition in a Faust table, with their keys in order beside it."""

    def __init__(self, table: faust.Table) -> None:
        self._table = table
        self._keys = SortedSet()

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        row: bytes | None = self._table.get(key) if key in self._keys else None
        return row

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order."""
        return iter(list(self._keys.irange(start, stop, inclusive=(True, False))))

    def set(self, key: bytes, row: bytes | None) -> None:
        """Write or delete one row."""
        if row is None:
            if key in self._keys:
                self._keys.discard(key)
                del self._table[key]
        else:
            self._keys.add(key)
            self._table[key] = row


def build(task: Task) -> faust.App:
    """The app of this contender."""
    app = faust.App(
        task.app_id,
        broker=f"kafka://{task.bootstrap}",
        datadir=task.data_dir,
        store="rocksdb://",
        topic_partitions=task.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        producer_linger=_LINGER_S,
        key_serializer="raw",
        value_serializer="raw",
        web_enabled=False,
    )
    actions = app.topic(f"{task.topic_prefix}.actions", key_type=bytes, value_type=bytes)
    topics = {
        kind: app.topic(f"{task.topic_prefix}.{kind}", key_type=bytes, value_type=bytes) for kind in _OUTPUT_TOPICS
    }
    table = app.Table(MEMBERS_TABLE, partitions=task.partitions, key_type=bytes, value_type=bytes)
    meter = Meter(task)
    folds: dict[int, tuple[PartitionFold, TableRows]] = {}

    @app.agent(actions)
    async def members(stream: Stream) -> None:
        async for event in stream.events():
            meter.begin()
            message = event.message
            number = message.partition
            if number not in folds:
                rows = TableRows(table)
                folds[number] = PartitionFold(number, b"plain", rows), rows
            fold, rows = folds[number]
            stamp_ms = round(message.timestamp * 1_000)
            batch = fold.fold([LogRecord(number, message.offset, stamp_ms, message.key, message.value)])
            for output in batch.outputs:
                partition = 0 if output.topic in SINGLE_PARTITION_TOPICS else number
                await topics[output.topic].send(key=output.key, value=output.value, partition=partition)
            for key, row in batch.rows:
                rows.set(key, row)
            fold.landed(batch.mark)
            if meter.reached(number, batch.mark):
                await app.producer.flush()
                meter.finish()

    return app


def main() -> None:
    """Work off the log of the task; ends the process."""
    task = read_task(sys.argv)
    configure_logs("info")
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    task.data_dir.mkdir(parents=True, exist_ok=True)
    worker = build(task).Worker(quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
