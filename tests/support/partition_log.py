"""A partition's log in memory, and ways to read it: at once, in batches, with crashes."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.controls import PolicyData, policy_record, public_key_of, tick_record
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.policy_files import first_policy
from streams.records import LogRecord, Output

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"tests").digest())
POLICIES = Path(__file__).parents[2] / "deploy" / "policies"
TOPIC_ID = b"test-topic-uuid!"


class _Subject(msgspec.Struct):
    subject: str = ""


def policy_data(name: str = "retail.toml") -> PolicyData:
    """A preset as the first policy of a partition."""
    return first_policy(POLICIES / name, (public_key_of(KEY),))


def key_of(value: bytes) -> bytes | None:
    """The Kafka key that a producer would give the value."""
    try:
        return msgspec.json.decode(value, type=_Subject).subject.encode() or None
    except msgspec.MsgspecError:
        return None


def build_log(
    actions: Iterable[tuple[int, bytes]], policy: PolicyData, tick_every_ms: int | None = None
) -> list[LogRecord]:
    """Policy, actions, and ticks at fixed steps of append time, as records of partition 0."""
    records = [LogRecord(0, 0, 1, None, policy_record(policy, KEY))]

    def append(timestamp_ms: int, value: bytes, key: bytes | None) -> None:
        records.append(LogRecord(0, len(records), timestamp_ms, key, value))

    last_ms: int | None = None
    for timestamp_ms, value in actions:
        if tick_every_ms is not None and last_ms is not None:
            for tick_ms in range(last_ms - last_ms % tick_every_ms + tick_every_ms, timestamp_ms + 1, tick_every_ms):
                append(tick_ms, tick_record(tick_ms, KEY), None)
        append(timestamp_ms, value, key_of(value))
        last_ms = timestamp_ms
    return records


def ending_at(records: list[LogRecord], end_ms: int) -> list[LogRecord]:
    """The log with as many ticks at its end as a sweep of all members takes."""
    ticks = range(len(records), len(records) + 10)
    return [*records, *(LogRecord(0, offset, end_ms, None, tick_record(end_ms, KEY)) for offset in ticks)]


def read_at_once(records: Sequence[LogRecord]) -> tuple[list[Output], PartitionFold]:
    """Fold everything hot, in memory."""
    fold = PartitionFold(0, TOPIC_ID, MemoryStore())
    for record in records:
        fold.apply(record)
    return fold.take_outputs(), fold


def read_in_batches(
    records: Sequence[LogRecord], ends: Iterable[int], *, restart: bool
) -> tuple[list[Output], PartitionFold]:
    """Fold in batches that end before the given positions; with `restart`, each batch starts from stored rows alone."""
    store = MemoryStore()
    fold = PartitionFold(0, TOPIC_ID, store, cached_members=1)
    outputs: list[Output] = []
    start = 0
    for end in [*sorted(ends), len(records)]:
        rest: Sequence[LogRecord] = records[start:end]
        while rest and rest[-1].offset > fold.mark:
            batch = fold.fold(rest)
            store.write(batch.rows)
            fold.landed(batch.mark)
            outputs += batch.outputs
        start = end
        if restart:
            fold = PartitionFold(0, TOPIC_ID, store, cached_members=1)
    return outputs, fold


def decisions_of(outputs: Iterable[Output]) -> DecisionLog:
    """The decisions among the outputs, as a reader takes them."""
    log = DecisionLog()
    for output in outputs:
        for topic in DECISION_TOPICS:
            if topic == output.topic:
                log.add(topic, output.value)
    return log
