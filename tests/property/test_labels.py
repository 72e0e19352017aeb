"""Labels against an oracle that keeps everything; lazy work equals swept work; rows equal memory; nothing leaks."""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from features.event_time import DAY_MS, HOUR_MS
from features.table import ACTIVITY, PURCHASES, SPEND
from features.vector import feature_index
from features.windows import ActivityWindows
from loyalty.decisions import Cause, EntryData, Factors
from loyalty.policy import Learning
from online_models.examples import WEEK_MS, Outcome
from online_models.label_rows import View
from online_models.labels import OpenLabels
from online_models.sampling import next_moment_ms

MEMBER = "m-42"
LEARNING = Learning(enabled=True, sample_share_bp=4_000, horizon_days=9, lapse_days=20)
SPEND_EVER = feature_index("spend_minor_all")


class Buy(NamedTuple):
    """A purchase: `log_ms` is when it was read, `late_ms` how long before that it happened (negative: ahead)."""

    log_ms: int
    late_ms: int
    amount_minor: int

    @property
    def time_ms(self) -> int:
        return self.log_ms - self.late_ms


@st.composite
def histories(draw: st.DrawFn) -> list[Buy]:
    gaps = draw(st.lists(st.integers(0, 4 * DAY_MS), min_size=1, max_size=25))
    buys = []
    log_ms = 100 * DAY_MS
    for gap in gaps:
        log_ms += gap
        late_ms = draw(st.sampled_from((0, 0, 0, HOUR_MS, 5 * DAY_MS, -HOUR_MS)))
        buys.append(Buy(log_ms, late_ms, draw(st.integers(1, 1_000))))
    return buys


def category_of(buy: Buy) -> str:
    """A category that tells the purchase."""
    return f"category-{buy.amount_minor}"


def entry_of(buy: Buy) -> EntryData:
    """Every other purchase earns a point per 100, the rest redeem as much."""
    points = buy.amount_minor // 100
    factors = Factors(buy.amount_minor, 1, 100, 10_000, 10_000, 10_000, points, points, "floor")
    earns = buy.amount_minor % 2 == 0
    return EntryData(
        sequence=1,
        kind="earned" if earns else "redeemed",
        pending_points=points if earns else 0,
        active_points=0 if earns else -points,
        pending_balance=0,
        active_balance=0,
        lots=(),
        cause=Cause("test", "test"),
        policy_version=1,
        weights_version=0,
        engine=1,
        action="purchase",
        factors=factors if earns else None,
    )


class Rows(dict[bytes, bytes]):
    """A store of one part."""

    def write(self, part: OpenLabels) -> None:
        for suffix, payload in part.changed():
            if payload is None:
                del self[suffix]
            else:
                self[suffix] = payload


def run(
    buys: list[Buy], *, tick_ms: int | None = None, reload: Callable[[int], bool] = lambda _: False
) -> tuple[list[Outcome], Rows]:
    """Feed a history; sweep every `tick_ms`, or only when the member acts; go through rows where `reload` says so."""
    windows, rows = ActivityWindows.load(lambda _: None), Rows()
    labels = OpenLabels.load(rows.get)
    outcomes: list[Outcome] = []

    def look(due_ms: int) -> View:
        vector = windows.vector(due_ms)
        return View(windows.as_of_ms, vector)

    def due(until_ms: int) -> None:
        outcomes.extend(labels.run_due(MEMBER, until_ms, lambda _: LEARNING, look))

    now_ms = buys[0].log_ms
    for number, buy in enumerate(buys):
        while tick_ms is not None and now_ms < buy.log_ms:
            due(now_ms)
            now_ms += tick_ms
        now_ms = max(now_ms, buy.log_ms)
        due(buy.log_ms)
        labels.touch(MEMBER, buy.log_ms, LEARNING)
        windows.observe(((ACTIVITY, 1), (PURCHASES, 1), (SPEND, buy.amount_minor)), buy.time_ms)
        labels.spent(buy.time_ms, buy.amount_minor)
        labels.bought(buy.time_ms, category_of(buy))
        labels.entered(buy.time_ms, entry_of(buy))
        rows.write(labels)
        if reload(number):
            labels = OpenLabels.load(rows.get)
    due(buys[-1].log_ms + 60 * DAY_MS)
    rows.write(labels)
    return outcomes, rows


@given(histories())
def test_sweeping_and_doing_it_lazily_give_the_same_outcomes(buys: list[Buy]) -> None:
    assert run(buys, tick_ms=DAY_MS // 2)[0] == run(buys)[0]


@given(histories(), st.integers(1, 3))
def test_a_part_restored_from_its_rows_goes_on_the_same(buys: list[Buy], every: int) -> None:
    assert run(buys, reload=lambda number: number % every == 0) == run(buys)


@given(histories())
def test_a_label_is_the_spend_inside_its_span_that_was_known_in_time(buys: list[Buy]) -> None:
    for outcome in run(buys)[0]:
        known = [buy for buy in buys if buy.log_ms < outcome.matured_at_ms]
        span = range(outcome.predicted_at_ms + 1, outcome.matured_at_ms + 1)

        assert outcome.label_spend_minor == sum(buy.amount_minor for buy in known if buy.time_ms in span)
        week = span[:WEEK_MS]
        assert outcome.label_week_minor == sum(buy.amount_minor for buy in known if buy.time_ms in week)
        assert outcome.matured_at_ms - outcome.predicted_at_ms == LEARNING.horizon_days * DAY_MS


def earned_by(buy: Buy) -> int:
    """Points that a purchase earned."""
    return buy.amount_minor // 100 * (buy.amount_minor % 2 == 0)


@given(histories())
def test_labels_of_points_and_of_the_next_category_keep_to_the_same_span(buys: list[Buy]) -> None:
    """And what stood beside the vector comes from before the moment."""
    for outcome in run(buys)[0]:
        span = range(outcome.predicted_at_ms + 1, outcome.matured_at_ms + 1)
        inside = [buy for buy in buys if buy.log_ms < outcome.matured_at_ms and buy.time_ms in span]
        before = [buy for buy in buys if buy.time_ms <= outcome.predicted_at_ms]
        first = min((buy.time_ms for buy in inside), default=None)

        assert outcome.label_earned_points == sum(map(earned_by, inside))
        assert outcome.label_redeemed_points == sum(buy.amount_minor // 100 - earned_by(buy) for buy in inside)
        assert outcome.label_category in {category_of(buy) for buy in inside if buy.time_ms == first} or not inside
        assert outcome.earned_points <= sum(map(earned_by, before))


@given(histories())
def test_no_purchase_is_in_both_the_features_and_the_label(buys: list[Buy]) -> None:
    """The leak test: features hold only what was read before the moment, and none of that is in the label's span."""
    for outcome in run(buys)[0]:
        seen = outcome.features[SPEND_EVER]
        could_be_seen = [buy for buy in buys if buy.time_ms <= outcome.predicted_at_ms]

        assert seen <= sum(buy.amount_minor for buy in could_be_seen)
        assert seen + outcome.label_spend_minor <= sum(buy.amount_minor for buy in buys)


def test_a_purchase_ahead_of_log_time_that_the_features_know_is_not_in_the_label() -> None:
    """The case that leaks if a label begins at the moment it was due rather than at the newest event known."""
    first = Buy(100 * DAY_MS, 0, 100)
    moment_ms = next_moment_ms(MEMBER, first.log_ms, LEARNING.sample_share_bp)
    assert moment_ms is not None
    ahead = Buy(moment_ms - 1, -HOUR_MS, 7)

    outcome = run([first, ahead])[0][0]

    assert outcome.features[SPEND_EVER] == 107
    assert outcome.predicted_at_ms == ahead.time_ms
    assert outcome.label_spend_minor == 0


@given(histories())
def test_every_award_is_counted_once_in_the_span_that_the_outcome_names(buys: list[Buy]) -> None:
    outcomes, _ = run(buys)

    spans = [range(outcome.issued_from_ms, outcome.matured_at_ms) for outcome in outcomes]

    for outcome, span in zip(outcomes, spans, strict=True):
        awarded = sum(earned_by(buy) for buy in buys if buy.log_ms in span)
        assert sum(points for _, points in outcome.issued) == awarded
    for span, following in pairwise(spans):
        assert span.stop <= following.start


@given(histories())
def test_rows_end_with_the_labels_they_stand_for(buys: list[Buy]) -> None:
    """Every moment drawn before the member lapsed has matured: only the calendar row is left."""
    _, rows = run(buys)

    assert set(rows) == {b"l"}


@given(st.text(min_size=1, max_size=8), st.integers(0, 10**12), st.integers(1, 10_000))
def test_moments_come_in_order_and_at_most_one_a_day(member: str, after_ms: int, share_bp: int) -> None:
    moments = []
    last_ms = after_ms
    for _ in range(4):
        moment = next_moment_ms(member, last_ms, share_bp)
        if moment is None:
            break
        moments.append(moment)
        last_ms = moment

    assert moments == sorted(moments)
    assert len({moment // DAY_MS for moment in moments}) == len(moments)
    assert all(moment > after_ms for moment in moments)
