"""Effects against a known truth: what is caused is found, what is only correlated is not believed."""

from loyalty.policy import Learning
from loyalty.policy.fields import BP
from online_models.effects import Effect, EffectEstimator, learnable_actions
from online_models.issuance import Issuance, IssuanceBook
from online_models.weights import ActionEvidence, propose, worth_of
from tests.support.outcomes import ACTIONS, World, outcomes

LEARNING = Learning(enabled=True)


def _evidence(world: World) -> dict[str, ActionEvidence]:
    estimator, book = EffectEstimator(ACTIONS), IssuanceBook(ACTIONS)
    for outcome in outcomes(world):
        estimator.observe(outcome)
        book.observe(outcome)
    items = propose(estimator.effects(), book.issuances(), book.spend_per_point(), {}, LEARNING)
    return {item.action: item for item in items}


def test_a_true_effect_is_found_and_a_missing_one_is_not() -> None:
    evidence = _evidence(World(members=700))

    assert evidence["share"].verdict == "learned"
    assert 1_200 < evidence["share"].effect.effect_minor < 2_200  # 2,000 was put in; overlapping months dampen it
    review = evidence["review"].effect
    assert abs(review.effect_minor) <= 3 * review.error_minor


def test_what_members_habits_and_moods_explain_is_not_believed() -> None:
    """Counts of logins, mailings and purchases go along with spend, in both directions of time."""
    evidence = _evidence(World(members=700))

    assert evidence["campaign_received"].verdict != "learned"
    assert evidence["campaign_received"].effect.placebo_minor > 800
    assert evidence["purchase"].verdict == "placebo"
    for action in ("campaign_received", "purchase"):
        assert evidence[action].weight_bp == BP


def test_where_nothing_has_an_effect_nothing_moves() -> None:
    evidence = _evidence(World(members=400, share_effect_minor=0, seed=3))

    assert {item.weight_bp for item in evidence.values()} == {BP}


def test_the_order_of_the_weights_is_the_order_of_the_worths() -> None:
    """With evidence enough, an action that is known to be worth nothing pays for the one that is worth something."""
    evidence = _evidence(World(members=1_000))

    assert evidence["share"].weight_bp > BP > evidence["review"].weight_bp


def test_new_members_have_no_baseline_and_are_left_out() -> None:
    estimator = EffectEstimator(ACTIONS)
    for outcome in outcomes(World(members=5, months=4)):  # one outcome each, after three months
        estimator.observe(outcome)

    assert estimator.examples == 5
    early = next(outcomes(World(members=1, months=4)))
    vector = list(early.features)
    vector[vector.index(90)] = 89  # tenure in days
    before = estimator.examples
    estimator.observe(
        type(early)(**{**{name: getattr(early, name) for name in early.__struct_fields__}, "features": tuple(vector)})
    )

    assert estimator.examples == before


def test_only_actions_that_are_counted_over_both_windows_can_be_learned() -> None:
    assert learnable_actions(["enroll", "share", "misconduct", "share"]) == ("share", "misconduct")


def test_an_action_without_awards_has_no_worth() -> None:
    effect = Effect("share", 100, 1, 0, 1)

    assert worth_of(effect, Issuance(0, 0.0), 1.0) is None
    assert worth_of(effect, Issuance(30, 10.0), 0.0) is None
