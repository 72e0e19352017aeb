"""Read what Tierstream publishes, from its beginning and as it comes.

For downstream consumers, the command line and tests. Blocking, and outside any consumer group.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from features.errors import BrokerError
from streams.decision_log import DECISION_TOPICS, DecisionTopic
from streams.settings import Settings
from streams.topics import TopicKind, topic_name, topic_partitions

_TIMEOUT_S = 30.0
_POLL_S = 0.2
_AT_ONCE = 2_000
_RETRY_S = 0.1
_NO_LEADER_YET = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)

# A fetch that waits for news of one partition holds up the news of the others.
FETCH_WAIT_MS = 20


class Reader:
    """Reads topics from their beginning, or from an offset per partition in `starts`, without a group.

    All partitions are read, or the one named.

    Example: `with Reader(settings, ("points",)) as reader: reader.to_end()`
    """

    def __init__(
        self,
        settings: Settings,
        kinds: tuple[TopicKind, ...],
        partition: int | None = None,
        starts: Mapping[int, int] | None = None,
    ) -> None:
        self._settings = settings
        self._kinds: dict[str, TopicKind] = {topic_name(settings, kind): kind for kind in kinds}
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "tierstream-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                "log_level": 0,
            }
        )
        self._partitions = [
            TopicPartition(name, number, (starts or {}).get(number, 0))
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
        """Yield everything up to where the topics end now, and not a record further: a batch may be half there."""
        ends = {(tp.topic, tp.partition): self.end(tp) for tp in self._partitions}
        starts = {(tp.topic, tp.partition): tp.offset for tp in self._partitions}
        waiting = {at: end for at, end in ends.items() if end > starts[at]}
        while waiting:
            for kind, message in self.poll():
                if message.offset() < ends[message.topic(), message.partition()]:
                    yield kind, message
            for tp in self._consumer.position([TopicPartition(*key) for key in waiting]):
                if tp.offset >= waiting[tp.topic, tp.partition]:
                    del waiting[tp.topic, tp.partition]

    def end(self, partition: TopicPartition) -> int:
        """Offset that the next record of a partition will have."""
        return end_offset(self._consumer, partition)


def end_offset(consumer: Consumer, partition: TopicPartition) -> int:
    """Offset that the next record of a partition will have; one that was made a moment ago may not have its leader yet.

    Raises:
        BrokerError: the broker does not say.
    """
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return int(consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S)[1])
        except KafkaException as failure:
            if failure.args[0].code() not in _NO_LEADER_YET or time.monotonic() > deadline:
                said = failure.args[0].str()
                raise BrokerError(f"{partition.topic}/{partition.partition}: cannot be read: {said}") from failure
            time.sleep(_RETRY_S)


def read_decisions(settings: Settings) -> Iterator[tuple[DecisionTopic, bytes]]:
    """Every delivery on the decision topics up to now; `DecisionLog` or `OnceInOrder` make each one count once."""
    with Reader(settings, DECISION_TOPICS) as reader:
        for kind, message in reader.to_end():
            for topic in DECISION_TOPICS:
                if topic == kind:
                    yield topic, message.value()
