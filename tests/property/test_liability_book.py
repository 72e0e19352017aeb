"""The liability book says what lots and balances say, whatever happened, and however often entries are delivered."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from features.actions import Action
from features.event_time import ZoneRules
from loyalty.cohorts import by_issue_month, outstanding
from loyalty.decisions import EntryKind, LedgerEntry
from loyalty.liability import LiabilityBook, month_name
from loyalty.policy import Policy
from online_models.breakage import Forecast, forecast
from streams.liability import LedgerReading
from streams.liability_report import moment_of
from streams.records import LogIdentity
from tests.support.member_desk import Desk, policy_of
from tests.support.member_histories import ALL, EVERYTHING, TIERS, UNLIMITED, Step, histories
from tests.support.naive.agreement import at
from tests.support.naive.ledger import NaiveLedger
from tests.support.naive.times import NEVER, ON_INACTIVITY
from tests.support.partition_log import build_log, ending_at, policy_data, read_at_once
from tests.support.random_history import DAY_MS
from tests.support.random_history import histories as random_histories

FAR = 12 * 9_000
UTC_DAYS = ZoneRules.utc()
TOPIC = LogIdentity(b"points-topic-id!", 1)

# Points that end a year after they were earned or by inactivity, some of them never.
MIXED = policy_of(
    """
[points]
expiry = { kind = "inactivity", days = 20 }
pending_days = 3
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "login"
action = "login"
points = 4
expiry = { kind = "never" }
"""
    + TIERS.format(silver_bp=11_000, gold_bp=12_500)
)


def booked(entries: list[LedgerEntry]) -> LiabilityBook:
    book = LiabilityBook(UTC_DAYS)
    for entry in entries:
        book.add(entry)
    return book


def lived(policy: Policy, steps: list[Step]) -> tuple[Desk, NaiveLedger]:
    """A desk and a naive ledger some months after the last step."""
    desk = Desk(policy, UTC_DAYS)
    history: list[tuple[datetime, Action]] = []
    for step in steps:
        desk.act(step.action, step.log_ms)
        history.append((at(step.log_ms), step.action))
    end_ms = steps[-1].log_ms + 45 * DAY_MS
    desk.until(end_ms)
    return desk, NaiveLedger(policy, history, at(end_ms))


def month_before(expires: datetime, undated: str) -> str:
    """The month that an expiry is in, in the words of the standard library."""
    if expires >= ON_INACTIVITY:
        return undated or ("never" if expires == NEVER else "inactivity")
    return f"{expires - timedelta(microseconds=1):%Y-%m}"


@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED, MIXED)))
def test_cohorts_are_the_lots_of_a_ledger_that_starts_from_nothing(steps: list[Step], policy: Policy) -> None:
    desk, naive = lived(policy, steps)
    book = booked(desk.entries)
    expected: Counter[str] = Counter()
    for expires, points in naive.pools.items():
        expected[month_before(expires, "")] += points
    for grant in naive.pending:
        expected[month_before(grant.expires, "undated")] += grant.points - grant.taken
    found = {month_name(cohort): points for cohort, points in outstanding(book.flows, FAR).items()}
    assert found == {month: points for month, points in expected.items() if points}
    assert sum(by_issue_month(book.flows, FAR).values()) == sum(found.values())
    assert -book.balance().debt == naive.debt


@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED, MIXED)))
def test_the_roll_forward_is_the_days_entries_and_closes_with_the_balances(steps: list[Step], policy: Policy) -> None:
    desk, _ = lived(policy, steps)
    lines = list(booked(desk.entries).roll_forward())
    by_day: dict[str, Counter[EntryKind]] = {}
    for entry in desk.entries:
        instant = entry.time - timedelta(microseconds=1 if entry.data.kind == "expired" else 0)
        moved = entry.data.pending_points + entry.data.active_points
        by_day.setdefault(instant.astimezone(UTC).date().isoformat(), Counter())[entry.data.kind] += moved
    opening = 0
    for line in lines:
        kinds = by_day.pop(line.day, Counter())
        assert line.opening == opening
        assert line.issued == kinds["earned"]
        assert line.spent == kinds["redeemed"] + kinds["returned"]
        assert (line.expired, line.clawed_back) == (kinds["expired"], kinds["clawed_back"])
        assert (line.cancelled, line.penalised) == (kinds["cancelled"], kinds["penalised"])
        assert line.adjusted == kinds["adjusted"]
        opening += kinds.total()
        assert line.closing == opening == line.pending + line.active - line.owed
    assert not by_day
    core = desk.account.core
    if lines:
        assert (lines[-1].pending, lines[-1].active - lines[-1].owed) == (core.pending_points, core.active_points)


def adds_up(made: Forecast) -> None:
    """Redeemed, broken, taken back and left are what was outstanding, to the point, month by month and in all."""
    left = made.outstanding
    sums: Counter[str] = Counter()
    for fates in made.months:
        for said in (fates.redeemed, fates.breakage):
            assert 0 <= said.low <= said.points <= said.high <= made.outstanding
        assert fates.taken_back >= 0
        left -= fates.redeemed.points + fates.breakage.points + fates.taken_back
        assert fates.left == left >= 0
        sums["redeemed"] += fates.redeemed.points
        sums["breakage"] += fates.breakage.points
        sums["taken"] += fates.taken_back
    total = made.total
    assert (total.redeemed.points, total.breakage.points) == (sums["redeemed"], sums["breakage"])
    assert (total.taken_back, total.left) == (sums["taken"], left)
    assert total.redeemed.low <= total.redeemed.points <= total.redeemed.high
    assert total.breakage.low <= total.breakage.points <= total.breakage.high


@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED, MIXED)), st.one_of(st.none(), st.integers(1, 130)))
def test_a_forecast_adds_up_to_what_is_outstanding(steps: list[Step], policy: Policy, horizon: int | None) -> None:
    desk, _ = lived(policy, steps)
    book = booked(desk.entries)
    made = forecast(book.flows, moment_of(book), horizon)
    adds_up(made)
    held = outstanding(book.flows, moment_of(book).month + 1)
    assert made.outstanding == sum(points for points in held.values() if points > 0)


RETAIL = policy_data("retail.toml")


def points_of(history: list[tuple[int, bytes]]) -> list[bytes]:
    log = build_log(history, RETAIL, tick_every_ms=DAY_MS)
    outputs, _ = read_at_once(ending_at(log, log[-1].timestamp_ms + 20 * DAY_MS))
    return [output.value for output in outputs if output.topic == "points"]


@given(random_histories(), st.randoms(use_true_random=False))
def test_deliveries_that_are_doubled_or_out_of_order_change_nothing(
    history: list[tuple[int, bytes]], chance: Random
) -> None:
    values = points_of(history)
    right = LedgerReading(UTC_DAYS)
    for value in values:
        assert right.take(value)
    reading = LedgerReading(UTC_DAYS)
    deliveries = values * 2
    while reading.book.entries < len(values):
        chance.shuffle(deliveries)
        taken = sum(reading.take(value) for value in deliveries)
        assert taken or not reading.incomplete
    assert reading.book == right.book
    assert reading.incomplete == right.incomplete == 0
    assert not any(reading.take(value) for value in deliveries)


@given(random_histories(), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 5))
def test_one_run_equals_any_number_of_runs_with_checkpoints_between(
    history: list[tuple[int, bytes]], stops: list[int], again: int
) -> None:
    values = points_of(history)
    right = LedgerReading(UTC_DAYS, TOPIC)
    for offset, value in enumerate(values):
        right.take_from(0, offset, value)
    reading = LedgerReading(UTC_DAYS, TOPIC)
    for stop in [*sorted(stops), len(values)]:
        raw = reading.checkpoint()
        for offset in range(reading.offsets.get(0, 0), min(stop, len(values))):
            reading.take_from(0, offset, values[offset])
        # What was read after the checkpoint was lost in a crash, and comes again.
        if again % 2:
            reading = LedgerReading.resumed(raw, UTC_DAYS, TOPIC)
            for offset in range(reading.offsets.get(0, 0), min(stop, len(values))):
                reading.take_from(0, offset, values[offset])
        reading = LedgerReading.resumed(reading.checkpoint(), UTC_DAYS, TOPIC)
    assert reading.book == right.book
    assert reading.offsets == right.offsets
    assert reading.members == right.members
