"""Contender: the same pipeline in Quix Streams, state in RocksDB with a changelog topic, as its documentation shows.

A streaming dataframe with a stateful `apply`, each of the member's rows a state value. A checkpoint every 5 s (its
default) flushes outputs, changelog and state, then commits. `python -m benchmarks.quix TASK exactly-once` wraps the
checkpoint in a transaction; without the word it is at-least-once.
"""

import sys

from quixstreams import Application, State, message_context
from quixstreams.models.serializers import SerializationContext, Serializer
from quixstreams.models.topics import Topic

from benchmarks.contender import Meter, Task, read_task
from benchmarks.keyed import KeyedFold
from streams.records import Output, OutputTopic

_OUTPUT_TOPICS: tuple[OutputTopic, ...] = ("points", "tier-changes", "notifications", "examples", "deadletter", "draws")
_TASK_ONLY = 2


class OutputSerializer(Serializer):
    """An output is bytes already."""

    def __call__(self, value: Output, ctx: SerializationContext) -> bytes:  # noqa: ARG002 - Quix passes it by name
        """Its value."""
        return value.value


class Run:
    """The application and the folds of its partitions."""

    def __init__(self, task: Task, guarantee: str) -> None:
        self._meter = Meter(task)
        self._folds: dict[int, KeyedFold] = {}
        self._app = Application(
            broker_address=task.bootstrap,
            consumer_group=task.app_id,
            auto_offset_reset="earliest",
            state_dir=task.data_dir,
            processing_guarantee=guarantee,
            producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
            loglevel="WARNING",
        )
        actions = self._topic(task, "actions")
        self._outputs: dict[OutputTopic, Topic] = {kind: self._topic(task, kind) for kind in _OUTPUT_TOPICS}
        frame = self._app.dataframe(actions)
        frame = frame.filter(self._has_member, metadata=True)
        frame = frame.apply(self._fold, stateful=True, expand=True, metadata=True)
        frame.to_topic(lambda output, *_: self._outputs[output.topic])

    def _topic(self, task: Task, kind: str) -> Topic:
        return self._app.topic(
            f"{task.topic_prefix}.{kind}",
            key_deserializer="bytes",
            value_deserializer="bytes",
            key_serializer="bytes",
            value_serializer=OutputSerializer(),
        )

    def run(self) -> None:
        """Until the end of the log; stopping commits the last checkpoint."""
        self._app.run()
        self._meter.finish()

    def _has_member(self, _value: bytes, key: bytes | None, *_: object) -> bool:
        self._meter.begin()
        if key is None:
            self._seen()
        return key is not None

    def _fold(self, value: bytes, key: bytes, stamp_ms: int, _headers: object, state: State) -> list[Output]:
        partition = message_context().partition
        fold = self._folds.get(partition)
        if fold is None:
            fold = self._folds[partition] = KeyedFold()

        def put(row_key: bytes, row: bytes | None) -> None:
            if row is None:
                state.delete(row_key.hex())
            else:
                state.set_bytes(row_key.hex(), row)

        outputs = fold.fold(key.decode(), [(stamp_ms, value)], lambda row_key: state.get_bytes(row_key.hex()), put)
        self._seen()
        return outputs

    def _seen(self) -> None:
        at = message_context()
        if self._meter.reached(at.partition, at.offset):
            self._app.stop()


def main() -> None:
    """Work off the log of the task; ends the process."""
    Run(read_task(sys.argv), sys.argv[2] if len(sys.argv) > _TASK_ONLY else "at-least-once").run()


if __name__ == "__main__":
    main()
