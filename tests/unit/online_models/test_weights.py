"""Earning weights: proven actions move against each other, within budget; unproven ones go back to the static rule."""

from hypothesis import given
from hypothesis import strategies as st

from loyalty.policy import Learning
from loyalty.policy.fields import BP
from online_models.budget import DEAD_BAND_BP, issued
from online_models.effects import Effect
from online_models.issuance import Issuance
from online_models.weights import propose, shrunk

LEARNING = Learning(enabled=True, band_low_bp=5_000, band_high_bp=20_000, step_bp=500)
CERTAIN, VAGUE = 1, 10_000

effects = st.builds(
    Effect,
    action=st.just(""),
    effect_minor=st.integers(-5_000, 5_000),
    error_minor=st.integers(0, 500),
    placebo_minor=st.integers(-500, 500),
    placebo_error_minor=st.integers(0, 500),
)
cases = st.lists(
    st.tuples(effects, st.integers(0, 10**6), st.integers(1, 10**4), st.integers(5_000, 20_000)), max_size=6
)


def _propose(
    drawn: list[tuple[Effect, int, int, int]], current: dict[str, int]
) -> tuple[list[int], list[int], list[bool]]:
    names = [f"a{i}" for i in range(len(drawn))]
    named = [
        Effect(name, *(getattr(case[0], field) for field in Effect.__struct_fields__[1:]))
        for name, case in zip(names, drawn, strict=True)
    ]
    book = {name: Issuance(points, points / awards) for name, (_, points, awards, _) in zip(names, drawn, strict=True)}
    evidence = propose(named, book, 100.0, current, LEARNING)
    return (
        [item.weight_bp for item in evidence],
        [case[1] for case in drawn],
        [item.verdict == "learned" for item in evidence],
    )


@given(cases)
def test_from_the_static_rule_no_more_is_issued_than_it_issues(drawn: list[tuple[Effect, int, int, int]]) -> None:
    weights, shares, _ = _propose(drawn, {})

    assert issued(shares, weights) <= BP * sum(shares)


@given(cases)
def test_every_weight_stays_in_its_band_and_within_a_step(drawn: list[tuple[Effect, int, int, int]]) -> None:
    current = {f"a{i}": case[3] for i, case in enumerate(drawn)}

    weights, _, _ = _propose(drawn, current)

    for i, weight in enumerate(weights):
        assert 5_000 <= weight <= 20_000
        assert abs(weight - current[f"a{i}"]) <= 500


@given(cases)
def test_what_is_not_proven_goes_back_to_the_static_rule_and_stays(drawn: list[tuple[Effect, int, int, int]]) -> None:
    current = {f"a{i}": case[3] for i, case in enumerate(drawn)}

    weights, _, proven = _propose(drawn, current)

    for i, (weight, is_proven) in enumerate(zip(weights, proven, strict=True)):
        before = current[f"a{i}"]
        if not is_proven:
            assert abs(weight - BP) == max(0, abs(before - BP) - 500)


def _two(good: int, bad: int, error: int, current: dict[str, int]) -> dict[str, int]:
    pair = [Effect("good", good, error, 0, error), Effect("bad", bad, error, 0, error)]
    book = {"good": Issuance(10_000, 100.0), "bad": Issuance(10_000, 100.0)}
    return {item.action: item.weight_bp for item in propose(pair, book, 100.0, current, LEARNING)}


def test_weights_walk_to_their_wishes_and_stop() -> None:
    """Worth 1 and 0 of the mean spend per point: wishes of 1.5 and 0.5, reached in ten steps of 5%."""
    weights: dict[str, int] = {}
    path = []
    for _ in range(14):
        weights = _two(10_000, 0, CERTAIN, weights)
        path.append((weights["good"], weights["bad"]))

    assert path[0] == (10_500, 9_500)
    assert path[9] == (15_000, 5_000)
    assert path[9:] == [(15_000, 5_000)] * 5


def test_noise_smaller_than_the_dead_band_moves_nothing() -> None:
    start = {"good": 15_000, "bad": 5_000}

    assert _two(10_000 + DEAD_BAND_BP // 2, 0, CERTAIN, start) == start


def test_one_proven_action_alone_has_nobody_to_take_from() -> None:
    pair = [Effect("good", 10_000, CERTAIN, 0, CERTAIN), Effect("unknown", 0, VAGUE, 0, VAGUE)]
    book = {"good": Issuance(10_000, 100.0), "unknown": Issuance(10_000, 100.0)}

    assert {item.weight_bp for item in propose(pair, book, 100.0, {}, LEARNING)} == {BP}


def test_an_effect_that_shows_as_strongly_before_its_cause_moves_nothing() -> None:
    pair = [Effect("selected", 10_000, CERTAIN, 9_000, CERTAIN), Effect("bad", 0, CERTAIN, 0, CERTAIN)]
    book = {"selected": Issuance(10_000, 100.0), "bad": Issuance(10_000, 100.0)}

    evidence = propose(pair, book, 100.0, {}, LEARNING)

    assert [item.verdict for item in evidence] == ["placebo", "learned"]
    assert {item.weight_bp for item in evidence} == {BP}


def test_an_uncertain_difference_counts_for_less() -> None:
    assert shrunk(100.0, 60.0) == 0.0
    assert 0.0 < shrunk(100.0, 40.0) < shrunk(100.0, 10.0) < shrunk(100.0, 0.0) == 100.0


def test_limits_that_were_hit_are_recorded() -> None:
    pair = [Effect("good", 40_000, CERTAIN, 0, CERTAIN), Effect("bad", 0, CERTAIN, 0, CERTAIN)]
    book = {"good": Issuance(30_000, 100.0), "bad": Issuance(10_000, 100.0)}

    good, bad = propose(pair, book, 100.0, {}, LEARNING)

    assert good.limits == ("band_high", "step", "budget")
    assert bad.limits == ("band_low", "step")
    assert (good.weight_bp, bad.weight_bp) == (10_166, 9_500)
