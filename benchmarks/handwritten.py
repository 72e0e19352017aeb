"""Contender: what a good engineer writes by hand on confluent-kafka, state in memory.

Consume a batch, fold it, produce the outputs, commit them and the source offsets in one transaction (the loop of the
client's own `eos-transactions` example, a few thousand records at a time). It keeps no state beyond the process: after
a crash it would have to fold the whole log anew. So it promises less and does less than the engine.
"""

import sys
from collections import defaultdict

from confluent_kafka import Consumer, Message, Producer

from benchmarks.contender import Meter, Task, read_task
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output
from streams.writers import SINGLE_PARTITION_TOPICS

_AT_ONCE = 4_000
_WAIT_S = 0.2
_TRANSACTION_S = 30.0


def clients(task: Task) -> tuple[Consumer, Producer]:
    """A consumer that does not commit by itself and a transactional producer."""
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap,
            "group.id": task.app_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": task.bootstrap,
            "transactional.id": task.app_id,
            "compression.type": "lz4",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    return consumer, producer


class Loop:
    """Consume, fold, produce, commit."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._meter = Meter(task)
        self._consumer, self._producer = clients(task)
        self._folds: dict[int, tuple[PartitionFold, MemoryStore]] = {}

    def run(self) -> None:
        """Until the end of the log."""
        self._producer.init_transactions(_TRANSACTION_S)
        self._consumer.subscribe([f"{self._task.topic_prefix}.actions"])
        done = False
        while not done:
            messages = self._consumer.consume(_AT_ONCE, timeout=_WAIT_S)
            if messages:
                self._meter.begin()
                done = self._step(messages)
        self._meter.finish()

    def _step(self, messages: list[Message]) -> bool:
        records: dict[int, list[LogRecord]] = defaultdict(list)
        for message in messages:
            partition, stamp_ms = message.partition(), message.timestamp()[1]
            records[partition].append(LogRecord(partition, message.offset(), stamp_ms, message.key(), message.value()))
        self._producer.begin_transaction()
        for partition, some in records.items():
            self._fold(partition, some)
        offsets = self._consumer.position(self._consumer.assignment())
        self._producer.send_offsets_to_transaction(offsets, self._consumer.consumer_group_metadata(), _TRANSACTION_S)
        self._producer.commit_transaction(_TRANSACTION_S)
        reached = [self._meter.reached(partition, some[-1].offset) for partition, some in records.items()]
        return any(reached)

    def _fold(self, partition: int, records: list[LogRecord]) -> None:
        if partition not in self._folds:
            store = MemoryStore()
            self._folds[partition] = PartitionFold(partition, b"handwritten", store), store
        fold, store = self._folds[partition]
        rest = records
        while rest:
            with self._meter.folding():
                batch = fold.fold(rest)
            for output in batch.outputs:
                self._produce(partition, output)
            store.write(batch.rows)
            fold.landed(batch.mark)
            rest = [record for record in rest if record.offset > batch.mark]

    def _produce(self, partition: int, output: Output) -> None:
        target = 0 if output.topic in SINGLE_PARTITION_TOPICS else partition
        topic = f"{self._task.topic_prefix}.{output.topic}"
        while True:
            try:
                self._producer.produce(topic, output.value, output.key, target)
            except BufferError:
                self._producer.poll(_WAIT_S)
            else:
                self._producer.poll(0)
                return


def main() -> None:
    """Work off the log of the task; ends the process."""
    Loop(read_task(sys.argv)).run()


if __name__ == "__main__":
    main()
