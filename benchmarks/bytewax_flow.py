"""Contender: the same pipeline in Bytewax, recovery on, as its documentation shows.

A dataflow from Kafka to Kafka with `stateful_batch` keyed by member; at the end of each epoch Bytewax snapshots the
state of the members that were touched into its recovery store. Snapshot interval: its default of 10 s.
"""

import sys
from collections.abc import Iterable
from datetime import timedelta
from typing import TypeAlias

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.contender import Meter, Task, read_task
from benchmarks.keyed import KeyedFold

_SNAPSHOT_EVERY = timedelta(seconds=10)
_FETCH = 1_000  # Bytewax's default batch size

Record: TypeAlias = KafkaSourceMessage[bytes | None, bytes | None]
Sent: TypeAlias = KafkaSinkMessage[bytes | None, bytes | None]


class MemberLogic(op.StatefulBatchLogic[Record, Sent, dict[bytes, bytes]]):
    """One member's state: the rows that the pipeline wrote."""

    def __init__(self, task: Task, fold: KeyedFold, meter: Meter, rows: dict[bytes, bytes] | None) -> None:
        self._prefix = task.topic_prefix
        self._fold = fold
        self._meter = meter
        self._rows = rows or {}

    def on_batch(self, values: list[Record]) -> tuple[Iterable[Sent], bool]:
        """Fold what has come for this member."""
        self._meter.begin()
        records = [(value.timestamp[1], value.value or b"") for value in values if value.timestamp]
        member = (values[0].key or b"").decode()
        outputs = self._fold.fold(member, records, self._rows.get, self._put)
        return [
            KafkaSinkMessage(output.key, output.value, topic=f"{self._prefix}.{output.topic}") for output in outputs
        ], self.RETAIN

    def _put(self, key: bytes, row: bytes | None) -> None:
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = row

    def snapshot(self) -> dict[bytes, bytes]:
        """A copy, because the rows change on."""
        return dict(self._rows)


def build(task: Task, meter: Meter) -> Dataflow:
    """The dataflow of this contender; it ends at the end of the log."""
    fold = KeyedFold()
    flow = Dataflow(task.app_id)
    source = KafkaSource([task.bootstrap], [f"{task.topic_prefix}.actions"], tail=False, batch_size=_FETCH)
    records = op.input("actions", flow, source)
    members = op.filter("members", records, lambda record: record.key is not None)
    keyed = op.key_on("by_member", members, lambda record: record.key.decode())
    folded = op.stateful_batch("fold", keyed, lambda rows: MemberLogic(task, fold, meter, rows))
    sent = op.key_rm("outputs", folded)
    op.output(
        "topics", sent, KafkaSink([task.bootstrap], None, add_config={"compression.type": "lz4", "linger.ms": "5"})
    )
    return flow


def main() -> None:
    """Work off the log of the task; ends the process."""
    task = read_task(sys.argv)
    task.data_dir.mkdir(parents=True, exist_ok=True)
    init_db_dir(task.data_dir, 1)
    meter = Meter(task)
    recovery = RecoveryConfig(str(task.data_dir))
    cli_main(build(task, meter), epoch_interval=_SNAPSHOT_EVERY, recovery_config=recovery)
    meter.finish()


if __name__ == "__main__":
    main()
