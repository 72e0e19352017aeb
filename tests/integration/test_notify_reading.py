"""The notifier's part of its consumer group, as it comes and goes."""

from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from streams.metrics import Metrics
from streams.notify.outbox import Outbox
from streams.notify.reading import NotificationReader
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import notify_group
from tests.support.processes import eventually


@pytest.mark.kafka
def test_it_leaves_in_peace_when_partitions_were_assigned_that_it_has_not_looked_at(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """As of a notifier that is stopped while the group balances: it ended with an internal error."""
    settings = Settings(bootstrap_servers=kafka_broker, topic_prefix=topic_prefix, app_id=topic_prefix)
    TopicAdmin(settings).ensure()
    admin = AdminClient({"bootstrap.servers": kafka_broker, "log_level": 0})
    group = notify_group(settings)

    def has_partitions() -> bool:
        try:
            described = admin.describe_consumer_groups([group], request_timeout=2)[group].result()
        except KafkaException:  # no coordinator yet, or a slow one
            return False
        return bool(described.state == ConsumerGroupState.STABLE)

    with Outbox(tmp_path / "notify") as outbox:
        reader = NotificationReader(settings, outbox, "console", limit=10, metrics=Metrics())
        reader.start()
        eventually(has_partitions, 30, "the client has joined by itself")
        assert not reader.assigned
        reader.close()
    assert not reader.assigned
