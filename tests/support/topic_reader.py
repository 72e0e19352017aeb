"""Reads whole topics and group offsets, for tests to compare with what should be there."""

from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from streams.client import end_offset
from streams.records import LogRecord

_TIMEOUT_S = 30.0


def read_topic(bootstrap: str, topic: str) -> dict[int, list[Message]]:
    """All records of a topic up to its end now, by partition."""
    consumer = _consumer(bootstrap, "reader-of-tests")
    found: dict[int, list[Message]] = {}
    try:
        for number in _numbers(consumer, topic):
            found[number] = list(_read(consumer, TopicPartition(topic, number)))
    finally:
        consumer.close()
    return found


def read_log(bootstrap: str, topic: str) -> dict[int, list[LogRecord]]:
    """All records of a topic as the pipeline sees them, by partition."""
    return {
        partition: [
            LogRecord(partition, message.offset(), message.timestamp()[1], message.key(), message.value())
            for message in messages
        ]
        for partition, messages in read_topic(bootstrap, topic).items()
    }


def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Offset that the next record of each partition will have."""
    consumer = _consumer(bootstrap, "reader-of-tests")
    try:
        return {number: end_offset(consumer, TopicPartition(topic, number)) for number in _numbers(consumer, topic)}
    finally:
        consumer.close()


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """Offset that the group reads next in each partition, -1001 where it has committed none."""
    consumer = _consumer(bootstrap, group)
    try:
        asked = [TopicPartition(topic, number) for number in _numbers(consumer, topic)]
        return {entry.partition: entry.offset for entry in consumer.committed(asked, _TIMEOUT_S)}
    finally:
        consumer.close()


def lag(bootstrap: str, group: str, topic: str) -> int:
    """Records of the topic that the group has not committed."""
    done = committed(bootstrap, group, topic)
    return sum(end - max(done[number], 0) for number, end in ends(bootstrap, topic).items())


def _read(consumer: Consumer, partition: TopicPartition) -> Iterator[Message]:
    high = end_offset(consumer, partition)
    low, _ = consumer.get_watermark_offsets(partition, _TIMEOUT_S)
    if low == high:
        return
    consumer.assign([TopicPartition(partition.topic, partition.partition, low)])
    while True:
        for message in consumer.consume(10_000, 0.2):
            assert message.error() is None, message.error()
            yield message
        # The position counts: the last offsets of a compacted or transactional log may hold no record.
        if consumer.position([partition])[0].offset >= high:
            return


def _numbers(consumer: Consumer, topic: str) -> list[int]:
    return sorted(consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions)


def _consumer(bootstrap: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
