"""Workers are replaced one after another by code of the next version, while weights and policy change too."""

import signal
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from loyalty.decisions import LedgerEntry
from loyalty.weights import Weights
from streams.client import Reader
from streams.controls import PolicyRecord, WeightsData, decode_control, policy_record, public_key_of, weights_record
from streams.faust_overrides import EXIT_SOFTWARE
from streams.histories.files import read_lines
from streams.histories.heads import head_of
from streams.policy_files import first_policy
from streams.progress import Progress
from streams.records import LogIdentity, LogRecord
from streams.replay import replay_log
from streams.row_format import ROW_FORMAT
from streams.topics import topic_name
from tests.support.next_code import NEXT_ENGINE, NEXT_FORMAT, next_code
from tests.support.processes import WorkerProcess, eventually
from tests.support.programme import Programme
from tests.support.topic_reader import read_log

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PART = 400
NEXT = "tests.support.next_code"


def to_all(programme: Programme, value: bytes, timestamp_ms: int) -> None:
    """Append a record of ours to every partition."""
    producer = Producer({"bootstrap.servers": programme.settings.bootstrap_servers, "log_level": 0})
    for partition in range(programme.settings.partitions):
        topic = topic_name(programme.settings, "actions")
        producer.produce(topic, value, partition=partition, timestamp=timestamp_ms)
    assert producer.flush(30) == 0


def formats(programme: Programme) -> set[int]:
    """The row formats in the changelog."""
    with Reader(programme.settings, ("changelog",)) as reader:
        return {value[0] for _, message in reader.to_end() if (value := message.value())}


def settle(programme: Programme) -> None:
    with next_code(), Progress(programme.settings) as progress:
        eventually(lambda: progress.lag() == 0, 120, "everything is applied")


def up(worker: WorkerProcess, name: str, **more: str) -> WorkerProcess:
    """Start a static member: its successor has its partitions at once."""
    return worker.start(TIERSTREAM_GROUP_INSTANCE_ID=name, TIERSTREAM_BATCH_MAX_RECORDS="10", **more)


def test_a_rolling_upgrade_of_code_weights_and_policy_repeats_the_same_bytes_and_loses_nothing(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    lines = list(islice(read_lines(some_households), 3 * PART))
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        now = {name: programme.process("worker", name, "tests.support.faulty_worker") for name in ("one", "two")}
        later = {name: programme.process("worker", name, NEXT) for name in ("one", "two")}
        last_ms = programme.produce(lines[:PART]).last_ms
        # Both die between outputs and state, of a batch that had something to say: their successors say it again,
        # whatever has changed since.
        for name, worker in now.items():
            up(worker, name, TOY_FAULT="kill:said:2")
        for worker in now.values():
            assert worker.wait(60) == -signal.SIGKILL

        weights = WeightsData(Weights(1, (("purchase", 11_000),)), 0, last_ms)
        to_all(programme, weights_record(weights, programme.key), last_ms)
        last_ms = programme.produce(lines[PART : 2 * PART]).last_ms
        up(later["one"], "one")
        eventually(lambda: NEXT_FORMAT in formats(programme), 60, "rows of the next format")
        assert later["one"].stop() == 0
        assert up(now["one"], "one").wait(120) == EXIT_SOFTWARE, "rolled back too late"
        assert now["one"].said("finish the upgrade, or roll it back") > 0
        up(later["one"], "one")

        first = first_policy(programme.policy, (public_key_of(programme.key),))
        from_ms = head_of(lines[2 * PART])[0] or 0
        second = msgspec.structs.replace(first, version=2, engine=NEXT_ENGINE, effective_from_ms=from_ms)
        to_all(programme, policy_record(second, programme.key), last_ms)
        up(later["two"], "two")
        programme.produce(lines[2 * PART :])
        settle(programme)
        judge(programme)


def judge(programme: Programme) -> None:
    """By the next code all is right; by today's, everything up to the policy that names the next engine."""
    delivered, deliveries = programme.deliveries()  # raises where two deliveries of one decision differ
    decisions = sum(1 for _ in delivered.values())
    assert deliveries > decisions
    assert delivered.gaps() == []
    assert formats(programme) == {ROW_FORMAT, NEXT_FORMAT}
    points = [value for value in delivered.values() if b'"type":"loyalty.points.' in value]
    assert {msgspec.json.decode(value, type=LedgerEntry).data.engine for value in points} == {1, NEXT_ENGINE}

    before: list[LogRecord] = []
    log = read_log(programme.settings.bootstrap_servers, topic_name(programme.settings, "actions"))
    for records in log.values():
        end = next(record.offset for record in records if is_policy(record, 2))
        before += [record for record in records if record.offset < end]
    under_one = set(replay_log(before, LogIdentity(b"any", len(log)), "any").decisions.values())
    assert under_one < set(delivered.values())

    audit = programme.process("audit", "audit", NEXT)
    audit.start(TIERSTREAM_LOG_LEVEL="error")
    assert audit.wait(120) == 0, audit.log.read_text()
    assert "all agree" in audit.log.read_text()


def is_policy(record: LogRecord, version: int) -> bool:
    """Whether this is the record of a policy version."""
    if b"loyalty.control.policy" not in (record.value or b""):
        return False
    control = decode_control(record.value or b"")
    return isinstance(control, PolicyRecord) and control.data.version == version
