"""`tierstream notify` on a real broker: from an action to a mailbox; a full outbox; a folder that is lost."""

import json
from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.topics import notify_group
from tests.support.certificates import own_certificate
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop
from tests.support.post_office import Gateway, MailServer, record
from tests.support.post_round import Round
from tests.support.processes import READY, eventually
from tests.support.programme import Programme
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.web import HOST, free_port, page

pytestmark = pytest.mark.kafka

TWO_TIERS = corner_shop(POINT_A_DOLLAR).replace(
    'ladder = [{ id = "member", threshold = 0 }]',
    'ladder = [{ id = "member", threshold = 0 }, { id = "gold", threshold = 50_000 }]',
)


def notify_file(folder: Path, mail: MailServer, gateway: Gateway, trusted: Path) -> Path:
    (folder / "password").write_text("secret\n")
    file = folder / "notify.toml"
    file.write_text(
        f"""
default_channel = "email"
quiet_hours = "none"
[channels.email]
kind = "smtp"
host = "{HOST}"
port = {mail.port}
user = "club"
password_file = "{folder / "password"}"
ca_file = "{trusted}"
sender = "Corner Shop Club <club@example.org>"
[channels.app]
kind = "webhook"
url = "{gateway.url}/push"
[contacts]
url = "{gateway.url}/members/{{member}}"
""",
        encoding="utf-8",
    )
    return file


def test_from_an_action_to_a_mailbox_by_the_command_line_over_an_encrypted_connection(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, gateway: Gateway
) -> None:
    policy, port = tmp_path / "policy.toml", free_port()
    policy.write_text(TWO_TIERS, encoding="utf-8")
    context, trusted = own_certificate(tmp_path, HOST)
    gateway.contacts = {"m-1": {"member": "m-1", "addresses": {"email": "ann@example.org"}, "language": "de"}}
    with MailServer(context) as mail, Programme(kafka_broker, topic_prefix, tmp_path, str(policy)) as programme:
        worker = programme.process("worker", "worker").start()
        notifier = programme.process("notify", "notify").start(
            TIERSTREAM_NOTIFY_FILE=str(notify_file(tmp_path, mail, gateway, trusted)), TIERSTREAM_WEB_PORT=str(port)
        )
        eventually(lambda: worker.said(READY) > 0 and page(port, "/ready/")[0] == 200, 60, "both are ready")
        programme.produce(
            [
                event("enroll", "e-1", "m-1", START_MS, {"channels": ["email", "app"]}),
                purchase("o-1", "m-1", START_MS + DAY_MS, 60_000),
            ]
        )
        # The welcome is said before the choice of channels is known, so it goes to the default one.
        eventually(lambda: len(mail.mails) == 2 and len(gateway.events) == 1, 60, "all are delivered")
        delivered = 'tierstream_deliveries_total{channel="email",outcome="delivered",reason=""} 2.0'
        eventually(lambda: delivered in page(port, "/metrics/")[1], 60, "it is counted")
        assert 'tierstream_outbox_deliveries{channel="email"} 0.0' in page(port, "/metrics/")[1]
        assert page(port, "/")[0] == 404
        assert notifier.stop() == 0
        said = notifier.log.read_text()
    assert [each["Subject"] for each in mail.mails] == ["Willkommen: Ihre Stufe ist member", "Sie haben gold erreicht"]
    assert mail.recipients == ["ann@example.org"] * 2
    assert [item["type"] for item in gateway.events] == ["loyalty.notification.tier_upgraded"]
    assert all(json.loads(line)["logger"].startswith("tierstream.") for line in said.splitlines())
    assert "m-1" not in said
    assert "example.org" not in said


def test_metrics_are_told_at_any_moment_while_it_reads(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, mail: MailServer, gateway: Gateway
) -> None:
    post, port = Round(kafka_broker, topic_prefix, tmp_path, mail, gateway), free_port()
    post.members("m-1", "m-2")
    with post.notifier() as notifier:
        notifier.start(TIERSTREAM_WEB_PORT=str(port))
        eventually(lambda: page(port, "/ready/")[0] == 200, 60, "it is ready")
        for sequence in range(1, 31):
            post.publish(*((member, record(member=member, sequence=sequence)) for member in ("m-1", "m-2")))
            assert page(port, "/metrics/")[0] == 200
        read = "tierstream_notifications_accepted_total 60.0"
        eventually(lambda: read in page(port, "/metrics/")[1], 60, "all is read")
        eventually(
            lambda: 'lag_records{partition="0"} 0.0' in page(port, "/metrics/")[1], 60, "nothing is left to read"
        )
        eventually(lambda: len(mail.mails) == 60, 60, "all mail arrives")
        assert notifier.stop() == 0


def test_a_full_outbox_leaves_the_rest_in_the_log_until_there_is_room(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, mail: MailServer, gateway: Gateway
) -> None:
    post = Round(kafka_broker, topic_prefix, tmp_path, mail, gateway)
    post.file.write_text("outbox_limit = 50\n" + post.file.read_text())
    members = [f"m-{number}" for number in range(100)]
    post.members(*members)
    post.publish(*((member, record(member=member, sequence=number)) for number in range(1, 16) for member in members))
    mail.down()
    with post.notifier() as notifier:
        notifier.start()
        eventually(lambda: notifier.said("reading pauses") > 0 and post.committed() > 0, 60, "the outbox is full")
        assert post.committed() < post.published() == 1_500
        mail.up()
        eventually(lambda: len(mail.mails) >= 1_500, 120, "all mail arrives")
        post.await_read()
        assert notifier.stop() == 0
    assert len(set(mail.ids)) == len(mail.ids) == 1_500


def test_a_lost_folder_is_made_good_by_setting_the_group_back(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, mail: MailServer, gateway: Gateway
) -> None:
    post = Round(kafka_broker, topic_prefix, tmp_path, mail, gateway)
    members = [f"m-{number}" for number in range(12)]
    post.members(*members)
    post.publish(*((member, record(member=member)) for member in members))
    mail.down()
    with post.notifier() as notifier:
        notifier.start()
        post.await_read()
        notifier.kill()
        notifier.lose_data()
        mail.up()
        group = notify_group(post.settings)
        back = [TopicPartition(post.topic, number, 0) for number in range(post.settings.partitions)]
        admin = AdminClient({"bootstrap.servers": kafka_broker, "log_level": 0})

        def set_back() -> bool:  # Kafka refuses while it takes the killed process for alive
            asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, back)])
            return all(each.error is None for each in asked[group].result(30).topic_partitions)

        eventually(set_back, 60, "the group is set back")
        notifier.start()
        eventually(lambda: len(set(mail.ids)) == len(members), 60, "everything arrives")
        assert notifier.stop() == 0


def test_without_topics_it_says_what_to_run(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        lonely = programme.process("notify", "notify").start(TIERSTREAM_TOPIC_PREFIX=f"{topic_prefix}-none")
        assert lonely.wait(60) == 1
        assert lonely.said("run `tierstream topics`")
