"""Topics are made as declared, verified, and identified."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from features.errors import BrokerError
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import TOPICS, topic_name


@pytest.fixture
def settings(kafka_broker: str, topic_prefix: str) -> Settings:
    return Settings(bootstrap_servers=kafka_broker, topic_prefix=topic_prefix, app_id=topic_prefix)


def test_all_topics_are_made_once_and_stay_as_declared(settings: Settings) -> None:
    admin = TopicAdmin(settings)
    assert admin.ensure() == tuple(topic_name(settings, spec.kind) for spec in TOPICS)
    assert admin.ensure() == ()
    admin.verify()


def test_missing_topics_are_all_reported(settings: Settings) -> None:
    with pytest.raises(BrokerError) as caught:
        TopicAdmin(settings).verify()
    assert str(caught.value).count("does not exist") == len(TOPICS)


def test_another_partition_count_is_an_error_with_a_cure(settings: Settings) -> None:
    TopicAdmin(settings).ensure()
    with pytest.raises(BrokerError, match=r"points: has 4 partitions, 5 are declared; set `partitions`"):
        TopicAdmin(msgspec.structs.replace(settings, partitions=5)).verify()


@pytest.mark.kafka
def test_another_limit_is_an_error_with_a_cure(settings: Settings) -> None:
    name = topic_name(settings, "points")
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    admin.create_topics([NewTopic(name, 4, 1, config={"retention.ms": "1000"})])[name].result(30)
    with pytest.raises(BrokerError, match=r"retention\.ms is 1000, -1 is declared; kafka-configs --alter"):
        TopicAdmin(settings).ensure()


@pytest.mark.kafka
def test_a_broker_that_has_not_heard_of_new_topics_yet_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several brokers any is asked: one knows the leaders of the topics just made, the next two do not know them."""
    admin = TopicAdmin(settings)
    before = admin._metadata()
    told = TopicAdmin._metadata
    behind = [before, before]
    all_led = False

    def metadata(self: TopicAdmin, topic: str | None = None) -> ClusterMetadata:
        nonlocal all_led
        if all_led and behind:
            return behind.pop()
        answer = told(self, topic)
        mine = [known for name, known in answer.topics.items() if name.startswith(settings.topic_prefix)]
        leaders = [partition.leader for known in mine for partition in known.partitions.values()]
        all_led = len(mine) == len(TOPICS) and min(leaders) >= 0
        return answer

    monkeypatch.setattr(TopicAdmin, "_metadata", metadata)
    assert len(admin.ensure()) == len(TOPICS)
    assert behind == []


@pytest.mark.kafka
def test_processes_that_make_topics_at_the_same_time_do_not_disturb_each_other(settings: Settings) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _number: TopicAdmin(settings).ensure(), range(3)))
    assert set().union(*map(set, made)) == {topic_name(settings, spec.kind) for spec in TOPICS}


@pytest.mark.kafka
def test_a_topic_that_was_deleted_and_made_again_has_another_id(settings: Settings) -> None:
    topics = TopicAdmin(settings)
    topics.ensure()
    first = topics.topic_id("actions")
    assert (len(first), topics.topic_id("actions")) == (16, first)
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    name = topic_name(settings, "actions")
    admin.delete_topics([name])[name].result(30)
    while name in admin.list_topics(timeout=10).topics:
        pass
    topics.ensure()
    assert topics.topic_id("actions") != first


def test_a_broker_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.topic_admin._TIMEOUT_S", 0.2)
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1: no answer.*set bootstrap_servers"):
        TopicAdmin(Settings(bootstrap_servers="127.0.0.1:1"))
