"""Offers on the ledger, each word of theirs at work: what is offered when, to whom, what it gives, and how it ends."""

import pytest

from features.errors import PolicyError
from loyalty.account import COUNTERS_ROW
from loyalty.campaigns import OFFER, in_holdout
from loyalty.context import Context
from loyalty.decisions import SOURCE, Cause, Factors, Notification
from loyalty.effects import BudgetGrant
from loyalty.engine import apply_addressed
from loyalty.explain import explain_entry
from loyalty.explain_standing import explain_standing
from loyalty.offer_records import Offer
from loyalty.offers import LATEST_MS, OFFERS, Offerable, newest_offer, offerable, open_offers
from tests.support.member_desk import DAY_MS, MEMBER, START_MS, Desk, action, policy_of, purchase, refund

POLICY = """
[input]
lateness_days = 10
[learning]
enabled = true
horizon_days = 20
[offers]
enabled = true
id = "choice-1"
every_days = 30
holdout_bp = 1_000
explore_bp = 2_000
margin_bp = 2_500
point_cost_milli = 1_000
purpose = "personalisation"
[[earning]]
id = "buy"
action = "purchase"
points = 1
per_minor = 100
[[campaigns]]
id = "double"
start = 2017-02-01T00:00:00Z
end = 2017-06-01T00:00:00Z
multiplier_bp = 20_000
cap_points = 70
budget_points = 1_000
valid_days = 10
[[campaigns]]
id = "extra"
start = 2017-02-01T00:00:00Z
end = 2017-06-01T00:00:00Z
bonus = 15
cap_points = 15
budget_points = 1_000
valid_days = 10
"""


def held_out(share_bp: int, name: str) -> bool:
    return in_holdout(MEMBER, f"{OFFER}{name}", share_bp)


def desk_with(policy: str = POLICY, slice_points: int = 500) -> Desk:
    """A member who has joined, in a partition that holds so many points of each budget."""
    desk = Desk(policy_of(policy), cold=True)
    for campaign in desk.scope.policy.compiled.budgets.values():
        assert desk.scope.slices.request(campaign, START_MS) is not None
        desk.scope.slices.granted(campaign.id, BudgetGrant(points=slice_points))
    desk.act(action("login", "hello", START_MS))
    return desk


def context_of(desk: Desk, time_ms: int = START_MS) -> Context:
    parts = (desk.account, desk.orders, desk.windows)
    return Context(parts, MEMBER, Cause(SOURCE, "moment"), (time_ms, time_ms), desk.scope)


def could(desk: Desk, day: int = 0) -> Offerable | None:
    found = offerable(context_of(desk, START_MS + day * DAY_MS))
    desk.save()
    return found


def offer(desk: Desk, day: int = 0, campaign: str = "double", example_offset: int = 7, late_ms: int = 0) -> None:
    """An offer that arrives on a day."""
    log_time_ms = START_MS + day * DAY_MS
    body = Offer(MEMBER, campaign, example_offset, log_time_ms - late_ms)
    desk.until(log_time_ms)
    desk.take(apply_addressed((desk.account, desk.orders, desk.windows), body, desk.scope, log_time_ms))


def is_open(desk: Desk, day: int = 0) -> list[str]:
    return [name for name, _ in open_offers(context_of(desk, START_MS + day * DAY_MS))]


def told(desk: Desk) -> list[Notification]:
    return [notification for notification in desk.notifications if notification.data.kind == "offer_made"]


def factors(desk: Desk) -> Factors:
    found = desk.entries[-1].data.factors
    assert found is not None
    return found


# What an offer gives


def test_without_an_offer_the_campaign_gives_nothing_and_with_one_what_it_says() -> None:
    # 30 dollars: 30 points; doubled 60
    desk = desk_with()
    desk.act(purchase("o-1", START_MS, 3_000))
    assert (factors(desk).granted, factors(desk).campaigns, factors(desk).offers) == (30, (), ())
    offer(desk)
    desk.act(purchase("o-2", START_MS + 1, 3_000))
    assert (factors(desk).granted, factors(desk).campaigns, factors(desk).offers) == (60, ("double",), ("double",))
    assert "(double, offered)" in explain_entry(desk.entries[-1])


def test_it_is_open_by_event_time_for_its_days_and_not_a_moment_longer() -> None:
    desk = desk_with()
    offer(desk, day=1)
    end_ms = START_MS + 11 * DAY_MS
    for name, time_ms, granted in (
        ("before", START_MS + DAY_MS - 1, 10),
        ("first", START_MS + DAY_MS, 20),
        ("last", end_ms - 1, 20),
        ("after", end_ms, 10),
    ):
        desk.act(purchase(name, time_ms, 1_000), max(time_ms, START_MS + DAY_MS))
        assert factors(desk).granted == granted


def test_an_action_that_comes_late_has_the_offer_of_its_own_time() -> None:
    desk = desk_with()
    offer(desk)
    desk.act(purchase("late", START_MS + 9 * DAY_MS, 1_000), START_MS + 18 * DAY_MS)
    assert factors(desk).granted == 20


def test_the_cap_is_that_of_one_offer_and_a_refund_makes_room_under_it() -> None:
    # 100 dollars: 100 points and 70 for the offer; 50 of 100 refunded: 35 of the 70 are free again
    desk = desk_with()
    offer(desk)
    desk.act(purchase("o-1", START_MS, 10_000))
    assert (factors(desk).granted, factors(desk).cap) == (170, "campaign double")
    desk.act(purchase("o-2", START_MS, 10_000))
    assert factors(desk).granted == 100
    desk.act(refund("r-1", START_MS, "o-1", 5_000))
    assert newest_offer(context_of(desk)) == ("double", 35)
    desk.act(purchase("o-3", START_MS, 10_000))
    assert factors(desk).granted == 135
    offer(desk, day=30, example_offset=8)
    desk.act(purchase("o-4", START_MS + 30 * DAY_MS, 10_000))
    assert factors(desk).granted == 170


def test_a_refund_takes_back_what_the_offer_gave_at_the_rate_of_then_after_its_end_too() -> None:
    desk = desk_with()
    offer(desk)
    desk.act(purchase("o-1", START_MS, 3_000))
    desk.act(refund("r-1", START_MS + 20 * DAY_MS, "o-1", 3_000))
    assert desk.active == 0


def test_what_the_budget_does_not_hold_is_not_given() -> None:
    desk = desk_with(slice_points=8)
    offer(desk)
    desk.act(purchase("o-1", START_MS, 3_000))
    assert (factors(desk).granted, factors(desk).cap) == (38, "budget")


def test_of_two_offers_one_after_the_other_the_newest_is_what_an_outcome_tells_of() -> None:
    desk = desk_with()
    assert newest_offer(context_of(desk)) is None
    offer(desk)
    desk.act(purchase("o-1", START_MS, 3_000))
    offer(desk, 10, "extra", 8)
    assert newest_offer(context_of(desk)) == ("extra", 0)


# What could be offered


def test_all_that_the_policy_offers_could_be_and_then_nothing_for_some_days() -> None:
    desk = desk_with()
    assert could(desk) == Offerable(("double", "extra"), held_out=False)
    assert could(desk, 29) is None
    assert could(desk, 30) == Offerable(("double", "extra"), held_out=False)


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("valid_days = 10\n[[campaigns]]", 'valid_days = 10\ntiers = ["gold"]\n[[campaigns]]', ("extra",)),
        ("valid_days = 10\n[[campaigns]]", 'valid_days = 10\nsegments = ["buyers"]\n[[campaigns]]', ("extra",)),
        ("end = 2017-06-01", "end = 2017-03-11", ("extra",)),  # ends before ten days are over
        ("start = 2017-02-01", "start = 2017-03-02", ("extra",)),
        ("valid_days = 10\n[[campaigns]]", "[[campaigns]]", ("extra",)),  # a campaign for everybody
        ("enabled = true\nid", "enabled = false\nid", ()),
    ],
)
def test_what_is_not_for_the_member_or_does_not_fit_could_not_be(old: str, new: str, left: tuple[str, ...]) -> None:
    text = POLICY.replace(old, new, 1)
    text += '[[segments]]\nid = "buyers"\nbounds = [{ feature = "purchase_count_all", at_least = 1 }]\n'
    text += '[tiers]\nbasis = "spend"\nladder = [{ id = "member", threshold = 0 }, { id = "gold", threshold = 9 }]\n'
    found = could(desk_with(text))
    assert (found.campaigns if found else ()) == left


def test_what_has_nothing_left_of_its_budget_could_not_be() -> None:
    desk = desk_with()
    desk.scope.slices.draw("double", 500)
    assert could(desk) == Offerable(("extra",), held_out=False)


def test_withdrawn_consent_is_the_end_of_offers_and_given_again_their_beginning() -> None:
    desk = desk_with()
    desk.act(action("consent", "no", START_MS, purpose="personalisation", granted=False))
    assert could(desk) is None
    offer(desk)
    assert is_open(desk) == []
    desk.act(action("consent", "yes", START_MS, purpose="personalisation", granted=True))
    offer(desk, example_offset=8)
    assert is_open(desk) == ["double"]
    assert could(desk) is not None


def test_the_hold_out_is_considered_like_everybody_and_never_made_an_offer() -> None:
    name = next(name for name in (f"choice-{n}" for n in range(99)) if held_out(1_000, name))
    desk = desk_with(POLICY.replace("choice-1", name))
    assert could(desk) == Offerable(("double", "extra"), held_out=True)
    assert could(desk, 1) is None
    offer(desk)
    assert (is_open(desk), told(desk)) == ([], [])
    wider = next(name for name in (f"choice-{n}" for n in range(99)) if not held_out(1_000, name))
    assert could(desk_with(POLICY.replace("choice-1", wider))) == Offerable(("double", "extra"), held_out=False)


# The record


def test_the_member_is_told_what_until_when() -> None:
    desk = desk_with()
    offer(desk)
    (made,) = told(desk)
    assert (made.data.about, made.data.due_ms) == ("double", START_MS + 10 * DAY_MS)
    assert made.data.cause == Cause(SOURCE, f"offer-7-{MEMBER}")
    parts = (desk.account, desk.orders, desk.windows)
    assert "Offer double, until 2017-03-11 12:00:00 UTC." in explain_standing(*parts, desk.scope, START_MS)
    assert explain_standing(*parts, desk.scope, START_MS + 10 * DAY_MS) == ""


def test_a_record_that_comes_again_or_is_older_than_the_last_one_changes_nothing() -> None:
    desk = desk_with()
    offer(desk, example_offset=7)
    for day, example_offset in ((1, 7), (12, 7), (13, 3)):
        offer(desk, day, "double", example_offset)
    assert len(told(desk)) == 1
    assert is_open(desk, 9) == ["double"]
    assert is_open(desk, 12) == []
    offer(desk, 14, "double", 8)
    assert is_open(desk, 14) == ["double"]


@pytest.mark.parametrize(
    ("day", "campaign", "late_ms"),
    [
        (0, "spring", 0),  # no such campaign
        (90, "double", 0),  # its ten days would go beyond its end
        (0, "double", LATEST_MS + 1),  # it was chosen for a moment that is long over
    ],
)
def test_a_record_that_may_not_be_followed_any_more_is_noted_and_opens_nothing(
    day: int, campaign: str, late_ms: int
) -> None:
    desk = desk_with()
    offer(desk, day, campaign, late_ms=late_ms)
    assert (is_open(desk, day), told(desk)) == ([], [])
    assert desk.account.counters[OFFERS] == {1: 7}


def test_a_member_has_one_offer_at_a_time() -> None:
    desk = desk_with()
    offer(desk)
    offer(desk, 9, "extra", 8)
    assert is_open(desk, 9) == ["double"]
    offer(desk, 10, "extra", 9)
    assert is_open(desk, 10) == ["extra"]


def test_what_is_over_is_forgotten_once_no_action_can_be_late_enough() -> None:
    # made on day 0, over on day 10; actions may come ten days late and ten minutes ahead
    desk = desk_with()
    offer(desk)
    offer(desk, 20, "extra", 8)
    assert f"{OFFER}double" in desk.account.counters
    offer(desk, 31, "extra", 9)
    assert f"{OFFER}double" not in desk.account.counters


def test_a_member_without_offers_has_no_row_of_them() -> None:
    desk = desk_with()
    desk.act(purchase("o-1", START_MS, 3_000))
    assert COUNTERS_ROW not in desk.rows


# What makes no sense


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cap_points = 70\n", "", r"campaigns\[double\]\.valid_days: .* needs cap_points and budget_points"),
        ("budget_points = 1_000\n", "", r"campaigns\[double\]\.valid_days: .* needs cap_points and budget_points"),
        ("valid_days = 10", "valid_days = 31", r"campaigns\[double\]\.valid_days: must be at most offers\.every_days"),
        ("bonus = 15", "bonus = 15\nholdout_share_bp = 5", r"campaigns\[extra\]\.holdout_share_bp: .* in \[offers\]"),
        ("every_days = 30", "every_days = 15", r"offers\.every_days: must be at least learning\.horizon_days, 20"),
        ("enabled = true\nhorizon", "enabled = false\nhorizon", r"offers\.enabled: what an offer brings is learned"),
        ("valid_days = 10\n", "", r"offers\.enabled: no campaign has valid_days"),
    ],
)
def test_what_does_not_go_together_is_a_mistake_in_the_policy(old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        policy_of(POLICY.replace(old, new))
