"""What becomes of two ids of one person under each knob that has a say in it, with the arithmetic."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty.policy import Policy
from tests.support.linked_desks import LinkedDesk
from tests.support.member_desk import DAY_MS, START, START_MS, action, policy_of, purchase

BUY = '[[earning]]\nid = "buy"\naction = "purchase"\npoints = 1\nper_minor = 100\n'
LADDER = '[tiers]\nbasis = "spend"\nladder = [{ id = "base", threshold = 0 }, { id = "gold", threshold = 50_000 }]\n'
MUG = '[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 100\n'


def two(policy: Policy) -> tuple[LinkedDesk, LinkedDesk]:
    return LinkedDesk(policy), LinkedDesk(policy)


@pytest.mark.parametrize(
    ("refunds", "left"),
    [
        ("within_balance", 0),  # 100 earned twice, of which 100 are spent: 100 there, 100 taken back
        ("unlimited", -100),  # both accounts have spent theirs: 0 there, 100 owed
    ],
)
def test_what_was_earned_twice_is_owed_only_where_a_balance_may_be_negative(refunds: str, left: int) -> None:
    mine, other = two(policy_of(f'[points]\nrefunds = "{refunds}"\n{BUY}{MUG}'))
    for desk in (mine, other):
        desk.act(purchase("o-1", START_MS, 10_000))  # 100 points each, for one order
    spenders = (mine, other) if refunds == "unlimited" else (other,)
    for number, desk in enumerate(spenders):
        desk.act(action("redeem", f"s-{number}", START_MS + DAY_MS, reward_id="mug"))
    mine.absorb(other, START_MS + 2 * DAY_MS)
    assert mine.active == left


def test_points_of_the_one_pay_what_the_other_owes() -> None:
    mine, other = two(policy_of(f'[points]\nrefunds = "unlimited"\n{BUY}'))
    mine.act(purchase("o-1", START_MS, 10_000))  # 100
    other.act(action("adjust", "a-1", START_MS, points=-30, operator="ann", reason="mistake"))
    mine.absorb(other, START_MS + DAY_MS)
    assert (mine.active, mine.account.core.debt) == (70, 0)


def test_a_cap_that_both_have_used_is_used_up_by_both() -> None:
    rule = '[[earning]]\nid = "say"\naction = "review"\npoints = 40\ncaps = [{ per = "ever", points = 100 }]\n'
    mine, other = two(policy_of(rule))
    for number, desk in enumerate((mine, other)):
        desk.act(action("review", f"v-{number}", START_MS, item_id="p", rating=5))  # 40 each: 80 of 100 are used
    mine.absorb(other, START_MS + DAY_MS)
    mine.act(action("review", "v-9", START_MS + 2 * DAY_MS, item_id="p", rating=5))  # 20 are left
    assert mine.active == 100


def test_a_day_that_only_both_together_reach_is_paid_and_one_that_both_have_reached_is_paid_once() -> None:
    rule = '[[earning]]\nid = "look"\naction = "browse"\npoints = 5\nday_over_ms = 3_600_000\n'
    mine, other = two(policy_of(rule))
    for number, desk in enumerate((mine, other)):
        desk.act(action("browse", f"b-{number}", START_MS, duration_ms=2_000_000))  # 33 min each, 66 together
        desk.act(action("browse", f"c-{number}", START_MS + DAY_MS, duration_ms=4_000_000))  # 66 min each
    mine.absorb(other, START_MS + 2 * DAY_MS)
    assert mine.active == 10  # 5 for each of the two days


def test_milestones_count_what_both_have_done() -> None:
    rule = '[[milestones]]\nid = "four"\nmeasure = "purchase_count"\ntarget = 4\npoints = 25\n'
    mine, other = two(policy_of(rule))
    for number in range(2):
        mine.act(purchase(f"o-{number}", START_MS, 100))
        other.act(purchase(f"p-{number}", START_MS, 100))
    assert (mine.active, other.active) == (0, 0)
    mine.absorb(other, START_MS + DAY_MS)
    assert mine.active == 25


def test_a_fixed_tier_goes_before_a_floor_and_the_one_that_ends_is_said_to() -> None:
    mine, other = two(policy_of(BUY + LADDER))
    until = (START + timedelta(days=90)).isoformat()
    for desk, kind, tier in ((mine, "floor", "gold"), (other, "fix", "base")):
        by_hand = {"override": kind, "tier": tier, "until": until, "operator": "ann", "reason": "r"}
        desk.act(action("adjust", f"a-{kind}", START_MS, **by_hand))
    assert (mine.tier, other.tier) == ("gold", "base")
    mine.absorb(other, START_MS + DAY_MS)
    assert mine.tier == "base"
    assert [change.data.kind for change in mine.tier_changes][-2:] == ["override_ended", "downgraded"]


def test_a_fixed_tier_that_has_ended_while_it_was_under_way_displaces_nothing() -> None:
    mine, other = two(policy_of(BUY + LADDER))
    for desk, kind, tier, days in ((mine, "floor", "gold", 90), (other, "fix", "base", 2)):
        until = (START + timedelta(days=days)).isoformat()
        by_hand = {"override": kind, "tier": tier, "until": until, "operator": "ann", "reason": "r"}
        desk.act(action("adjust", f"a-{kind}", START_MS, **by_hand))
    mine.absorb(other, START_MS + 3 * DAY_MS, left_ms=START_MS + DAY_MS)
    mine.until(START_MS + 4 * DAY_MS)
    assert mine.tier == "gold"
    assert [change.data.kind for change in mine.tier_changes][-1] == "override_ended"


def test_under_anniversary_years_are_those_of_the_id_that_joined_first() -> None:
    mine, other = two(policy_of(BUY + LADDER + 'window = "anniversary"\n'))
    other.act(purchase("o-1", START_MS, 30_000))  # joined on 1 March
    mine.act(purchase("o-2", START_MS + 40 * DAY_MS, 30_000))  # joined 40 days later
    mine.absorb(other, START_MS + 41 * DAY_MS)
    assert mine.account.core.joined_ms == START_MS
    assert mine.tier == "gold"  # 300.00 and 300.00 in one year of membership


@pytest.mark.parametrize("who_logs_in", ["neither", "alias", "canonical", "both"])
def test_what_was_earned_twice_is_taken_from_where_activity_has_moved_it(who_logs_in: str) -> None:
    """An order and a review under both ids, points that live for 60 days, and a login that keeps them for longer."""
    review = '[[earning]]\nid = "say"\naction = "review"\npoints = 40\n'
    kept = 'expiry = { kind = "after_days", days = 60 }\nextension = { actions = ["login"], days = 90 }\n'
    mine, other = two(policy_of(f"[points]\n{kept}{BUY}{review}"))
    for desk in (mine, other):
        desk.act(purchase("o-1", START_MS, 10_000))  # 100, until 30 April
        desk.act(action("review", "v-1", START_MS, item_id="p", rating=5))  # 40, until 30 April
    for name, desk in (("canonical", mine), ("alias", other)):
        if who_logs_in in {name, "both"}:
            desk.act(action("login", f"l-{name}", START_MS + 20 * DAY_MS))  # 19 June: all until the end of June
    other.act(purchase("o-2", START_MS + 25 * DAY_MS, 700))  # 7 of the alias's own, until 25 May
    mine.absorb(other, START_MS + 26 * DAY_MS)
    moved = who_logs_in in {"canonical", "both"}
    end = (datetime(2017, 7, 1, tzinfo=UTC) - START) // timedelta(milliseconds=1) if moved else 60 * DAY_MS
    lots = [(lot.expires_ms - START_MS, lot.points) for lot in mine.account.core.active]
    assert lots == sorted([(end, 140), (85 * DAY_MS, 7)])  # 2 x 140 - 140, and 7: the alias's copies are gone
