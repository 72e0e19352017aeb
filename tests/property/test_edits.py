"""A new policy reaches every member once, in order, whoever is idle, and wherever the log is cut."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from loyalty.decisions import TierChange
from streams.controls import policy_record
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from tests.support.partition_log import KEY, build_log, ending_at, policy_data, read_at_once, read_in_batches
from tests.support.random_history import DAY_MS, MEMBERS, histories

RETAIL = policy_data("retail.toml")
LOWER = replace(
    RETAIL,
    version=2,
    text=RETAIL.text.replace("threshold = 250", "threshold = 1").replace(
        "sweep_members_per_record = 32", "sweep_members_per_record = 1"
    ),
)
_CHANGE = msgspec.json.Decoder(TierChange)


def with_edit(log: list[LogRecord], place: int, after_ms: int) -> list[LogRecord]:
    """The log with the edit read at a place, to come into force some time later."""
    place = 1 + place % len(log)
    now_ms = max(record.timestamp_ms for record in log[:place])
    edit = policy_record(replace(LOWER, effective_from_ms=now_ms + after_ms), KEY)
    records = [*log[:place], LogRecord(0, 0, now_ms, None, edit), *log[place:]]
    return [replace(record, offset=offset) for offset, record in enumerate(records)]


edits = st.tuples(st.integers(0, 100), st.sampled_from((-DAY_MS, 0, 1, DAY_MS, 20 * DAY_MS)))


@given(histories(), edits, st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=40)
def test_members_are_reached_in_the_same_order_however_often_the_worker_restarts(
    history: list[tuple[int, bytes]], edit: tuple[int, int], ends: list[int]
) -> None:
    records = ending_at(
        with_edit(build_log(history, RETAIL, tick_every_ms=DAY_MS), *edit), history[-1][0] + 30 * DAY_MS
    )
    at_once, _ = read_at_once(records)
    for restart in (False, True):
        outputs, _ = read_in_batches(records, ends, restart=restart)
        assert outputs == at_once


@given(histories(), edits)
@settings(max_examples=40)
def test_every_member_is_reached_once_and_none_before_its_time(
    history: list[tuple[int, bytes]], edit: tuple[int, int]
) -> None:
    log = with_edit(build_log(history, RETAIL, tick_every_ms=DAY_MS), *edit)
    outputs, fold = read_at_once(ending_at(log, history[-1][0] + 30 * DAY_MS))
    for member in MEMBERS:
        core = fold.member(member).account.core
        assert not core.member or core.tier.policy_version == 2
    changes = [_CHANGE.decode(output.value) for output in outputs if output.topic == "tier-changes"]
    by_edit = [change for change in changes if change.data.cause.id == "policy/2"]
    assert all(change.data.policy_version == 2 for change in by_edit)
    assert len({change.subject for change in by_edit}) == len(by_edit)


def test_one_record_reaches_a_bounded_number_of_members() -> None:
    history = [
        (1_488_000_000_000 + n, b'{"specversion":"1.0","id":"%d","source":"s","type":"loyalty.action.purchase",'
         b'"time":"2017-02-25T05:20:00Z","subject":"m-%03d","data":{"order_id":"o-%d","amount":5000,"currency":"USD"}}'
         % (n, n, n))
        for n in range(20)
    ]  # fmt: skip
    log = build_log(history, RETAIL)
    edit = policy_record(replace(LOWER, effective_from_ms=0), KEY)
    log.append(LogRecord(0, len(log), history[-1][0], None, edit))
    _, fold = read_at_once(log)
    reached = [upgraded(fold)]
    for record in ending_at(log, history[-1][0])[len(log) :]:
        fold.apply(record)
        reached.append(upgraded(fold))
    assert reached == list(range(1, 12))


def upgraded(fold: PartitionFold) -> int:
    """How many members have been looked at under the second version."""
    return sum(fold.member(f"m-{n:03}").account.core.tier.policy_version == 2 for n in range(20))
