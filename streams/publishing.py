"""Write a policy into partitions of the actions topic: the first one into empty ones, ahead of every action."""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError
from streams.client import end_offset
from streams.controls import PolicyData, policy_record
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import topic_name, topic_partitions

_TIMEOUT_S = 30.0

# A policy does not move log time, so in a history it is stamped before anything that can have happened; a live topic
# stamps it on arrival. (To librdkafka 0 means now.)
_BEFORE_ALL_MS = 1


def publish_first_policy(settings: Settings, policy: PolicyData, key: Ed25519PrivateKey) -> list[int]:
    """Write `policy` into each empty partition; return which those were.

    Raises:
        BrokerError: the broker did not acknowledge.
    """
    topic = topic_name(settings, "actions")
    empty = [number for number in range(topic_partitions(settings, "actions")) if _end(settings, topic, number) == 0]
    publish_policy(settings, policy, key, empty)
    return empty


def publish_policy(settings: Settings, policy: PolicyData, key: Ed25519PrivateKey, partitions: Iterable[int]) -> None:
    """Write `policy` into these partitions and wait until the broker has it.

    Raises:
        BrokerError: the broker did not acknowledge.
    """
    topic = topic_name(settings, "actions")
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"partition {message.partition()}: {error}")

    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    raw = policy_record(policy, key)
    for number in partitions:
        producer.produce(topic, raw, partition=number, timestamp=_BEFORE_ALL_MS, on_delivery=delivered)
    if producer.flush(_TIMEOUT_S) or failures:
        raise BrokerError(f"{topic}: the policy was not acknowledged within {_TIMEOUT_S} s {failures}; try again")


def publish_to_owner(settings: Settings, subject: str, raw: bytes) -> int:
    """Write a record of ours into the partition of an owner; returns which that is.

    Raises:
        BrokerError: the broker did not acknowledge.
    """
    topic = topic_name(settings, "actions")
    number = partition_of(subject.encode(), topic_partitions(settings, "actions"))
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            failures.append(str(error))

    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    producer.produce(
        topic, raw, key=subject.encode(), partition=number, timestamp=_BEFORE_ALL_MS, on_delivery=delivered
    )
    if producer.flush(_TIMEOUT_S) or failures:
        raise BrokerError(f"{topic}/{number}: not acknowledged within {_TIMEOUT_S} s {failures}; try again")
    return number


def _end(settings: Settings, topic: str, partition: int) -> int:
    """Offset that the next record will have."""
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": "unused", "log_level": 0})
    try:
        return end_offset(consumer, TopicPartition(topic, partition))
    finally:
        consumer.close()
