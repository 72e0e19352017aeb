"""The breakage forecast: right where the truth is known, honest where it is not, and sensible at every edge."""

from functools import cache

import pytest

from benchmarks.breakage.backtest import Cut, cuts, score
from benchmarks.breakage.worlds import FIRST, WORLDS, hazard, run
from loyalty.cohorts import outstanding
from loyalty.liability import INACTIVITY, NEVER, UNDATED, Flow
from online_models.breakage import LONGEST, Forecast, forecast
from online_models.breakage_paths import Moment

BY_NAME = {world.name: world for world in WORLDS}
NOW = 24_200
CohortFlows = dict[int, dict[int, Flow]]


@cache
def found(name: str) -> list[Cut]:
    """Forecasts at each month's start over two programmes of a world, each with its truth."""
    return [cut for seed in (0, 1) for cut in cuts(run(BY_NAME[name], seed))]


def aged(name: str, low: int, high: int = 99) -> list[Cut]:
    return [cut for cut in found(name) if low <= cut.month - FIRST < high]


# Backtests


@pytest.mark.parametrize("name", list(BY_NAME))
def test_after_two_years_breakage_is_off_by_a_few_percent_of_what_is_outstanding(name: str) -> None:
    got = score(aged(name, 24))
    assert got.error < 3.5
    assert got.error < min(got.by_ended, got.by_issued)
    assert got.held >= 80
    assert got.width < 25


@pytest.mark.parametrize("name", list(BY_NAME))
def test_in_its_second_year_it_is_better_than_a_rule_of_thumb_by_far(name: str) -> None:
    got = score(aged(name, 12, 24))
    assert got.error < min(got.by_ended, got.by_issued) / 2
    assert got.held >= 85


@pytest.mark.parametrize("name", list(BY_NAME))
def test_a_young_programme_is_told_with_an_interval_that_holds_the_truth(name: str) -> None:
    young = aged(name, 6, 12)
    got = score(young)
    assert got.held >= 90
    assert got.width > 2 * score(aged(name, 24)).width
    assert got.error < min(got.by_ended, got.by_issued)
    assert {cut.made.evidence for cut in aged(name, 6, 8)} == {"thin"}
    assert {cut.made.evidence for cut in aged(name, 24)} == {"enough"}


def test_known_chances_are_learned() -> None:
    """What a pile's chances come to, month by month to its end, against what was learned from entries alone."""
    for cut in aged("known chances", 24):
        expected = sum(month.breakage.points for month in cut.made.months)
        assert abs(expected - cut.broken) < 0.08 * cut.made.outstanding
        # The cohort that ends this month is the last of those that chances went by so far: 18 in 100 go.
        first = cut.made.months[0]
        ending = first.breakage.points / (1.0 - hazard(0))
        rest = cut.made.outstanding - ending
        assert first.redeemed.points < hazard(0) * ending + rest * max(hazard(left) for left in range(1, 13)) * 1.2


# Edges


def steady(months: int = 24, valid: int = 12, redeemed: int = 4) -> CohortFlows:
    """100 points a month; of each cohort so many are redeemed each month until it expires."""
    flows: CohortFlows = {}
    for issued in range(NOW - months, NOW):
        cohort = issued + valid
        flows[cohort] = {issued: Flow(issued=100)}
        for month in range(issued + 1, min(cohort + 1, NOW)):
            flows[cohort][month] = Flow(redeemed=redeemed, redemptions=1, redeemed_squares=redeemed * redeemed)
        if cohort < NOW:
            flows[cohort][cohort].expired = 100 - redeemed * valid
    return flows


def test_a_steady_programme_goes_on_as_it_was() -> None:
    made = forecast(steady(), Moment(NOW, 0.0))
    assert made.outstanding == sum(100 - 4 * age for age in range(12))
    # Of each cohort 52 expire. Single redemptions are large, so chances lean towards a common one.
    assert abs(made.total.breakage.points - 12 * 52) < 0.04 * made.outstanding
    assert made.total.left == 0
    assert [month.left > 0 for month in made.months] == [True] * 11 + [False]
    assert made.total.breakage.low < 12 * 52 < made.total.breakage.high


def test_nothing_outstanding_comes_to_nothing() -> None:
    for flows in ({}, {NOW - 1: {NOW - 9: Flow(issued=10), NOW - 1: Flow(expired=10)}}):
        made = forecast(flows, Moment(NOW, 0.5))
        assert made.outstanding == made.total.redeemed.high == made.total.breakage.high == made.total.left == 0


@pytest.mark.parametrize("cohort", [NEVER, UNDATED])
def test_points_that_never_expire_are_never_breakage(cohort: int) -> None:
    flows = steady()
    flows[NEVER] = {NOW - 5: Flow(issued=400), NOW - 2: Flow(redeemed=100, redemptions=2, redeemed_squares=5_000)}
    without = forecast(flows, Moment(NOW, 0.0), horizon=LONGEST)
    flows.setdefault(cohort, {})[NOW - 1] = Flow(issued=1_000)
    made = forecast(flows, Moment(NOW, 0.0), horizon=LONGEST)
    assert made.outstanding == without.outstanding + 1_000
    dated = sum(points for expires, points in outstanding(flows, NOW).items() if expires < UNDATED)
    assert made.total.breakage.points <= made.total.breakage.high <= dated
    assert made.total.left > 0 or made.total.redeemed.points > without.total.redeemed.points


def test_points_that_end_by_inactivity_are_led_by_what_ended_so_before() -> None:
    flows: CohortFlows = {
        INACTIVITY: {
            month: Flow(issued=100, redeemed=10, expired=20, redemptions=5, redeemed_squares=20)
            for month in range(NOW - 24, NOW)
        }
    }
    made = forecast(flows, Moment(NOW, 0.0), horizon=LONGEST)
    ratio = made.total.breakage.points / made.total.redeemed.points
    assert 1.8 < ratio < 2.2  # two expire for each that is redeemed
    assert made.total.left < made.outstanding // 20


def test_where_nobody_has_redeemed_all_is_breakage_and_it_is_said_that_nothing_is_known() -> None:
    made = forecast({NOW + 3: {NOW - 2: Flow(issued=500)}}, Moment(NOW, 0.2))
    assert (made.evidence, made.credibility_bp) == ("none", 0)
    assert (made.total.redeemed.points, made.total.breakage.points) == (0, 500)
    assert (made.total.redeemed.low, made.total.redeemed.high) == (0, 500)
    assert (made.total.breakage.low, made.total.breakage.high) == (0, 500)
    assert [month.breakage.points for month in made.months[:5]] == [0, 0, 0, 500, 0]


def test_what_is_overdue_expires_at_once() -> None:
    flows = steady()
    flows[NOW - 1][NOW - 1].expired = 0  # the entries have not come yet
    late, usual = forecast(flows, Moment(NOW, 0.0)), forecast(steady(), Moment(NOW, 0.0))
    assert late.months[0].breakage.points == usual.months[0].breakage.points + 52
    assert late.months[0].redeemed.points == usual.months[0].redeemed.points


def test_pending_points_of_which_the_ledger_tells_no_date_go_the_way_of_active_ones() -> None:
    gone = Flow(issued=400, expired=300, redeemed=100, redemptions=4, redeemed_squares=2_500)
    flows: CohortFlows = {
        INACTIVITY: {NOW - 2: gone},
        NEVER: {NOW - 2: Flow(issued=50)},
        UNDATED: {NOW - 1: Flow(issued=1_000)},
    }
    assert forecast(flows, Moment(NOW, 0.0)).total.breakage.points == 0
    flows[INACTIVITY][NOW - 1] = Flow(issued=50)
    assert 300 < forecast(flows, Moment(NOW, 0.0)).total.breakage.points <= 550


def test_what_comes_in_during_a_month_counts_for_half_of_it() -> None:
    flows: CohortFlows = {NEVER: {NOW - 1: Flow(issued=200, redeemed=20, redemptions=4, redeemed_squares=100)}}
    made = forecast(flows, Moment(NOW, 0.0), horizon=1)
    assert made.total.redeemed.points == 36  # 20 of 100; a fifth of 180


def test_more_than_all_cannot_go() -> None:
    flows: CohortFlows = {
        INACTIVITY: {
            NOW - 2: Flow(
                issued=200, redeemed=90, taken=80, expired=30, redemptions=9, redeemed_squares=900, takings=8
            ),
            NOW - 1: Flow(issued=50),
        }
    }
    made = forecast(flows, Moment(NOW, 0.0), horizon=1)
    assert made.total.left == 0
    assert made.total.redeemed.points + made.total.taken_back + made.total.breakage.points == 50


def test_a_month_that_has_gone_by_in_part_counts_for_so_much() -> None:
    flows: CohortFlows = {NEVER: {NOW: Flow(issued=200, redeemed=10, redemptions=2, redeemed_squares=50)}}
    made = forecast(flows, Moment(NOW, 0.5), horizon=2)
    # 10 of 100 in half a month: a fifth in a month, a tenth in what is left of this one.
    assert [month.redeemed.points for month in made.months] == [19, 34]


def test_the_rest_of_a_month_is_less_than_a_month() -> None:
    flows = steady()
    whole, rest = (forecast(flows, Moment(NOW, elapsed)).months[0].redeemed.points for elapsed in (0.0, 0.75))
    assert 0 < 3 * rest < whole


def test_the_later_is_not_known_the_earlier() -> None:
    flows = steady()
    for months in flows.values():
        months[NOW + 1] = Flow(issued=9_999)
    assert forecast(flows, Moment(NOW, 0.3)) == forecast(steady(), Moment(NOW, 0.3))


def test_a_recent_habit_counts_for_more_than_an_old_one() -> None:
    """Nobody redeemed for two years; since a year everybody does: what was redeemed lately will be."""
    flows = steady(months=48, redeemed=0)
    for cohort, months in flows.items():
        for month in range(max(min(months) + 1, NOW - 12), min(cohort, NOW - 1) + 1):
            months[month] = Flow(redeemed=6, redemptions=1, redeemed_squares=36)
        if cohort < NOW and cohort in months:
            months[cohort].expired = 100 - sum(flow.redeemed for flow in months.values())
    made = forecast(flows, Moment(NOW, 0.0))
    forgetful = made.total.redeemed.points / made.outstanding
    plain = sum(f.redeemed for m in flows.values() for f in m.values()) / sum(
        f.issued for m in flows.values() for f in m.values()
    )
    assert forgetful > plain


def test_a_forecast_is_the_same_every_time() -> None:
    made: list[Forecast] = [forecast(steady(), Moment(NOW, 0.4)) for _ in range(2)]
    assert made[0] == made[1]
