"""Contenders without a broker: the pure pipeline in this process, over bytes and over decoded actions.

Over decoded actions it is the limit for this machine's core: no codec, no Kafka, no disk. Each run is a process of its
own, because a fold fills the memory.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest.mock import patch

import msgspec

from benchmarks.contender import Result, peak_mib
from benchmarks.workloads import WorkloadName, actions_of, log_of
from streams import codecs, pipeline
from streams.collector import collect_seldom
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.settings import Settings


class MemoryTask(msgspec.Struct, frozen=True):
    """One run in memory. `decoded` leaves the codec out of the time."""

    workload: WorkloadName
    count: int | None
    decoded: bool


def batches(records: Sequence[LogRecord], fold: PartitionFold, first: int = 0) -> Iterator[Sequence[LogRecord]]:
    """Cut a log that begins at offset `first` as a worker's scheduler would; a fold goes on where it stopped."""
    most = Settings().batch_max_records
    while (next_at := fold.mark + 1 - first) < len(records):
        yield records[next_at : next_at + most]


def fold_all(records: Sequence[LogRecord]) -> PartitionFold:
    """Fold a log from its beginning, each batch into a store in memory."""
    store = MemoryStore()
    fold = PartitionFold(0, b"bench", store)
    for some in batches(records, fold):
        batch = fold.fold(some)
        store.write(batch.rows)
        fold.landed(batch.mark)
    return fold


def measure(task: MemoryTask) -> Result:
    """Fold the log of a task in this process."""
    records = log_of(actions_of(task.workload, task.count))
    decode = codecs.decode
    if task.decoded:
        messages = [codecs.decode(record) for record in records]
        decode = lambda record: messages[record.offset]  # noqa: E731 - the shortest way to name what stands in
    collect_seldom()
    with patch.object(pipeline, "decode", decode):
        wall, cpu = time.perf_counter(), time.process_time()
        fold = fold_all(records)
        taken = time.perf_counter() - wall, time.process_time() - cpu
    return Result(fold.counts["actions_in"], *taken, peak_mib())


def main() -> None:
    """`python -m benchmarks.memory TASK RESULT`: read a task, write its result."""
    task = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=MemoryTask)
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(measure(task)))


if __name__ == "__main__":
    main()
