"""The judge of a campaign: replays the recorded log, undisturbed, and holds everything that was delivered against it.

One partition at a time, in processes of its own. The oracle is the pure fold over the log as it stands in the actions
topic, learned weights and all; what it is held against comes raw from the brokers.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from confluent_kafka import Message

from streams.accounting import is_balanced
from streams.changelog import Replay
from streams.decision_log import DECISION_TOPICS, DecisionTopic
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold, new_fold
from streams.records import LogIdentity, LogRecord
from streams.row_format import row_mark, row_payload
from streams.settings import Settings
from streams.stores import MemoryPartition
from streams.topics import TopicKind, topic_name
from tests.chaos.auditor import Accepted, Ledger
from tests.chaos.findings import Findings, digest_of
from tests.chaos.judge_shared import Exchanged, judge_draws, note_sent, noticing
from tests.chaos.topics_read import messages_of

_RECORDS_AT_ONCE = 2_000
_ROWS_AT_ONCE = 10_000


class _Place(msgspec.Struct, gc=False):
    sequence: int


class _Decision(msgspec.Struct, gc=False):
    id: str
    subject: str
    data: _Place


_DECISION = msgspec.json.Decoder(_Decision)


@dataclass
class Undisturbed:
    """What one partition's log gives when nothing happens: outputs by topic, the rows, and the fold at its end."""

    outputs: dict[str, list[bytes]]
    rows: dict[bytes, bytes]
    fold: PartitionFold


def undisturbed(partition: int, identity: LogIdentity, topic: str, log: Iterable[LogRecord]) -> Undisturbed:
    """Fold a partition's log, in batches as a worker does."""
    store = MemoryStore()
    fold = new_fold(partition, identity, store, topic)
    outputs: dict[str, list[bytes]] = {}
    waiting: list[LogRecord] = []

    def land() -> None:
        records = waiting
        while records and fold.mark < records[-1].offset:
            batch = fold.fold(records)
            store.write(list(batch.rows))
            fold.landed(batch.mark)
            for output in batch.outputs:
                outputs.setdefault(output.topic, []).append(output.value)

    for record in log:
        waiting.append(record)
        if len(waiting) == _RECORDS_AT_ONCE:
            land()
            waiting.clear()
    land()
    rows = {key: row_payload(key, store.get(key) or b"") for key in store.scan(b"", b"\xff")}
    return Undisturbed(outputs, rows, fold)


def judge_partition(
    settings: Settings, partition: int, identity: LogIdentity, audited: Accepted
) -> tuple[Findings, Exchanged]:
    """Everything that is wrong with one partition, and what it has exchanged with others."""
    findings = Findings()
    exchanged = Exchanged(partition)

    def read(kind: TopicKind) -> Iterator[Message]:
        return messages_of(settings.bootstrap_servers, topic_name(settings, kind), partition)

    recovered = recover(read("changelog"))
    log = noticing(_up_to(recovered.mark, map(_logged, read("actions")), findings), exchanged)
    right = undisturbed(partition, identity, topic_name(settings, "actions"), log)
    findings.weights_version = right.fold.weights_version
    findings.seen.update(right.fold.counts)
    findings.seen["records"] = right.fold.mark + 1
    if not is_balanced(right.fold.counts):
        findings.mistake("unbalanced", f"partition {partition}: {right.fold.counts}")
    ledger = Ledger()
    for topic in DECISION_TOPICS:
        delivered = [bytes(message.value()) for message in read(topic)]
        judge_decisions(findings, topic, right.outputs.get(topic, []), delivered, ledger)
    judge_audited(findings, right.outputs, audited)
    _judge_dead_letters(findings, right.outputs.get("deadletter", []), [bytes(m.value()) for m in read("deadletter")])
    _judge_rows(findings, partition, right, recovered)
    judge_draws(findings, right.outputs.get("draws", []), [bytes(message.value()) for message in read("draws")])
    note_sent(settings, right.fold, right.outputs.get("effects", []), exchanged)
    findings.examples = [digest_of(value) for value in right.outputs.get("examples", [])]
    return findings, exchanged


def judge_decisions(
    findings: Findings, topic: DecisionTopic, right: list[bytes], delivered: list[bytes], ledger: Ledger
) -> None:
    """Hold the deliveries of a topic's partition against the oracle's decisions."""
    expected = {_number_of(value): value for value in right}
    raw: dict[tuple[str, int], bytes] = {}
    accepted: dict[tuple[str, int], bytes] = {}
    ids: set[str] = set()
    for value in delivered:
        decision = _DECISION.decode(value)
        number = (decision.subject, decision.data.sequence)
        if raw.setdefault(number, value) != value:
            findings.mistake("different_bytes", f"{topic}: {raw[number][:300]!r} and {value[:300]!r}")
        if ledger.take(topic, value):
            if decision.id in ids:
                findings.mistake("duplicated", f"{topic}: under a second number: {value[:300]!r}")
            ids.add(decision.id)
            accepted[number] = value
    findings.seen[f"{topic}_deliveries"] += len(delivered)
    findings.seen[f"{topic}_decisions"] += len(expected)
    for number in expected.keys() - accepted.keys():
        findings.mistake("lost", f"{topic}: {expected[number][:300]!r}")
    for number in accepted.keys() - expected.keys():
        findings.mistake("duplicated", f"{topic}: of no event in the log: {accepted[number][:300]!r}")
    for number in accepted.keys() & expected.keys():
        if accepted[number] != expected[number]:
            findings.mistake(f"{topic}_mismatches", f"{accepted[number]!r}, should be {expected[number]!r}")


def judge_audited(findings: Findings, right: dict[str, list[bytes]], audited: Accepted) -> None:
    """Hold what the reader accepted on the way against the oracle's decisions, member by member."""
    ideal = Ledger()
    for topic in DECISION_TOPICS:
        for value in right.get(topic, []):
            ideal.take(topic, value)
    for name, members in ideal.accepted().items():
        for member, wanted in members.items():
            if audited[name].get(member) != wanted:
                findings.mistake("audit_mismatches", f"{name}: {audited[name].get(member)}, should be {wanted}")
    findings.seen["audited_members"] += len(ideal.accepted()["points"])


def _judge_dead_letters(findings: Findings, right: list[bytes], delivered: list[bytes]) -> None:
    wanted, got = set(right), set(delivered)
    for value in wanted - got:
        findings.mistake("dead_letter_mismatches", f"never delivered: {value[:300]!r}")
    for value in got - wanted:
        findings.mistake("dead_letter_mismatches", f"of no record in the log: {value[:300]!r}")


@dataclass
class Recovered:
    """What a worker would recover from a changelog: the rows, where they stand, and what a late writer left on top."""

    rows: dict[bytes, bytes]
    mark: int
    stale: set[bytes]


def recover(changelog: Iterable[Message]) -> Recovered:
    """Read a changelog as a worker without a store does."""
    store = MemoryPartition()
    replay = Replay(store)
    waiting: list[_Row] = []
    for message in changelog:
        waiting.append(_Row(message))
        if len(waiting) == _ROWS_AT_ONCE:
            replay.apply(waiting, waiting[-1].offset + 1)
            waiting.clear()
    if waiting:
        replay.apply(waiting, waiting[-1].offset + 1)
    rows = {key: store.get(key) or b"" for key in store.scan(b"", b"\xff")}
    return Recovered(rows, max((row_mark(row) for row in rows.values()), default=-1), replay.stale)


def _up_to(mark: int, log: Iterable[LogRecord], findings: Findings) -> Iterator[LogRecord]:
    """The log as far as it has been applied; behind that there may be ticks of workers that were stopping."""
    for record in log:
        if record.offset <= mark:
            yield record
        elif record.key is not None:
            findings.mistake("not_applied", f"partition {record.partition}: offset {record.offset}")


def _judge_rows(findings: Findings, partition: int, right: Undisturbed, recovered: Recovered) -> None:
    """The changelog, recovered as a worker would, is the oracle's rows at the log's end."""
    for key in recovered.rows.keys() | right.rows.keys():
        payload = row_payload(key, recovered.rows[key]) if key in recovered.rows else None
        if payload != right.rows.get(key):
            findings.mistake("row_mismatches", f"partition {partition}: row {key!r} is {payload!r}")
    findings.seen["rows"] += len(recovered.rows)
    if recovered.stale:
        findings.mistake("stale_rows", f"partition {partition}: {len(recovered.stale)} rows of a late writer are last")


class _Row:
    """A changelog record as `streams.changelog` reads it."""

    __slots__ = ("headers", "key", "offset", "partition", "topic", "value")

    def __init__(self, message: Message) -> None:
        self.topic, self.partition, self.offset = message.topic(), message.partition(), message.offset()
        self.key, self.value = message.key(), message.value()
        self.headers = message.headers() or ()


def _logged(message: Message) -> LogRecord:
    return LogRecord(message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value())


def _number_of(value: bytes) -> tuple[str, int]:
    decision = _DECISION.decode(value)
    return decision.subject, decision.data.sequence
