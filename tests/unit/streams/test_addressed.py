"""Verdicts in the log: only ours, only where the member is, each once, whoever reads it and how often."""

import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty.verdicts import Ruling, Verdict
from streams.accounting import is_balanced
from streams.controls import PolicyData, public_key_of, verdict_record
from streams.records import LogRecord, Output
from tests.support.partition_log import KEY, build_log, ending_at, policy_data, read_at_once, read_in_batches
from tests.support.random_history import DAY_MS, START_MS, purchase

HOLDS = '\n[[holds]]\nid = "unusual"\nby = "anomaly"\nscore_from = 700\ndays = 60\n'
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def policy() -> PolicyData:
    retail = policy_data()
    return PolicyData(1, 0, retail.engine, retail.text + HOLDS, retail.zone, retail.public_keys)


def verdict(ruling: Ruling, example_offset: int, member: str = "m-1") -> Verdict:
    return Verdict(member, ruling, 800, "40 orders in an hour", example_offset, START_MS)


def log_with(*verdicts: tuple[int, bytes | None, bytes]) -> list[LogRecord]:
    """A purchase of day 0, and each verdict under its key on its day; a sweep on day 30."""
    records = build_log([(START_MS, purchase("o-1", "m-1", START_MS, 10_000))], policy())
    for day, key, value in verdicts:
        records.append(LogRecord(0, len(records), START_MS + day * DAY_MS, key, value))
    return ending_at(records, START_MS + 30 * DAY_MS)


def kinds(outputs: list[Output]) -> list[str]:
    return [json.loads(output.value)["data"]["kind"] for output in outputs if output.topic == "points"]


HOLD = verdict_record(verdict("hold", 7), KEY)
RELEASE = verdict_record(verdict("release", 9), KEY)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([], ["earned", "activated"]),
        ([(1, b"m-1", HOLD)], ["earned", "held"]),
        ([(1, b"m-1", HOLD), (2, b"m-1", HOLD)], ["earned", "held"]),
        ([(1, b"m-1", HOLD), (2, b"m-1", RELEASE), (3, b"m-1", HOLD)], ["earned", "held", "activated"]),
    ],
)
def test_a_verdict_counts_once_however_the_log_is_read(
    verdicts: list[tuple[int, bytes, bytes]], said: list[str]
) -> None:
    records = log_with(*verdicts)
    outputs, fold = read_at_once(records)
    assert kinds(outputs) == said
    again, other = read_in_batches(records, range(len(records)), restart=True)
    assert (again, other.counts) == (outputs, fold.counts)
    assert fold.counts["control_records"] == 1 + len(verdicts) + 10  # the policy, and the ticks at the end


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"m-1", verdict_record(verdict("hold", 7), OTHER_KEY), "not_signed"),
        (b"m-2", HOLD, "key_mismatch"),
        (None, HOLD, "key_mismatch"),
        (b"m-9", verdict_record(verdict("hold", 7, "m-9"), KEY), "unknown_member"),
        (b"m-1", HOLD.replace(b'"score":800', b'"score":8000'), "invalid_field"),
    ],
)
def test_what_is_no_verdict_on_a_member_here_is_a_dead_letter(key: bytes | None, value: bytes, reason: str) -> None:
    assert public_key_of(OTHER_KEY) not in policy().public_keys
    outputs, fold = read_at_once(log_with((1, key, value)))
    dead = [json.loads(output.value)["data"] for output in outputs if output.topic == "deadletter"]
    assert [(each["reason"], b64decode(each["value_base64"])) for each in dead] == [(reason, value)]
    assert kinds(outputs) == ["earned", "activated"]
    assert is_balanced(fold.counts)
    assert fold.counts["control_records"] == 1 + 10
