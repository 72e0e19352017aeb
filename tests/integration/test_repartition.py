"""A programme moves to twice as many partitions: nobody notices, and it does so whole or not at all."""

import re
import time
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from features.errors import BrokerError, ContractError
from streams.cli import app
from streams.controls import public_key_of, tick_record
from streams.faust_overrides import EXIT_SOFTWARE
from streams.histories.files import read_lines
from streams.ledger_audit import audit_ledger
from streams.policy_files import first_policy
from streams.repartition import Moved, repartition
from streams.replay import REPLAY_KEY, Replay, replay_lines
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from tests.support.processes import eventually
from tests.support.programme import Programme

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

HALF = 500


class NextGeneration(Programme):
    """The same programme under its next generation's settings; its topics are there."""

    def __init__(self, before: Programme, settings: Settings, folder: Path) -> None:
        self.folder = folder
        self.policy = before.policy
        self.settings = settings
        self.key = before.key
        self._processes = []


def next_settings(settings: Settings) -> Settings:
    prefix = f"{settings.topic_prefix}-2"
    return msgspec.structs.replace(settings, topic_prefix=prefix, app_id=prefix, partitions=2 * settings.partitions)


def move(programme: Programme) -> Moved:
    return repartition(programme.settings, next_settings(programme.settings), programme.key)


def test_a_programme_goes_on_with_twice_as_many_partitions(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    lines = list(islice(read_lines(some_households), 2 * HALF))
    with Programme(kafka_broker, topic_prefix, tmp_path / "old") as old:
        worker = old.process("worker", "one").start()
        old.produce(lines[:HALF])
        old.settle(within_s=120, learning=False)
        with pytest.raises(ContractError, match="stop all workers"):
            move(old)
        assert worker.stop() == 0
        new = next_settings(old.settings)
        refuse_half_way(old, new)
        moved = move(old)
        assert not moved.before
        assert msgspec.structs.replace(moved, before=True) == move(old), "run again, it finds its work done"
        before, _ = old.deliveries()

        with NextGeneration(old, new, tmp_path / "new") as programme:
            later = programme.process("worker", "one").start()
            programme.produce(lines[HALF:])
            programme.settle(within_s=120, learning=False)
            assert [audit.mismatches for audit in audit_ledger(new).partitions] == [[]] * new.partitions
            assert later.stop() == 0
            after, _ = programme.deliveries()
    assert not {*before.values()} & {*after.values()}
    whole = replay_lines(iter(lines), Replay(first_policy(old.policy, (public_key_of(REPLAY_KEY),)), None))
    assert {*whole.decisions.values()} == {*before.values(), *after.values()}


def refuse_half_way(old: Programme, new: Settings) -> None:
    """It is stopped before the transaction's end; then producers are too early, and a worker says so and stops."""
    with patch("streams.repartition._Sender.finish", side_effect=BrokerError("stopped")), pytest.raises(BrokerError):
        move(old)
    with NextGeneration(old, new, old.folder / "early") as early:
        worker = early.process("worker", "early").start()
        assert audit_ledger(new).mismatches == []
        producer = Producer({"bootstrap.servers": new.bootstrap_servers, "log_level": 0})
        producer.produce(topic_name(new, "actions"), tick_record(1, old.key), partition=0)
        assert producer.flush(30) == 0
        assert worker.wait(60) == EXIT_SOFTWARE
        assert worker.said("comes before any policy") > 0
    with pytest.raises(ContractError, match="holds other records than this opening"):
        move(old)
    admin = TopicAdmin(new)._admin
    name = topic_name(new, "actions")
    admin.delete_topics([name])[name].result(30)
    eventually(lambda: name not in admin.list_topics(timeout=30).topics, 30, "deleted")
    time.sleep(1)


def test_a_generation_with_work_left_does_not_move(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        with pytest.raises(ContractError, match="are not applied yet"):
            move(programme)
        same = msgspec.structs.replace(programme.settings, partitions=8)
        with pytest.raises(ContractError, match="a topic prefix and an app_id of its own"):
            repartition(programme.settings, same, programme.key)
        shown = CliRunner().invoke(app, ["repartition", "--help"])
        assert re.search("Example: tierstream repartition", shown.output)
