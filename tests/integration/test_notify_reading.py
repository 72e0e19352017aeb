"""The notifier's part of its consumer group, as it comes and goes."""

import time
from pathlib import Path

import pytest

from streams.metrics import Metrics
from streams.notify.outbox import Outbox
from streams.notify.reading import NotificationReader
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

# The client joins by itself; what it is assigned waits to be looked at.
_JOINING_S = 4.0


@pytest.mark.kafka
def test_it_leaves_in_peace_when_partitions_were_assigned_that_it_has_not_looked_at(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    """As of a notifier that is stopped while the group balances: it ended with an internal error."""
    settings = Settings(bootstrap_servers=kafka_broker, topic_prefix=topic_prefix, app_id=topic_prefix)
    TopicAdmin(settings).ensure()
    with Outbox(tmp_path / "notify") as outbox:
        reader = NotificationReader(settings, outbox, "console", limit=10, metrics=Metrics())
        reader.start()
        time.sleep(_JOINING_S)
        assert not reader.assigned
        reader.close()
    assert not reader.assigned
