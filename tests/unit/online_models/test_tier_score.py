"""Score factors: towards what tells the next spend, sum kept, never negative, more activity never a lower score."""

from features.vector import FEATURE_NAMES
from loyalty.policy import Learning, ScoreTerm, Tier, Tiers
from loyalty.policy.fields import BP
from online_models.budget import issued
from online_models.tier_score import TermEstimator, as_pairs, contribution, learnable_terms, window_days
from tests.support.outcomes import World, outcomes

LEARNING = Learning(enabled=True)
TERMS = (
    ScoreTerm(measure="spend_minor", weight=500, cap=500_000),
    ScoreTerm(measure="review_count", weight=500, cap=40),
    ScoreTerm(measure="earned_points", weight=100, cap=100),
    ScoreTerm(measure="login_count", weight=10, cap=100, learned=False),
)
TIERS = Tiers(ladder=(Tier(id="member", threshold=0),), score=TERMS)


def _learned(world: World) -> TermEstimator:
    estimator = TermEstimator(TIERS)
    for outcome in outcomes(world):
        estimator.observe(outcome)
    return estimator


def test_only_terms_that_the_policy_lets_learn_and_features_show_take_part() -> None:
    assert [term.measure for term in learnable_terms(TIERS)] == ["spend_minor", "review_count"]


def test_factors_walk_towards_the_term_that_tells_the_next_spend_and_stop() -> None:
    estimator = _learned(World())
    factors: dict[str, int] = {}
    path = []
    for _ in range(30):
        evidence = estimator.propose(factors, LEARNING)
        factors = {item.measure: item.weight_bp for item in evidence}
        path.append(tuple(factors.values()))

    assert path[0][0] > BP > path[0][1] >= BP - LEARNING.step_bp
    assert path[-1][1] < path[0][1]
    assert path[-1] == path[-2] == path[-3]


def test_the_sum_of_the_score_over_all_members_is_kept() -> None:
    evidence = _learned(World()).propose({}, LEARNING)

    shares = [item.share_bp for item in evidence]
    change = issued(shares, [item.weight_bp for item in evidence]) / (BP * sum(shares))

    assert abs(change - 1.0) < 0.001


def test_factors_are_positive_so_more_activity_never_lowers_a_score() -> None:
    evidence = _learned(World(seed=5)).propose({}, LEARNING)

    assert all(item.weight_bp >= LEARNING.band_low_bp > 0 for item in evidence)


def test_members_with_equal_visits_are_set_no_further_apart_than_by_static_factors() -> None:
    """Shares are worth most and wished for; but members who shop as often differ in them, and would be set apart."""
    terms = (
        ScoreTerm(measure="share_count", weight=100, cap=400),
        ScoreTerm(measure="purchase_count", weight=500, cap=400),
    )
    estimator = TermEstimator(Tiers(ladder=TIERS.ladder, score=terms))
    for outcome in outcomes(World(share_effect_minor=6_000)):
        estimator.observe(outcome)
    evidence = estimator.propose({}, LEARNING)

    assert evidence[0].wish_bp > BP
    assert all(item.spread_kept for item in evidence)
    assert [item.weight_bp for item in evidence] == [BP, BP]


def test_without_terms_or_examples_nothing_is_proposed() -> None:
    assert TermEstimator(TIERS).propose({}, LEARNING) == ()
    assert TermEstimator(Tiers(ladder=TIERS.ladder, basis="spend")).propose({}, LEARNING) == ()


def test_a_factor_of_one_is_not_listed() -> None:
    evidence = _learned(World(members=20)).propose({}, LEARNING)

    assert all(factor != BP for _, factor in as_pairs(evidence))


def test_contributions_are_those_of_the_policy() -> None:
    assert contribution(ScoreTerm(measure="spend_minor", weight=3, per=100), 1_050) == 31.5
    assert contribution(ScoreTerm(measure="spend_minor", weight=500, cap=1_000), 4_000) == 500.0


def test_the_window_of_the_features_is_stretched_to_that_of_the_tiers() -> None:
    assert window_days(TIERS) == 365
    assert window_days(Tiers(ladder=TIERS.ladder, window="rolling_months", window_months=6)) == 180
    assert "spend_minor_90d" in FEATURE_NAMES
