"""First times, streaks, milestones, good reviews, and campaigns with caps: each knob by a small case."""

import pytest

from features.actions import Action
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, policy_of, purchase, refund

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

LOGIN = '[[earning]]\nid = "login"\naction = "login"\npoints = 10\n'
REVIEW = '[[earning]]\nid = "review"\naction = "review"\npoints = 10\n'
PURCHASE = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'


def logins(*days: int) -> list[Action]:
    return [action("login", f"l-{n}-{day}", START_MS + day * DAY_MS) for n, day in enumerate(days)]


def after(text: str, actions: list[Action]) -> Desk:
    desk = Desk(policy_of(text))
    now_ms = START_MS
    for each in actions:
        now_ms = max(now_ms, each.time_ms)
        desk.act(each, now_ms)
    return desk


def test_first_time_pays_once_in_a_members_life() -> None:
    text = PURCHASE + '[[earning]]\nid = "welcome"\naction = "purchase"\npoints = 500\nfirst_time = true\n'
    desk = after(text, [purchase(f"o-{n}", START_MS + n, 1_000) for n in range(3)])
    assert desk.active == 500 + 3 * 10
    desk.act(refund("r", START_MS + 5, "o-0", 1_000))  # what the first order brought goes back with it
    assert desk.active == 2 * 10


@pytest.mark.parametrize(
    ("per", "length", "days", "points"),
    [
        ("day", 3, [0, 1, 2], 10),
        ("day", 3, [0, 1, 1, 2], 10),  # twice a day counts once
        ("day", 3, [0, 1, 3, 4], 0),  # a gap
        ("day", 3, [0, 1, 2, 3, 4, 5], 20),  # two in a row
        ("day", 3, [0, 1, 2, 3, 4], 10),  # the second one is not complete
        ("day", 3, [0, 2, 1], 10),  # the late one fills the gap
        ("day", 2, [0, 3, 4, 1], 20),
        ("week", 2, [0, 7], 10),  # Wednesdays
        ("week", 2, [0, 4], 0),  # Wednesday and Sunday of one week
        ("week", 2, [4, 5], 10),  # Sunday and Monday
        ("month", 3, [0, 31, 62], 10),  # 1 March, 1 April, 2 May
        ("month", 3, [0, 62], 0),
    ],
)
def test_a_streak_pays_for_the_action_that_completes_it(per: str, length: int, days: list[int], points: int) -> None:
    text = LOGIN + f'streak = {{ per = "{per}", length = {length} }}'
    assert after(text, logins(*days)).active == points


def test_a_streak_counts_actions_that_the_rule_is_about() -> None:
    text = PURCHASE.replace("per_minor = 100", "amount_from_minor = 2_000\nstreak = { per = 'day', length = 2 }")
    orders = [purchase(f"o-{day}", START_MS + day * DAY_MS, amount) for day, amount in enumerate((2_000, 1_999, 2_000))]
    assert after(text, orders).active == 0
    assert after(text, [*orders, purchase("o-3", START_MS + 3 * DAY_MS, 2_000)]).active == 1


def test_what_is_kept_of_a_streak_stays_small() -> None:
    desk = after(LOGIN + "streak = { per = 'day', length = 7 }", logins(*range(400)))
    assert desk.active == 400 // 7 * 10
    assert len(desk.account.counters["streak/login"]) <= 7 + 30 + 1


@pytest.mark.parametrize(
    ("repeat", "actions", "points"),
    [("once", 4, 0), ("once", 5, 50), ("once", 12, 50), ("every", 9, 50), ("every", 10, 100)],
)
def test_a_milestone_pays_when_the_total_reaches_its_target(repeat: str, actions: int, points: int) -> None:
    text = f'[[milestones]]\nid = "fan"\nmeasure = "review_count"\ntarget = 5\npoints = 50\nrepeat = "{repeat}"\n'
    reviews = [action("review", f"v-{n}", START_MS + n, item_id="p", rating=5) for n in range(actions)]
    desk = after(text, reviews)
    assert desk.active == points
    told = [note.data.about for note in desk.notifications if note.data.kind == "milestone_reached"]
    assert told == ["fan"] * (points // 50)


def test_one_large_order_can_pass_several_milestones_and_a_refund_does_not_open_them_again() -> None:
    text = '[[milestones]]\nid = "spender"\nmeasure = "spend_minor"\ntarget = 10_000\npoints = 7\nrepeat = "every"\n'
    desk = after(text, [purchase("o-1", START_MS, 25_000)])
    assert desk.active == 14
    desk.act(refund("r", START_MS + 1, "o-1", 20_000))
    desk.act(purchase("o-2", START_MS + 2, 15_000))  # 20,000 in all, again
    assert desk.active == 14
    desk.act(purchase("o-3", START_MS + 3, 10_000))
    assert desk.active == 21


def test_a_milestone_waits_like_other_points() -> None:
    text = '[points]\npending_days = 3\n[[milestones]]\nid = "m"\nmeasure = "login_count"\ntarget = 1\npoints = 5\n'
    desk = after(text, logins(0))
    assert (desk.pending, desk.active) == (5, 0)
    desk.until(START_MS + 3 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 5)


@pytest.mark.parametrize(
    ("condition", "points"),
    [
        ("text_from = 12", 10),
        ("text_from = 13", 0),  # blanks around it do not count
        ("helpful_from = 3", 10),
        ("helpful_from = 4", 0),
        ("rating_from = 4\ntext_from = 5\nhelpful_from = 1", 10),
    ],
)
def test_a_review_can_be_asked_to_say_something(condition: str, points: int) -> None:
    review = action("review", "v", START_MS, item_id="p", rating=4, text="  ripe and red  ", helpful_votes=3)
    assert after(REVIEW + condition, [review]).active == points


CAMPAIGN = """
[[campaigns]]
id = "{id}"
start = 2017-03-01T00:00:00Z
end = 2017-04-01T00:00:00Z
multiplier_bp = {multiplier_bp}
bonus = {bonus}
{more}
"""


def campaign(name: str, multiplier_bp: int, bonus: int = 0, more: str = "") -> str:
    return CAMPAIGN.format(id=name, multiplier_bp=multiplier_bp, bonus=bonus, more=more)


def test_the_campaign_with_the_highest_priority_counts() -> None:
    both = PURCHASE + campaign("a", 20_000, more="priority = 5") + campaign("b", 30_000)
    order = [purchase("o", START_MS, 10_000)]
    assert after('[points]\nstacking = "priority"\n' + both, order).active == 200
    assert after('[points]\nstacking = "priority"\n' + both.replace("priority = 5", ""), order).active == 200  # first
    assert after('[points]\nstacking = "best_of"\n' + both, order).active == 300


def test_a_campaign_adds_no_more_than_its_cap_for_a_member() -> None:
    text = PURCHASE + campaign("double", 20_000, more="cap_points = 150")
    orders = [purchase(f"o-{n}", START_MS + n, 10_000) for n in range(3)]
    desk = after(text, orders)
    assert [entry.data.active_points for entry in desk.entries] == [200, 150, 100]  # 100 each, and 100 + 50 + 0 added
    cut = desk.entries[1].data.factors
    assert cut is not None
    assert (cut.desired, cut.granted, cut.cap) == (200, 150, "campaign double")


def test_each_of_several_campaigns_has_its_own_cap() -> None:
    text = (
        '[points]\nstacking = "sum"\n'
        + PURCHASE
        + campaign("capped", 20_000, bonus=5, more="cap_points = 30")
        + campaign("free", 15_000)
    )
    # 100 plain; `capped` would add 100 + 5 and may add 30; `free` adds 50
    assert after(text, [purchase("o", START_MS, 10_000)]).active == 100 + 30 + 50


def test_a_rules_own_cap_comes_after_the_campaigns() -> None:
    text = PURCHASE + 'caps = [{ per = "day", points = 120 }]\n' + campaign("double", 20_000, more="cap_points = 50")
    desk = after(text, [purchase("o", START_MS, 10_000)])
    factors = desk.entries[0].data.factors
    assert factors is not None
    assert (factors.desired, factors.granted, factors.cap) == (200, 120, "day")


def test_what_a_rules_own_cap_cuts_does_not_use_up_the_campaigns() -> None:
    text = PURCHASE + 'caps = [{ per = "day", points = 120 }]\n' + campaign("double", 20_000, more="cap_points = 50")
    orders = [purchase("o-0", START_MS, 10_000), purchase("o-1", START_MS + 1, 10_000)]
    desk = after(text, [*orders, purchase("o-2", START_MS + DAY_MS, 5_000)])
    # 100 + 20 of the 50, for the day's cap; nothing; and on the next day 50 + 30, which is what is left of the 50
    assert [entry.data.active_points for entry in desk.entries] == [120, 80]
    desk.act(refund("r", START_MS + 2 * DAY_MS, "o-0", 10_000))  # 20 of the campaign's come back
    desk.act(purchase("o-3", START_MS + 3 * DAY_MS, 5_000))
    assert desk.entries[-1].data.active_points == 50 + 20
