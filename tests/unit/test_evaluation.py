"""The evaluation: figures by definition, honest intervals, batch models that know no label before its time."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.evaluation import fairness, measures
from benchmarks.evaluation.measures import Interval
from benchmarks.evaluation.refits import REFIT_DAYS, Fitted, refit
from benchmarks.evaluation.rows import Floats, Ints, Rows
from benchmarks.evaluation.tables import reached
from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.examples import pseudonym

HORIZON_DAYS = 30
MEMBERS = 20


def rows_of_a_year() -> Rows:
    """A row per member and week; spend tells its own time, so that a leak can be seen."""
    week, member = (axis.ravel() for axis in np.mgrid[0:52, 0:MEMBERS])
    moment_ms = (week * 7 * DAY_MS + member).astype(np.int64)
    features = np.zeros((len(week), len(FEATURE_NAMES)), dtype=np.int64)
    features[:, feature_index("spend_minor_30d")] = member
    features[:, feature_index("purchase_count_90d")] = 1
    column = member.astype(np.float64)
    return Rows(
        features=features,
        moment_ms=moment_ms,
        log_time_ms=moment_ms + HORIZON_DAYS * DAY_MS,
        member=member.astype(np.int64),
        members=[pseudonym(f"m-{number}") for number in range(MEMBERS)],
        spend=column,
        active=column > 0,
        buys_in_week=column > 0,
        persistence=column,
        static_score=column,
        learned_score=column,
        typical=column,
        expected=column,
        active_chance=column,
        week_chance=column,
    )


def test_a_refit_knows_no_label_that_had_not_arrived() -> None:
    """The target is the time at which the label arrived; the model answers with the newest it has seen."""
    rows = rows_of_a_year()

    def fit(_: Floats, target: Floats) -> Fitted:
        def newest(asked: Floats) -> Floats:
            return np.full(len(asked), target.max())

        return newest

    newest_known = refit(rows, rows.log_time_ms.astype(np.float64), fit)
    asked = rows.moment_ms >= rows.cut_ms

    assert (newest_known[asked] < rows.moment_ms[asked]).all()
    assert (rows.moment_ms[asked] - newest_known[asked] < (REFIT_DAYS + 8) * DAY_MS).all()
    assert np.isnan(newest_known[~asked]).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_chance_that_a_pair_is_in_order(rows: Sequence[tuple[int, bool]]) -> None:
    chance, happened = np.array([float(c) for c, _ in rows]), np.array([float(h) for _, h in rows])
    pairs = [(yes > no) + (yes == no) / 2 for yes in chance[happened > 0] for no in chance[happened == 0]]

    assert measures.area_under_curve(chance, happened) == pytest.approx(np.mean(pairs) if pairs else 0.5)


def _mean(column: Floats, at: Ints) -> float:
    return float(column[at].mean())


def test_resamples_draw_members_not_rows() -> None:
    """With one value per member, more rows of the same members make a mean no surer."""
    values = np.arange(30, dtype=np.float64)
    widths = []
    for repeats in (1, 20):
        column, member = np.repeat(values, repeats), np.repeat(np.arange(30), repeats)
        rows = np.arange(len(column))
        interval = measures.intervals({"mean": partial(_mean, column)}, rows, member, 200)["mean"]
        widths.append(interval.high - interval.low)

        assert interval.low < interval.value == 14.5 < interval.high
    assert widths[0] == pytest.approx(widths[1])


def test_disparity_compares_groups_at_equal_visits_only() -> None:
    """A group that visits more has a higher score; that alone is no disparity."""
    group = np.repeat([0, 1], 400)
    visits = np.concatenate([np.repeat([3.0, 30.0], [300, 100]), np.repeat([3.0, 30.0], [100, 300])])

    assert fairness.disparity(10 * visits, group, visits) == 0.0
    assert fairness.disparity(10 * visits + 5 * group, group, visits) > 0.0


def test_a_figure_that_falls_short_is_called_so() -> None:
    assert reached("mae_over_persistence", Interval(0.86, 0.85, 0.88)) == "yes"
    assert reached("mae_over_persistence", Interval(0.88, 0.86, 0.9)) == "no, but its interval does"
    assert reached("predicted_over_realised", Interval(1.2, 1.15, 1.3)) == "no"
