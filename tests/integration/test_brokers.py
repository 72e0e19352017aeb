"""Whatever broker a test is given, clients of both kinds can use it."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.broker import EmbeddedBroker, is_embedded

SENT = [(b"k%d" % i, b"v%d" % i, 1_488_651_725_000 + i) for i in range(20)]


def declare(bootstrap: str, topic: str) -> None:
    """Make a topic of one partition; the embedded broker makes it (with four) when it is first named."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "allow.auto.create.topics": True, "log_level": 0})
    if is_embedded(admin.list_topics(topic, timeout=10).cluster_id):
        return
    admin.create_topics([NewTopic(topic, 1)])[topic].result(30)


def test_records_of_confluent_kafka_arrive_at_aiokafka_with_key_and_time(kafka_broker: str, topic_prefix: str) -> None:
    declare(kafka_broker, topic_prefix)
    producer = Producer({"bootstrap.servers": kafka_broker, "enable.idempotence": True, "log_level": 0})
    for key, value, timestamp_ms in SENT:
        producer.produce(topic_prefix, value, key, partition=0, timestamp=timestamp_ms)
    assert producer.flush(30) == 0

    async def read() -> list[tuple[bytes, bytes, int]]:
        consumer = AIOKafkaConsumer(
            topic_prefix, bootstrap_servers=kafka_broker, group_id=topic_prefix, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            messages = [await asyncio.wait_for(consumer.getone(), 30) for _ in SENT]
        finally:
            await consumer.stop()
        return [(message.key, message.value, message.timestamp) for message in messages]

    assert asyncio.run(read()) == SENT


def test_a_record_batch_of_aiokafka_arrives_at_confluent_kafka(kafka_broker: str, topic_prefix: str) -> None:
    declare(kafka_broker, topic_prefix)

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_broker, enable_idempotence=True)
        await producer.start()
        try:
            batch = producer.create_batch()
            for key, value, timestamp_ms in SENT:
                assert batch.append(key=key, value=value, timestamp=timestamp_ms) is not None
            batch.close()
            await (await producer.send_batch(batch, topic_prefix, partition=0))
        finally:
            await producer.stop()

    asyncio.run(send())
    consumer = Consumer({"bootstrap.servers": kafka_broker, "group.id": topic_prefix, "log_level": 0})
    consumer.assign([TopicPartition(topic_prefix, 0, 0)])
    got = [(bytes(m.key()), bytes(m.value()), m.timestamp()[1]) for m in consumer.consume(len(SENT), 30)]
    consumer.close()
    assert got == SENT


def test_the_embedded_broker_forgets_everything_when_it_stops() -> None:
    with EmbeddedBroker() as broker:
        declare(broker.bootstrap, "t")
        first = broker.bootstrap
    with EmbeddedBroker() as broker:
        assert broker.bootstrap != first
        admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        assert "t" not in admin.list_topics(timeout=10).topics
