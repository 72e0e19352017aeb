"""Reads one partition from its beginning to its end, fast and with little memory."""

from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition

from features.errors import BrokerError

_TIMEOUT_S = 60.0
_AT_ONCE = 10_000
_IDLE_S = 60


def messages_of(bootstrap: str, topic: str, partition: int) -> Iterator[Message]:
    """Every record of a partition up to its end now.

    Raises:
        BrokerError: it cannot be read.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tierstream-judge",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 64 * 1024,
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
    )
    try:
        here = TopicPartition(topic, partition)
        low, high = consumer.get_watermark_offsets(here, _TIMEOUT_S)
        consumer.assign([TopicPartition(topic, partition, low)])
        idle = 0
        while low < high:
            found = consumer.consume(_AT_ONCE, 1.0)
            idle = 0 if found else idle + 1
            if idle > _IDLE_S:
                raise BrokerError(f"{topic}/{partition}: nothing comes after offset {low}, the end is {high}")
            for message in found:
                if message.error() is not None:
                    raise BrokerError(f"{topic}/{partition}: {message.error()}")
                yield message
            # The position counts: the last offsets of a compacted or transactional log may hold no record.
            low = max(low, consumer.position([here])[0].offset)
    finally:
        consumer.close()
