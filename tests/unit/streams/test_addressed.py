"""Verdicts and offers in the log: only ours, only where the member is, each once, whoever reads it and how often."""

import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty.offer_records import Offer
from loyalty.verdicts import Ruling, Verdict
from streams.accounting import is_balanced
from streams.controls import PolicyData, offer_record, public_key_of, verdict_record
from streams.partitioning import partition_of
from streams.records import LogRecord, Output
from tests.support.partition_log import KEY, build_log, ending_at, policy_data, read_at_once, read_in_batches
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

SECTIONS = """
[offers]
enabled = true
holdout_bp = 100
[[campaigns]]
id = "double"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
cap_points = 50
budget_points = 1_000
valid_days = 10
"""
HOLDS = '\n[[holds]]\nid = "unusual"\nby = "anomaly"\nscore_from = 700\ndays = 60\n'
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def policy() -> PolicyData:
    retail = policy_data()
    return PolicyData(1, 0, retail.engine, retail.text + HOLDS + SECTIONS, retail.zone, retail.public_keys)


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


def told(outputs: list[Output]) -> list[tuple[str, str]]:
    """Whom which offer was made."""
    said = [json.loads(output.value) for output in outputs if output.topic == "notifications"]
    return [(each["subject"], each["data"]["about"]) for each in said if each["data"]["kind"] == "offer_made"]


def offer(example_offset: int, member: str = "m-1", day: int = 1) -> Offer:
    return Offer(member, "double", example_offset, START_MS + day * DAY_MS)


OFFERED = offer_record(offer(7), KEY)
AGAIN = offer_record(offer(9, day=12), KEY)
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
    ("offers", "made"),
    [
        ([(1, b"m-1", OFFERED)], 1),
        ([(1, b"m-1", OFFERED), (1, b"m-1", OFFERED), (2, b"m-1", OFFERED)], 1),
        ([(1, b"m-1", OFFERED), (12, b"m-1", AGAIN), (13, b"m-1", OFFERED), (14, b"m-1", AGAIN)], 2),
        ([(1, b"m-1", HOLD), (1, b"m-1", OFFERED)], 1),
    ],
)
def test_an_offer_counts_once_however_the_log_is_read(offers: list[tuple[int, bytes, bytes]], made: int) -> None:
    records = log_with(*offers)
    outputs, fold = read_at_once(records)
    assert told(outputs) == [("m-1", "double")] * made
    again, other = read_in_batches(records, range(len(records)), restart=True)
    assert (again, other.counts) == (outputs, fold.counts)


@pytest.mark.parametrize("left_out", [b"nothing", b'{"type":"loyalty.control.tick"'])
def test_an_offer_is_over_whether_or_not_time_was_told_meanwhile(left_out: bytes) -> None:
    """Nothing is due when an offer ends: an action has the offers of its own event time."""
    records = [record for record in log_with((1, b"m-1", OFFERED)) if not (record.value or b"").startswith(left_out)]
    for day in (10, 12):
        value = purchase(f"o-{day}", "m-1", START_MS + day * DAY_MS, 10_000)
        records.append(LogRecord(0, records[-1].offset + 1, START_MS + 31 * DAY_MS, b"m-1", value))
    outputs, _ = read_at_once(records)
    earned = [json.loads(output.value)["data"] for output in outputs if b"points.earned" in output.value]
    assert [entry["factors"].get("offers", []) for entry in earned[-2:]] == [["double"], []]


def test_an_offer_to_an_alias_reaches_the_one_who_it_is_now_in_another_partition_once() -> None:
    canonical, alias = "m-1", "m-3"
    assert partition_of(canonical.encode(), 2) != partition_of(alias.encode(), 2)
    log = TopicLog(2, policy())
    log.act(purchase("o-1", canonical, START_MS, 1_000), START_MS)
    log.act(purchase("o-2", alias, START_MS, 1_000), START_MS)
    log.act(event("link_identity", "one", alias, START_MS, {"other": canonical}), START_MS)
    for _ in range(2):
        record = offer_record(offer(7, alias, day=0), KEY)
        log.append(partition_of(alias.encode(), 2), START_MS, alias.encode(), record)
        log.deliver_all()
    told_of = [value for value in log.decisions.values() if b"offer_made" in value]
    assert [json.loads(value)["subject"] for value in told_of] == [canonical]


def test_what_an_alias_was_offered_is_open_for_the_one_who_it_is_now() -> None:
    canonical, alias = "m-1", "m-3"
    log = TopicLog(2, policy())
    log.act(purchase("o-1", canonical, START_MS, 1_000), START_MS)
    log.act(purchase("o-2", alias, START_MS, 1_000), START_MS)
    log.tick(START_MS)  # asks for slices of the budget
    log.deliver_all()
    record = offer_record(offer(7, alias, day=0), KEY)
    log.append(partition_of(alias.encode(), 2), START_MS, alias.encode(), record)
    log.act(event("link_identity", "one", alias, START_MS, {"other": canonical}), START_MS)
    log.deliver_all()
    log.act(purchase("o-3", canonical, START_MS + DAY_MS, 1_000), START_MS + DAY_MS)
    entries = [json.loads(value) for value in log.decisions.values() if b"points.earned" in value]
    (entry,) = [entry for entry in entries if entry["data"].get("order_id") == "o-3"][:1]
    assert entry["data"]["factors"]["offers"] == ["double"]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"m-1", verdict_record(verdict("hold", 7), OTHER_KEY), "not_signed"),
        (b"m-2", HOLD, "key_mismatch"),
        (None, HOLD, "key_mismatch"),
        (b"m-9", verdict_record(verdict("hold", 7, "m-9"), KEY), "unknown_member"),
        (b"m-1", offer_record(offer(7), OTHER_KEY), "not_signed"),
        (b"m-2", OFFERED, "key_mismatch"),
        (b"m-9", offer_record(offer(7, "m-9"), KEY), "unknown_member"),
        (b"m-1", OFFERED.replace(b'"double"', b'""'), "invalid_field"),
        (b"m-1", HOLD.replace(b'"score":800', b'"score":8000'), "invalid_field"),
    ],
)
def test_what_is_nothing_that_we_say_to_a_member_here_is_a_dead_letter(
    key: bytes | None, value: bytes, reason: str
) -> None:
    assert public_key_of(OTHER_KEY) not in policy().public_keys
    outputs, fold = read_at_once(log_with((1, key, value)))
    dead = [json.loads(output.value)["data"] for output in outputs if output.topic == "deadletter"]
    assert [(each["reason"], b64decode(each["value_base64"])) for each in dead] == [(reason, value)]
    assert kinds(outputs) == ["earned", "activated"]
    assert is_balanced(fold.counts)
    assert fold.counts["control_records"] == 1 + 10
