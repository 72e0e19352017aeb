"""Offers on a broker: each is made once, whoever is killed when, and the recorded log replays to the same bytes."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from loyalty.decisions import Notification
from online_models.examples import pseudonym
from online_models.finding_events import decode_finding
from online_models.findings import OfferFinding
from streams.controls import CONTROL_PREFIX, OfferRecord, decode_control
from streams.progress import Progress
from streams.records import LogIdentity, LogRecord
from streams.replay import replay_log
from streams.topics import topic_name
from tests.support.offering import is_held_out, offering, shopping
from tests.support.processes import WorkerProcess, eventually
from tests.support.programme import Programme
from tests.support.random_history import DAY_MS, START_MS
from tests.support.topic_reader import read_log, read_topic

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

MEMBERS, DAYS = 90, 5
STATIC = {"TIERSTREAM_GROUP_INSTANCE_ID": "trainer"}


def of_days(first: int, last: int) -> list[bytes]:
    """What all members do from a day on, before another."""
    start_ms, end_ms = START_MS + first * DAY_MS, START_MS + last * DAY_MS
    return [line for at_ms, line in shopping(MEMBERS, DAYS) if start_ms <= at_ms < end_ms]


def is_ours(record: LogRecord, kind: str) -> bool:
    return (record.value or b"").startswith(f'{{"type":"{CONTROL_PREFIX}{kind}"'.encode())


def offers_in(records: list[LogRecord]) -> Counter[OfferRecord]:
    """Every offer in the log, with how often it stands there."""
    offers: Counter[OfferRecord] = Counter()
    for record in records:
        if is_ours(record, "offer"):
            control = decode_control(record.value or b"")
            assert isinstance(control, OfferRecord)
            offers[control] += 1
    return offers


def is_over(programme: Programme, trainer: WorkerProcess) -> bool:
    """Whether the trainer has died, or everything is decided and learned from."""
    with Progress(programme.settings) as progress:
        return trainer.returncode is not None or progress.is_settled()


def live(programme: Programme) -> int:
    """Days go by; returns how often the trainer has died.

    It dies before it makes its first choice known, and then between a choice and the record to the member, at first
    with its disk lost. Later the worker is killed and loses its own.
    """
    deaths = 0
    worker = programme.process("worker", "worker").start()
    programme.produce(of_days(0, 2))
    programme.settle(within_s=200, learning=False)  # partitions have slices of the budgets now
    trainer = programme.process("trainer", "trainer", "tests.support.faulty_trainer")
    trainer.start(**STATIC, TRAINER_DIES_BEFORE="finding")
    programme.produce(of_days(2, 3))
    for environment in ({"TRAINER_DIES_BEFORE": "sending"}, {}):
        eventually(lambda: is_over(programme, trainer), 200, "the days are over, or the trainer dead")
        deaths += trainer.returncode is not None
        trainer.kill()
        if environment:
            trainer.lose_data()
        trainer.start(**STATIC, **environment)
    programme.settle(within_s=200)
    programme.produce(of_days(3, 4))
    worker.kill()
    worker.lose_data()
    worker.start()
    programme.settle(within_s=200)
    programme.produce(of_days(4, DAYS))
    programme.settle(within_s=200)
    return deaths


def test_offers_are_made_once_each_and_the_recorded_log_gives_the_same_ledger(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    policy = tmp_path / "offering.toml"
    policy.write_text(offering().text)
    with Programme(kafka_broker, topic_prefix, tmp_path, str(policy)) as programme:
        deaths = live(programme)
        delivered, _ = programme.deliveries()  # raises where two deliveries of one decision differ
        log = read_log(kafka_broker, topic_name(programme.settings, "actions"))
        found = [
            decode_finding(message.value())
            for message in read_topic(kafka_broker, topic_name(programme.settings, "findings"))[0]
        ]

    assert deaths == 2
    records = [record for partition in sorted(log) for record in log[partition]]
    offers = offers_in(records)
    chosen = {
        (finding.example_offset, finding.chosen.member, finding.chosen.offer)
        for finding in found
        if isinstance(finding, OfferFinding) and finding.chosen.offer
    }
    assert [finding.number for finding in found] == list(range(len(found)))
    assert {(each.data.example_offset, pseudonym(each.data.member), each.data.campaign) for each in offers} == chosen
    assert len(chosen) > 10
    told = [message for message in delivered.values() if b'"type":"loyalty.notification.offer_made"' in message]
    causes = Counter(msgspec.json.decode(message, type=Notification).data.cause.id for message in told)
    assert len(causes) > 10
    assert set(causes) <= {each.data.id for each in offers}  # what came a day after its moment was not made any more
    assert max(causes.values()) == 1
    assert not any(is_held_out(each.data.member) for each in offers)
    again = replay_log(records, LogIdentity(b"any", len(log)), "any").decisions
    assert delivered.gaps() == []
    assert delivered.digest() == again.digest()
