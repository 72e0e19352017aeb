"""Budgets of campaigns, by slices: `budget_points`, `budget_slice_points`, what an award gets and what comes back."""

from loyalty.budgets import Slices
from loyalty.decisions import Factors
from loyalty.effects import BudgetGrant, BudgetRequest, Effect
from loyalty.owners import Asked, Budget, ask
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, policy_of, purchase, refund

SPRING = """
[[earning]]
id = "buy"
action = "purchase"
points = 1
per_minor = 100
[[campaigns]]
id = "spring"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
budget_points = 800
"""
OWNER = "budget/spring"


def desk_with(slice_points: int, policy: str = SPRING) -> Desk:
    """A partition that holds so many points of the budget."""
    desk = Desk(policy_of(policy))
    assert desk.scope.slices.request(desk.scope.policy.compiled.budgets["spring"], START_MS) is not None
    desk.scope.slices.granted("spring", BudgetGrant(points=slice_points))
    return desk


def factors(desk: Desk) -> Factors:
    found = desk.entries[-1].data.factors
    assert found is not None
    return found


def test_an_award_within_the_slice_is_granted_in_full() -> None:
    # 50 dollars: 50 points, doubled: 100, of which 50 come out of the budget
    desk = desk_with(100)
    desk.act(purchase("o-1", START_MS, 5_000))
    assert (factors(desk).desired, factors(desk).granted, factors(desk).cap) == (100, 100, "")
    assert desk.scope.slices.draw("spring", 1_000) == 50


def test_an_award_beyond_the_slice_is_granted_up_to_it_and_shows_what_was_desired() -> None:
    # 80 points, doubled 160: 80 wanted of the budget, 30 there: 80 + 30 = 110
    desk = desk_with(30)
    desk.act(purchase("o-1", START_MS, 8_000))
    assert (factors(desk).desired, factors(desk).granted, factors(desk).cap) == (160, 110, "budget")
    desk.act(purchase("o-2", START_MS, 8_000))
    assert (factors(desk).desired, factors(desk).granted, factors(desk).cap) == (160, 80, "budget")


def test_what_the_rules_own_cap_cuts_goes_back_to_the_slice() -> None:
    # 50, doubled 100; the rule's cap leaves 70: 30 of the 50 from the budget go back, 20 of 100 are spent
    capped = SPRING.replace("per_minor = 100\n", 'per_minor = 100\ncaps = [{ per = "day", points = 70 }]\n')
    desk = desk_with(100, capped)
    desk.act(purchase("o-1", START_MS, 5_000))
    assert (factors(desk).granted, factors(desk).cap) == (70, "day")
    assert desk.scope.slices.draw("spring", 1_000) == 80


def test_a_refund_gives_its_share_of_the_bonus_back_to_the_slice() -> None:
    # 100 granted, 50 of the budget; a quarter refunded: 25 taken back, 12.5 of the budget, rounded down 12
    desk = desk_with(50)
    desk.act(purchase("o-1", START_MS, 5_000))
    desk.act(refund("r-1", START_MS, "o-1", 1_250))
    assert desk.active == 75
    assert desk.scope.slices.draw("spring", 1_000) == 12


def test_only_what_is_really_taken_back_goes_back() -> None:
    # 100 granted, all spent on a reward: a refund finds nothing to take, so nothing goes back
    desk = desk_with(50, SPRING + '[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 100\n')
    desk.act(purchase("o-1", START_MS, 5_000))
    desk.act(action("redeem", "s-1", START_MS, reward_id="mug"))
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 5_000))
    assert (desk.active, desk.scope.slices.draw("spring", 1_000)) == (0, 0)


def test_a_slice_is_an_eighth_of_a_partitions_share_and_asked_for_when_half_is_gone() -> None:
    campaign = policy_of(SPRING).compiled.budgets["spring"]
    slices = Slices({}, partitions=4)  # 800 / (8 x 4) = 25
    assert slices.request(campaign, START_MS) == Effect(OWNER, START_MS, BudgetRequest(points=25))
    assert slices.request(campaign, START_MS) is None  # one is on its way
    slices.granted("spring", BudgetGrant(points=25))
    assert slices.draw("spring", 12) == 12
    assert slices.request(campaign, START_MS) is None  # 13 of 25 are left
    assert slices.draw("spring", 1) == 1
    assert slices.request(campaign, START_MS) is not None  # 12 of 25 are less than half


def test_a_tiny_budget_still_has_slices_and_a_size_can_be_given() -> None:
    tiny = policy_of(SPRING.replace("800", "3")).compiled.budgets["spring"]
    assert Slices({}, partitions=4).request(tiny, 0) == Effect(OWNER, 0, BudgetRequest(points=1))
    given = policy_of(SPRING + "budget_slice_points = 300\n").compiled.budgets["spring"]
    assert Slices({}, partitions=4).request(given, 0) == Effect(OWNER, 0, BudgetRequest(points=300))


def test_the_owner_gives_until_nothing_is_left_and_a_raised_budget_is_asked_for_again() -> None:
    owner, scope = Budget(), Desk(policy_of(SPRING)).scope
    grants = []
    for sender in (0, 1, 2):  # 800: 500, the 300 that are left, none
        asked = Asked(OWNER, START_MS, BudgetRequest(points=500), scope, sender)
        (answer,) = ask(owner, asked)
        assert (answer.subject, answer.receiver) == (OWNER, sender)
        grants.append(answer.body)
    assert grants == [BudgetGrant(points=500), *(BudgetGrant(points=p, exhausted=True) for p in (300, 0))]
    slices, campaign = Slices({}, 1), scope.policy.compiled.budgets["spring"]
    assert slices.request(campaign, 0) is not None
    slices.granted("spring", BudgetGrant(points=0, exhausted=True))
    assert slices.request(campaign, 0) is None
    slices.ask_anew()
    assert slices.request(campaign, 0) is not None


def test_an_owner_that_has_not_read_of_the_campaign_gives_nothing_yet() -> None:
    asked = Asked(OWNER, START_MS, BudgetRequest(points=5), Desk(policy_of("")).scope)
    assert [effect.body for effect in ask(Budget(), asked)] == [BudgetGrant(points=0)]
