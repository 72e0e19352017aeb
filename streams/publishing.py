"""Write the first policy into each partition of a new actions topic, ahead of every action."""

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError
from streams.controls import PolicyData, policy_record
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
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"partition {message.partition()}: {error}")

    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True, "log_level": 0})
    raw = policy_record(policy, key)
    for number in empty:
        producer.produce(topic, raw, partition=number, timestamp=_BEFORE_ALL_MS, on_delivery=delivered)
    if producer.flush(_TIMEOUT_S) or failures:
        raise BrokerError(f"{topic}: the first policy was not acknowledged within {_TIMEOUT_S} s {failures}; try again")
    return empty


def _end(settings: Settings, topic: str, partition: int) -> int:
    consumer = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": "unused", "log_level": 0})
    try:
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
    finally:
        consumer.close()
    return int(high)
