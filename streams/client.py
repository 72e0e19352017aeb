"""Read what Tierstream publishes: decisions as they come, weights versions, partition heads, lag.

For downstream consumers, the command line and tests. Blocking; it reads outside any consumer group unless told one.
"""

from collections.abc import Iterator
from typing import Self

from confluent_kafka import Consumer, Message, TopicPartition

from features.errors import BrokerError
from online_models.published import decode_published
from streams.decision_log import DECISION_TOPICS, DecisionTopic
from streams.settings import Settings
from streams.state import PartitionRow, decode_partition_row, row_mark, row_payload
from streams.topics import TopicKind, topic_name, topic_partitions, trainer_group

_TIMEOUT_S = 30.0
_POLL_S = 0.2
_AT_ONCE = 2_000


class Reader:
    """Reads topics from their beginning, all partitions or one, without a group.

    Example: `with Reader(settings, ("points",)) as reader: reader.to_end()`
    """

    def __init__(self, settings: Settings, kinds: tuple[TopicKind, ...], partition: int | None = None) -> None:
        self._settings = settings
        self._kinds: dict[str, TopicKind] = {topic_name(settings, kind): kind for kind in kinds}
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "tierstream-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        self._partitions = [
            TopicPartition(name, number, 0)
            for name, kind in self._kinds.items()
            for number in range(topic_partitions(settings, kind))
            if partition in {None, number}
        ]
        self._consumer.assign(self._partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def poll(self) -> Iterator[tuple[TopicKind, Message]]:
        """Yield what has arrived since the last call, waiting a moment where there is nothing.

        Raises:
            BrokerError: the broker reports an error for a partition.
        """
        for message in self._consumer.consume(_AT_ONCE, timeout=_POLL_S):
            if message.error() is not None:
                raise BrokerError(f"{message.topic()}/{message.partition()}: {message.error()}")
            yield self._kinds[message.topic()], message

    def to_end(self) -> Iterator[tuple[TopicKind, Message]]:
        """Yield everything up to where the topics end now."""
        waiting = {(tp.topic, tp.partition): end for tp in self._partitions if (end := self.end(tp)) > 0}
        while waiting:
            yield from self.poll()
            for tp in self._consumer.position([TopicPartition(*key) for key in waiting]):
                if tp.offset >= waiting[tp.topic, tp.partition]:
                    del waiting[tp.topic, tp.partition]

    def end(self, partition: TopicPartition) -> int:
        """Offset that the next record of a partition will have."""
        _, high = self._consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S)
        return int(high)


def read_decisions(settings: Settings) -> Iterator[tuple[DecisionTopic, bytes]]:
    """Every delivery on the decision topics up to now; `DecisionLog` or `OnceInOrder` make each one count once."""
    with Reader(settings, DECISION_TOPICS) as reader:
        for kind, message in reader.to_end():
            for topic in DECISION_TOPICS:
                if topic == kind:
                    yield topic, message.value()


class Progress:
    """How far each partition of the actions topic has been applied, as the changelog says."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "tierstream-progress",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def heads(self) -> dict[int, tuple[int, PartitionRow]]:
        """Mark and partition row of each partition that has committed anything.

        Each state batch ends with its partition row, so the last record of a changelog partition is the newest one.
        """
        found: dict[int, tuple[int, PartitionRow]] = {}
        changelog = topic_name(self._settings, "changelog")
        for number in range(topic_partitions(self._settings, "actions")):
            end = self.end("changelog", number)
            if end:
                row = self._value_at(TopicPartition(changelog, number, end - 1))
                found[number] = row_mark(row), decode_partition_row(row_payload(row))
        return found

    def end(self, kind: TopicKind, partition: int) -> int:
        """Offset that the next record of a partition will have."""
        at = TopicPartition(topic_name(self._settings, kind), partition)
        _, high = self._consumer.get_watermark_offsets(at, timeout=_TIMEOUT_S)
        return int(high)

    def lag(self) -> int:
        """Records of the actions topic that have not been applied yet."""
        heads = self.heads()
        partitions = range(topic_partitions(self._settings, "actions"))
        return sum(self.end("actions", n) - (heads[n][0] + 1 if n in heads else 0) for n in partitions)

    def is_settled(self) -> bool:
        """Whether every example is learned from, every weights version adopted, and every action applied."""
        examples = self.end("examples", 0)
        learned = self._learned()
        newest = self._newest_weights()
        adopted = {row.weights_version for _, row in self.heads().values()}
        return learned >= examples and adopted == {newest} and self.lag() == 0

    def _learned(self) -> int:
        """Offset of the examples topic that the trainer reads next."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.bootstrap_servers,
                "group.id": trainer_group(self._settings),
                "log_level": 0,
            }
        )
        try:
            at = TopicPartition(topic_name(self._settings, "examples"), 0)
            return int(consumer.committed([at], timeout=_TIMEOUT_S)[0].offset)
        finally:
            consumer.close()

    def _newest_weights(self) -> int:
        end = self.end("weights", 0)
        if end == 0:
            return 0
        at = TopicPartition(topic_name(self._settings, "weights"), 0, end - 1)
        return decode_published(self._value_at(at)).version

    def _value_at(self, at: TopicPartition) -> bytes:
        self._consumer.assign([at])
        message = self._consumer.poll(_TIMEOUT_S)
        if message is None or message.error() is not None:
            raise BrokerError(
                f"{at.topic}/{at.partition}: nothing can be read at offset {at.offset}; is the broker up?"
            )
        return bytes(message.value())
