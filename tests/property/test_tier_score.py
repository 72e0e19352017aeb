"""The tier score under any weights that may be published: it never falls with more activity, and its terms add up."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from loyalty.policy import parse_policy
from loyalty.policy.ladder import Ladder, TermPlan
from loyalty.weights import STATIC, Weights
from online_models.tier_score import learnable_terms

PATH = Path(__file__).parents[2] / "deploy" / "policies" / "retail.toml"
POLICY = parse_policy(PATH.read_text(encoding="utf-8"), str(PATH))
LADDER = Ladder(POLICY.tiers)
TOP = 1_000

factors = st.integers(POLICY.learning.band_low_bp, POLICY.learning.band_high_bp)
weights = st.tuples(*(factors for _ in learnable_terms(POLICY.tiers))).map(
    lambda drawn: Weights(
        version=1,
        score_bp=tuple((term.measure, bp) for term, bp in zip(learnable_terms(POLICY.tiers), drawn, strict=True)),
    )
)
sums = st.fixed_dictionaries({term.key: st.integers(0, 2_000_000) for term in LADDER.terms})


@given(sums, weights, st.sampled_from(LADDER.terms), st.integers(0, 1_000_000))
def test_more_activity_never_lowers_the_score(
    held: dict[int, int], learned: Weights, term: TermPlan, more: int
) -> None:
    assert LADDER.value(held | {term.key: held[term.key] + more}, learned) >= LADDER.value(held, learned)


@given(sums, weights)
def test_the_score_is_the_sum_of_what_each_term_gives(held: dict[int, int], learned: Weights) -> None:
    parts = LADDER.parts(held, learned)

    assert LADDER.value(held, learned) == sum(parts)
    assert min(parts) >= 0


@given(sums, weights)
def test_whatever_the_factors_the_scale_ends_where_the_static_one_does(held: dict[int, int], learned: Weights) -> None:
    everything = {term.key: 10**9 for term in LADDER.terms}

    assert 0 <= LADDER.value(held, STATIC) <= TOP
    assert 0 <= LADDER.value(held, learned) <= max(TOP, LADDER.thresholds[-1])
    if sum(term.points(10**9, learned) for term in LADDER.terms) > LADDER.thresholds[-1]:
        assert LADDER.value(everything, learned) == TOP


@given(sums, weights)
def test_the_scale_moves_nobody_to_another_tier(held: dict[int, int], learned: Weights) -> None:
    """Below the highest threshold a score is the plain sum of its terms, above it stays above."""
    plain = sum(term.points(held[term.key], learned) for term in LADDER.terms)

    assert LADDER.rank(LADDER.value(held, learned)) == LADDER.rank(plain)
    assert LADDER.value(held, learned) == plain or plain > LADDER.thresholds[-1]


def test_the_top_of_the_static_scale_can_be_reached() -> None:
    assert LADDER.value({term.key: 10**9 for term in LADDER.terms}, STATIC) == TOP
