"""A notifier and its broker: an outage is waited out, records that are gone end it with a word."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.kafka import KafkaCluster
from tests.support.post_office import Gateway, MailServer, record
from tests.support.post_round import Round
from tests.support.processes import eventually
from tests.support.topic_reader import ends

pytestmark = pytest.mark.kafka

MEMBERS = [f"m-{number}" for number in range(50)]


def records(first: int, last: int) -> list[tuple[str, bytes]]:
    return [(member, record(member=member, sequence=number)) for number in range(first, last + 1) for member in MEMBERS]


def test_a_broker_that_is_down_for_a_while_is_waited_for(tmp_path: Path, mail: MailServer, gateway: Gateway) -> None:
    with KafkaCluster() as cluster:
        post = Round(cluster.bootstrap, "outage", tmp_path, mail, gateway)
        post.members(*MEMBERS)
        with post.notifier() as notifier:
            notifier.start()
            post.publish(*records(1, 1))
            eventually(lambda: len(mail.mails) == 50, 60, "the first arrive")
            cluster.kill_broker(1)
            cluster.start_broker(1)
            post.publish(*records(2, 2))
            eventually(lambda: len(mail.mails) == 100, 90, "so do those after the outage")
            post.await_read()
            assert notifier.stop() == 0, notifier.log.read_text()
    assert len(set(mail.ids)) == 100


def test_records_that_are_deleted_before_they_were_read_end_it_with_a_word_and_the_next_start_goes_on(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, mail: MailServer, gateway: Gateway
) -> None:
    post = Round(kafka_broker, topic_prefix, tmp_path, mail, gateway, partitions=1)
    post.file.write_text("outbox_limit = 1\n" + post.file.read_text())
    post.members(*MEMBERS)
    mail.down()
    post.publish(*records(1, 30))
    with post.notifier() as notifier:
        notifier.start()
        eventually(lambda: notifier.said("reading pauses") > 0, 60, "the outbox is full")
        end = ends(kafka_broker, post.topic)[0]
        admin = AdminClient({"bootstrap.servers": kafka_broker, "log_level": 0})
        for deleted in admin.delete_records([TopicPartition(post.topic, 0, end)]).values():
            deleted.result(30)
        mail.up()
        assert notifier.wait(60) == 1
        assert notifier.said(post.topic) > 0, "it names what is gone"
        delivered = len(mail.mails)
        notifier.start()
        post.publish(*records(31, 31))
        eventually(lambda: len(mail.mails) >= delivered + 50, 60, "what is new arrives")
        post.await_read()
        assert notifier.stop() == 0, notifier.log.read_text()
