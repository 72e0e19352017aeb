"""A trial on the ledger: recorded on the entry, for the arm's action only, and never below the static rule."""

import pytest

from features.errors import PolicyError
from loyalty.decisions import Factors
from loyalty.policy import Trial
from loyalty.trials import HOLD_OUT, arm_of
from loyalty.weights import Weights
from tests.support.member_desk import MEMBER, START_MS, Desk, action, policy_of

RULES = """
[[earning]]
id = "share"
action = "share"
points = 100
[[earning]]
id = "login"
action = "login"
points = 100
[trial]
id = "{id}"
actions = ["share", "login"]
share_bp = 10_000
bonus_bp = 13_000
"""


def named(arm: str) -> str:
    """The name of a trial that deals this arm to the member."""
    names = (f"trial-{number}" for number in range(100))
    return next(
        name for name in names if arm_of(Trial(id=name, actions=("share", "login"), share_bp=10_000), MEMBER) == arm
    )


def earned(arm: str, what: str, weight_bp: int = 10_000) -> Factors:
    """What the member earns for one action."""
    weights = Weights(version=3, earning_bp=((what, weight_bp),))
    desk = Desk(policy_of(RULES.format(id=named(arm))), weights=weights)
    data = {"channel": "chat"} if what == "share" else {}
    desk.act(action(what, "a-1", START_MS, **data))
    factors = desk.entries[0].data.factors
    assert factors is not None
    return factors


def test_the_bonus_is_on_the_entry_with_the_name_of_the_trial() -> None:
    factors = earned("share", "share")

    assert (factors.weight_bp, factors.granted, factors.trial) == (13_000, 130, named("share"))


@pytest.mark.parametrize("arm", ["login", HOLD_OUT])
def test_another_action_and_the_hold_out_earn_as_ever(arm: str) -> None:
    factors = earned(arm, "share")

    assert (factors.weight_bp, factors.granted, factors.trial) == (10_000, 100, "")


def test_the_bonus_is_on_at_least_the_static_rule() -> None:
    assert earned("share", "share", weight_bp=8_000).granted == 130
    assert earned("share", "share", weight_bp=11_000).granted == 143
    assert earned(HOLD_OUT, "share", weight_bp=8_000).granted == 80


def test_a_trial_of_what_no_learned_rule_earns_is_a_mistake_in_the_policy() -> None:
    with pytest.raises(PolicyError, match=r"trial\.actions"):
        policy_of(RULES.format(id="x").replace('["share", "login"]', '["review"]'))
