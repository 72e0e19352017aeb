"""The trainer as a process, on sightings: a verdict and recommendations, whatever happens to it."""

import json
from pathlib import Path

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from online_models.examples import PolicyNotice, encode_record, pseudonym
from online_models.finding_events import decode_finding
from online_models.findings import VerdictFinding
from online_models.sightings import CONDUCT_NAMES, CONDUCT_TABLE, Basket, BasketLine, Conduct, Seen, sighting_of
from streams.cli import app
from streams.controls import VerdictRecord, decode_control, is_signed, public_key_of
from streams.topics import topic_name, trainer_group
from tests.support.partition_log import policy_data
from tests.support.processes import eventually
from tests.support.programme import Programme
from tests.support.topic_reader import committed, read_topic
from tests.support.web import free_port

pytestmark = pytest.mark.kafka

MEMBER = "m-42"
PARTITION = 2
SECTIONS = "\n[recommendations]\nenabled = true\n[misconduct]\nenabled = true\n"


def log() -> list[bytes]:
    """A policy, five baskets of one member, and conduct over a limit of the policy between them."""
    sums = tuple(101 if name == "share_count_24h" else 0 for name in CONDUCT_NAMES)
    who = pseudonym(MEMBER)
    conduct = Conduct(member=who, time_ms=30, table=CONDUCT_TABLE, sums=sums, joined_ms=-(10**12), pending_points=5)
    lines = (BasketLine("tea", "drinks"), BasketLine("milk", "dairy"))
    baskets = [Basket(member=who, time_ms=10 * day, tier="gold", lines=lines) for day in range(5)]
    seen: list[Seen] = [*baskets[:2], conduct, *baskets[2:]]
    records = [sighting_of(each, PARTITION, number, 1_000 + number) for number, each in enumerate(seen)]
    notice = PolicyNotice(version=1, text=policy_data().text + SECTIONS)
    return [encode_record(notice), *(encode_record(record) for record in records)]


def test_killed_and_without_its_checkpoint_it_finds_the_same_and_answers_from_memory(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    records = log()
    port = free_port()
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        settings = programme.settings
        examples = topic_name(settings, "examples")

        def learn_until(first: int, last: int) -> None:
            producer = Producer({"bootstrap.servers": kafka_broker, "log_level": 0})
            for record in records[first:last]:
                producer.produce(examples, record, key=MEMBER, partition=0)
            assert producer.flush(30) == 0
            eventually(
                lambda: committed(kafka_broker, trainer_group(settings), examples)[0] == last, 60, f"{last} read"
            )

        environment = {"TIERSTREAM_GROUP_INSTANCE_ID": "trainer", "TIERSTREAM_WEB_PORT": str(port)}
        trainer = programme.process("trainer", "trainer").start(**environment)
        learn_until(0, 4)
        trainer.kill()
        trainer.lose_data()
        trainer.start(**environment)
        learn_until(4, len(records))
        asked = CliRunner().invoke(
            app, ["recommend", MEMBER, "--url", f"http://127.0.0.1:{port}", "--available", "milk,salt"]
        )
        assert trainer.stop() == 0

        found = [
            decode_finding(message.value()) for message in read_topic(kafka_broker, topic_name(settings, "findings"))[0]
        ]
        assert [(type(finding), finding.example_offset) for finding in found] == [(VerdictFinding, 3)]
        sent = read_topic(kafka_broker, topic_name(settings, "actions"))[PARTITION]
        verdicts = {
            message.value(): decode_control(message.value()) for message in sent if message.key() == MEMBER.encode()
        }
        (verdict,) = verdicts.values()
        assert isinstance(verdict, VerdictRecord)
        assert (verdict.data.member, verdict.data.verdict, verdict.data.score) == (MEMBER, "hold", 1_000)
        assert is_signed(verdict, (public_key_of(programme.key),))
        made = read_topic(kafka_broker, topic_name(settings, "recommendations"))[PARTITION]
        newest = json.loads(made[-1].value())["data"]
        assert newest["example_offset"] == len(records) - 1
        assert {line["id"] for line in newest["recommended"]["items"]} == {"tea", "milk"}
        assert asked.exit_code == 0
        assert [line.split()[1] for line in asked.output.splitlines() if line.startswith("items")] == ["milk", "salt"]
