"""Laws of the projection: within limits, never over the budget, nothing moved without need."""

from hypothesis import given
from hypothesis import strategies as st

from loyalty.policy.fields import BP
from online_models.budget import Limits, issued, limits_of, project

parts = st.lists(
    st.tuples(
        st.integers(1, 40_000),  # wish
        st.integers(0, 10**9),  # share
        st.integers(5_000, 20_000),  # current
    ),
    min_size=1,
    max_size=8,
)


def _limits(current: list[int]) -> list[Limits]:
    return [limits_of(weight, 5_000, 20_000, 500) for weight in current]


@given(parts)
def test_weights_stay_in_band_and_move_one_step_at_most(drawn: list[tuple[int, int, int]]) -> None:
    wishes, shares, current = (list(column) for column in zip(*drawn, strict=True))

    weights = project(wishes, shares, _limits(current))

    for weight, before in zip(weights, current, strict=True):
        assert 5_000 <= weight <= 20_000
        assert abs(weight - before) <= 500


@given(parts)
def test_weights_never_issue_more_than_the_static_rule_and_hardly_less(drawn: list[tuple[int, int, int]]) -> None:
    wishes, shares, _ = (list(column) for column in zip(*drawn, strict=True))
    limits = _limits([BP] * len(wishes))  # from the static rule, the limits always leave room for it

    weights = project(wishes, shares, limits)

    budget = BP * sum(shares)
    assert issued(shares, weights) <= budget
    one_more = [min(limit.high_bp, weight + 1) for weight, limit in zip(weights, limits, strict=True)]
    assert issued(shares, one_more) > budget or list(weights) == one_more


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=8))
def test_where_nothing_is_wished_nothing_moves(shares: list[int]) -> None:
    wishes = [BP] * len(shares)

    weights = project(wishes, shares, _limits(wishes))

    assert all(weight == BP for weight, share in zip(weights, shares, strict=True) if share)


@given(parts)
def test_equal_wishes_in_equal_places_get_equal_weights(drawn: list[tuple[int, int, int]]) -> None:
    wishes, shares, current = (list(column) for column in zip(*drawn, strict=True))

    weights = project([*wishes, wishes[0]], [*shares, shares[0]], _limits([*current, current[0]]))

    assert weights[0] == weights[-1]


def test_a_weight_outside_a_narrowed_band_walks_back_step_by_step() -> None:
    assert limits_of(20_000, 8_000, 12_000, 500) == Limits(11_500, 12_000)


def test_a_weight_goes_up_only_as_the_other_goes_down() -> None:
    # 300 points at +5% are 15 points; 100 points give 5 of them at -5%, so the first may rise by 5 / 300 = 166 bp
    weights = project([20_000, 5_000], [300, 100], _limits([BP, BP]))

    assert weights == (10_166, 9_500)
