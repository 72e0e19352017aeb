"""`tierstream audit` on a real broker: table, ledger and log agree, until somebody meddles."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from loyalty.account_rows import Core
from streams.cli import app
from streams.client import Reader
from streams.histories.files import read_lines
from streams.ledger_audit import AuditReport
from streams.row_format import restamped
from streams.settings import Settings
from streams.state import core_member
from streams.table_reading import read_table
from streams.topics import TopicKind
from tests.support.ledger_evidence import rewrite_account
from tests.support.programme import Programme

pytestmark = pytest.mark.kafka

ACTIONS = 600


class Sent(NamedTuple):
    """A record to meddle with."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def tierstream(settings: Settings, *arguments: str) -> Result:
    environment = {
        "TIERSTREAM_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TIERSTREAM_APP_ID": settings.app_id,
        "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "TIERSTREAM_TICKER": "off",
    }
    return CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)


def report(settings: Settings, *arguments: str) -> tuple[int, AuditReport]:
    result = tierstream(settings, "audit", "--json", *arguments)
    return result.exit_code, msgspec.json.decode(result.stdout, type=AuditReport)


def test_an_audit_agrees_with_what_workers_did_and_finds_what_somebody_else_wrote(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        settings = programme.settings
        programme.process("worker", "one").start()
        programme.produce(islice(read_lines(some_households), ACTIONS))
        assert report(settings)[0] == 0, "while the worker is at it"
        programme.settle(within_s=120, learning=False)

        code, audit = report(settings)
        assert (code, audit.right, audit.ahead) == (0, True, 0)
        entries = sum(counts["ledger_entries"] for counts in programme.counts().values())
        assert audit.entries == entries > ACTIONS
        assert "all agree" in tierstream(settings, "audit").stdout

        entry = pick(settings, "points", lambda message: b'"sequence":2,' in message.value)
        row = pick(settings, "changelog", lambda message: core_member(message.key) == entry.key.decode())
    meddle(settings, entry._replace(value=entry.value.replace(b'"sequence":2,', b'"sequence":900,')))
    table = read_table(settings, row.partition)

    def change(core: Core) -> None:
        core.active_points += 1_000

    (_, wrong), *_ = rewrite_account(table.rows, entry.key.decode(), change)
    assert wrong is not None
    meddle(settings, row._replace(value=restamped(wrong, 10**9)))

    code, audit = report(settings)
    assert code == 1
    wanted = {"doubled_entry": 1, "foreign_entry": 1, "wrong_balance": 1, "wrong_lots": 1, "wrong_row": 1}
    assert audit.by_kind == wanted
    assert audit.cures.keys() == wanted.keys()
    member = entry.key.decode()
    assert {wrong.member for part in audit.partitions for wrong in part.mismatches} == {member}
    told = tierstream(settings, "audit", "--member", member)
    assert told.exit_code == 1
    assert "cure: the table is damaged" in told.stdout
    other = pick(settings, "points", lambda message: message.key != entry.key)
    assert report(settings, "--member", other.key.decode())[0] == 0


def pick(settings: Settings, kind: TopicKind, wanted: Callable[[Sent], bool]) -> Sent:
    """The last record of the topic that is wanted."""
    found: Sent | None = None
    with Reader(settings, (kind,)) as reader:
        for _, message in reader.to_end():
            sent = Sent(message.topic(), message.partition(), message.key(), message.value() or b"")
            if sent.value and wanted(sent):
                found = sent
    assert found is not None
    return found


def meddle(settings: Settings, record: Sent) -> None:
    """Append a record to a topic that workers alone should write to."""
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    producer.produce(record.topic, record.value, record.key, record.partition)
    assert producer.flush(30) == 0
