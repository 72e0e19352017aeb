"""Trials with known truth: weights move to the right order and stop, the budget is kept, and nobody gets less."""

import random
from collections.abc import Iterator

import pytest

from features.event_time import DAY_MS
from features.table import FEATURES
from features.vector import feature_index
from loyalty.policy import Learning, Trial
from loyalty.policy.fields import BP
from loyalty.trials import HOLD_OUT, arm_of, raised_bp
from online_models.effects import Effect
from online_models.examples import TABLE, Outcome, pseudonym
from online_models.issuance import Issuance, IssuanceBook
from online_models.trials import TrialEstimator, trial_cost_bp
from online_models.weights import ActionEvidence, Tried, Worth, propose

MONTH_MS = 30 * DAY_MS
TRIAL = Trial(id="spring", actions=("share", "review"), share_bp=6_000, bonus_bp=15_000)
LEARNING = Learning(enabled=True)
POINTS = 100

# Spend, in minor units, that each extra point brings: the truth. Members spend 100 per point issued.
BRINGS = {"share": 150, "review": 20}
SPEND_MINOR = 2 * POINTS * 100


def outcomes(members: int, months: int, brings: dict[str, int]) -> Iterator[Outcome]:
    """Everybody earns 100 points a month on each action; arms earn half as much again on one, and spend more for it."""
    rng = random.Random(7)
    vector = [0] * len(FEATURES)
    for month in range(months):
        season = rng.uniform(0.7, 1.3)
        for number in range(members):
            member = f"m-{number}"
            arm = arm_of(TRIAL, member)
            spend = round(SPEND_MINOR * season * rng.uniform(0.7, 1.3)) + POINTS // 2 * brings.get(arm, 0)
            vector[feature_index("spend_minor_30d")] = spend
            for action in TRIAL.actions:
                vector[feature_index(f"{action}_count_30d")] = 10
            moment_ms = month * MONTH_MS + number * 60_000
            yield Outcome(
                member=pseudonym(member),
                predicted_at_ms=moment_ms,
                matured_at_ms=moment_ms + MONTH_MS,
                table=TABLE,
                features=tuple(vector),
                features_after=tuple(vector),
                label_spend_minor=spend,
                label_week_minor=0,
                arm=arm,
                issued_from_ms=moment_ms,
                issued=tuple((action, POINTS) for action in TRIAL.actions),
            )


def learned(brings: dict[str, int], months: int = 14) -> tuple[TrialEstimator, IssuanceBook]:
    estimator, issuance = TrialEstimator(TRIAL, 30), IssuanceBook(TRIAL.actions)
    for outcome in outcomes(600, months, brings):
        estimator.observe(outcome)
        issuance.observe(outcome)
    return estimator, issuance


def walk(brings: dict[str, int], epochs: int) -> list[tuple[ActionEvidence, ...]]:
    """Epoch after epoch on the same evidence; the comparison with the members' past has nothing to say."""
    estimator, issuance = learned(brings)
    price = issuance.spend_per_point()
    unknown = [Effect(action, 0, 10**6, 0, 10**6) for action in TRIAL.actions]
    current: dict[str, int] = {}
    path = []
    for _ in range(epochs):
        tried = Tried(estimator.worths(price), trial_cost_bp(TRIAL))
        evidence = propose(unknown, issuance.issuances(), price, current, LEARNING, tried)
        current = {item.action: item.weight_bp for item in evidence}
        path.append(evidence)
    return path


def test_weights_move_to_the_order_of_the_truth_and_stop() -> None:
    path = walk(BRINGS, 40)
    share, review = path[-1]

    assert share.weight_bp > BP > review.weight_bp
    assert path[-1] == path[-2] == path[-3]
    assert {item.source for item in path[-1]} == {"trial"}
    assert {item.verdict for item in path[-1]} == {"learned"}


def test_what_the_trial_gives_away_comes_off_the_budget() -> None:
    last = walk(BRINGS, 40)[-1]
    cost = sum(trial_cost_bp(TRIAL).values()) * POINTS

    assert sum(POINTS * (item.weight_bp - BP) for item in last) <= -cost


def test_a_trial_of_what_brings_nothing_more_than_another_moves_nothing_against_it() -> None:
    share, review = walk({"share": 80, "review": 80}, 20)[-1]

    assert abs(share.weight_bp - review.weight_bp) < 600


@pytest.mark.parametrize("action", TRIAL.actions)
def test_the_worth_found_is_the_truth_within_its_errors(action: str) -> None:
    estimator, issuance = learned(BRINGS)
    worth = estimator.worths(issuance.spend_per_point())[action]
    truth_bp = BRINGS[action] * BP / issuance.spend_per_point()

    assert abs(worth.worth_bp - truth_bp) < 3 * worth.error_bp


def test_members_are_dealt_evenly_and_stay_where_they_are() -> None:
    arms = [arm_of(TRIAL, f"m-{number}") for number in range(6_000)]

    for arm in (*TRIAL.actions, HOLD_OUT):
        assert abs(arms.count(arm) / 6_000 - 0.2) < 0.02
    assert arms == [arm_of(TRIAL, f"m-{number}") for number in range(6_000)]
    assert arms != [arm_of(Trial(id="autumn", actions=TRIAL.actions, share_bp=6_000), f"m-{n}") for n in range(6_000)]


@pytest.mark.parametrize("weight_bp", [5_000, 9_000, 10_000, 12_000])
def test_nobody_in_a_trial_gets_less_than_by_the_weight_or_by_the_static_rule_on_the_arms_action(
    weight_bp: int,
) -> None:
    for number in range(200):
        raised = raised_bp(TRIAL, f"m-{number}", "share", weight_bp)
        in_arm = arm_of(TRIAL, f"m-{number}") == "share"

        assert raised == (max(BP, weight_bp) * TRIAL.bonus_bp // BP if in_arm else weight_bp)


def test_without_a_trial_nothing_is_learned_of_it() -> None:
    estimator = TrialEstimator(Trial(), 30)
    for outcome in outcomes(20, 2, {}):
        estimator.observe(outcome)

    assert estimator.worths(100.0) == {}
    assert arm_of(Trial(), "m-1") == ""


def test_a_worth_from_a_trial_is_judged_by_its_error_alone() -> None:
    unknown = [Effect(action, 0, 10**6, 0, 10**6) for action in TRIAL.actions]
    issued = {action: Issuance(1_000, 10.0) for action in TRIAL.actions}
    tried = Tried({"share": Worth(20_000, 500, 0, 0), "review": Worth(0, 9_000, 0, 0)}, {})

    share, review = propose(unknown, issued, 100.0, {}, LEARNING, tried)

    assert (share.verdict, review.verdict) == ("learned", "uncertain")
    assert review.weight_bp == BP
