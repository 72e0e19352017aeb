"""Knobs about what a member goes on doing: months that count, expiry put off, steps to a milestone, caps freed."""

import pytest

from features.actions import Action
from loyalty.decisions import instant
from loyalty.explain_standing import explain_standing
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, ms, policy_of, purchase, refund

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

PURCHASE = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'


def after(text: str, actions: list[Action]) -> Desk:
    desk = Desk(policy_of(text), cold=True)
    now_ms = START_MS
    for each in actions:
        now_ms = max(now_ms, each.time_ms)
        desk.act(each, now_ms)
    return desk


def orders(*days: str) -> list[Action]:
    return [purchase(f"o-{number}", ms(f"{day}T12:00"), 1_000) for number, day in enumerate(days)]


# Months with a purchase

MONTHS = """
[input]
refund_horizon_days = 90
[tiers]
basis = "months"
window = "{window}"
ladder = [{{ id = "member", threshold = 0 }}, {{ id = "regular", threshold = 3 }}]
"""


@pytest.mark.parametrize(
    ("window", "days", "tier"),
    [
        ("calendar_year", ["2017-03-01", "2017-03-30", "2017-04-02"], "member"),  # two months, not three orders
        ("calendar_year", ["2017-03-01", "2017-04-02", "2017-06-01"], "regular"),  # not in a row: three all the same
        ("calendar_year", ["2017-11-01", "2017-12-01", "2018-01-01"], "member"),  # two in 2017, one in 2018
        ("rolling_months", ["2017-11-01", "2017-12-01", "2018-01-01"], "regular"),  # three within twelve months
        ("anniversary", ["2017-11-01", "2017-12-01", "2018-01-01"], "regular"),  # all in the first year of membership
        ("lifetime", ["2017-03-01", "2018-03-01", "2019-03-01"], "regular"),
        ("lifetime", ["2017-03-01", "2017-03-02", "2019-03-01"], "member"),
    ],
)
def test_months_with_a_purchase_count_once_each(window: str, days: list[str], tier: str) -> None:
    assert after(MONTHS.format(window=window), orders(*days)).tier == tier


def test_a_month_whose_only_order_comes_back_counts_no_more() -> None:
    desk = after(MONTHS.format(window="calendar_year"), orders("2017-03-01", "2017-03-05", "2017-04-02", "2017-05-02"))
    assert (desk.tier, desk.tier_changes[-1].data.score) == ("regular", 3)
    desk.act(refund("r-1", ms("2017-05-10"), "o-0", 1_000))  # March still has the other order
    assert desk.tier == "regular"
    desk.act(refund("r-2", ms("2017-05-11"), "o-3", 1_000))  # May has none left: 2 months
    assert (desk.tier, desk.tier_changes[-1].data.reason) == ("member", "refund")
    late = purchase("o-9", ms("2017-05-03"), 1_000)
    desk.act(late, ms("2017-05-12"))
    assert desk.tier == "regular"


def test_months_can_be_a_part_of_the_score() -> None:
    text = """
[tiers]
basis = "score"
score = [{ measure = "active_months", weight = 100, cap = 4 }]
ladder = [{ id = "member", threshold = 0 }, { id = "half", threshold = 50 }]
"""
    desk = after(text, orders("2017-03-01", "2017-04-01"))
    # 100 points at 4 months: 2 months are 50
    assert desk.tier_changes[-1].data.contributions[0].points == 50
    assert desk.tier == "half"


# Expiry put off by activity

KEPT = (
    PURCHASE
    + """
[points]
expiry = { kind = "after_days", days = 60 }
extension = { actions = ["login", "purchase"], days = 90 }
[notifications]
points_remind_days = 10
"""
)


def test_activity_moves_the_expiry_to_the_end_of_the_month_that_its_days_lead_to() -> None:
    desk = after(KEPT, orders("2017-03-01"))
    # 60 days end on 30 April; 90 days after 1 March is 30 May: the end of May
    assert [(lot.expires_ms, lot.points) for lot in desk.account.core.active] == [(ms("2017-06-01"), 10)]
    desk.act(action("login", "l-1", ms("2017-03-02")))  # 31 May: nothing moves, and nothing is said
    assert [entry.data.kind for entry in desk.entries] == ["earned"]
    desk.act(action("login", "l-2", ms("2017-04-10")))  # 9 July: the end of July
    assert desk.entries[-1].data.reason == "activity"
    moved = [(change.points, change.expires_ms) for change in desk.entries[-1].data.lots]
    assert moved == [(-10, ms("2017-06-01")), (10, ms("2017-08-01"))]
    desk.act(action("browse", "b", ms("2017-07-20"), duration_ms=1))  # does not extend
    reminders = [note.time for note in desk.notifications if note.data.kind == "points_will_expire"]
    assert reminders == [instant(ms("2017-08-01") - 10 * DAY_MS)][: len(reminders)]
    desk.until(ms("2017-08-01"))
    assert desk.active == 0
    assert desk.entries[-1].time == instant(ms("2017-08-01"))


def test_a_refund_finds_points_wherever_activity_has_moved_them() -> None:
    for login_days, refund_day in (([], "2017-05-20"), ([31, 62], "2017-06-15"), ([31, 62, 93], "2017-08-15")):
        desk = after(KEPT, orders("2017-03-01"))
        for day in login_days:
            desk.act(action("login", f"l-{day}", START_MS + day * DAY_MS))
        desk.act(purchase("kept", ms(refund_day) - 1, 700))
        desk.act(refund("r", ms(refund_day), "o-0", 1_000))
        assert desk.active == 7
        assert desk.account.core.debt == 0


def test_points_that_activity_keeps_become_one_lot() -> None:
    desk = after(KEPT, [purchase(f"o-{day}", START_MS + day * DAY_MS, 1_000) for day in range(400)])
    assert desk.active == 400 * 10
    assert len(desk.account.core.active) == 1


# Steps to a milestone

FAN = """
[[milestones]]
id = "fan"
measure = "review_count"
target = 8
points = 50
steps = 4
repeat = "{repeat}"
"""


def reviews(count: int) -> list[Action]:
    return [action("review", f"v-{n}", START_MS + n, item_id="p", rating=5) for n in range(count)]


@pytest.mark.parametrize(
    ("repeat", "count", "told"),
    [
        ("once", 1, []),
        ("once", 7, [(2, 8), (4, 8), (6, 8)]),  # every second review is a quarter of the way
        ("once", 12, [(2, 8), (4, 8), (6, 8)]),  # the eighth is told by the award, then there is no way left
        ("every", 12, [(2, 8), (4, 8), (6, 8), (10, 16), (12, 16)]),
    ],
)
def test_each_step_to_a_milestone_is_told_once(repeat: str, count: int, told: list[tuple[int, int]]) -> None:
    desk = after(FAN.format(repeat=repeat), reviews(count))
    steps = [note.data for note in desk.notifications if note.data.kind == "milestone_progress"]
    assert [(step.reached, step.target) for step in steps] == told
    assert all((step.about, step.points) == ("fan", 50) for step in steps)


def test_a_refund_does_not_let_a_step_be_told_again() -> None:
    text = FAN.format(repeat="once").replace("review_count", "purchase_count")
    desk = after(text, orders("2017-03-01", "2017-03-02"))
    desk.act(refund("r", ms("2017-03-03"), "o-1", 1_000))
    desk.act(purchase("o-9", ms("2017-03-04"), 1_000))
    assert [note.data.reached for note in desk.notifications if note.data.kind == "milestone_progress"] == [2]


def test_the_way_to_a_milestone_can_be_asked_for() -> None:
    desk = after(FAN.format(repeat="every"), reviews(11))
    parts = (desk.account, desk.orders, desk.windows)
    text = explain_standing(*parts, desk.scope, START_MS + DAY_MS)
    assert text == "Milestone fan: 11 of 16 review_count, worth 50 points, again and again."


# Caps that refunds free

CAPPED = """
[[campaigns]]
id = "spring"
start = 2017-03-01T00:00:00Z
end = 2017-04-01T00:00:00Z
multiplier_bp = 20_000
cap_points = 100
"""


@pytest.mark.parametrize(
    ("knob", "points"),
    [
        ("", 2 * 60),  # the refund gives 60 of the campaign's 100 back, so o-2 gets all of its 60 on top
        ("[points]\nrefunds_free_caps = true\n", 2 * 60),
        ("[points]\nrefunds_free_caps = false\n", 60 + 40),  # 60 of 100 stay used: 40 are left for o-2
    ],
)
def test_a_refund_frees_the_room_it_took_of_a_campaigns_cap_where_the_policy_says_so(knob: str, points: int) -> None:
    desk = after(knob + PURCHASE + CAPPED, [purchase("o-1", START_MS, 6_000)])
    assert desk.active == 60 + 60
    desk.act(refund("r", START_MS + 1, "o-1", 6_000))
    desk.act(purchase("o-2", START_MS + 2, 6_000))
    assert desk.active == points


def test_many_small_refunds_free_a_campaigns_cap_once() -> None:
    desk = after(PURCHASE + CAPPED, [purchase("o-1", START_MS, 6_000)])
    for number in range(6):
        desk.act(refund(f"r-{number}", START_MS + 1 + number, "o-1", 1_000))
        assert desk.account.counters["campaign/spring"] == {0: 50 - 10 * number}
    desk.act(refund("r-9", START_MS + 9, "o-1", 1_000))
    assert desk.rejections[-1].reason == "over_refunded"
    desk.act(purchase("o-2", START_MS + 10, 15_000))
    assert desk.active == 150 + 100  # the cap is whole again, and no more than that


def test_a_rules_cap_stays_used_after_a_refund_where_the_policy_says_so() -> None:
    text = PURCHASE + 'caps = [{ per = "month", points = 100 }]\n'
    for knob, points in (("", 100), ("[points]\nrefunds_free_caps = false\n", 0)):
        desk = after(knob + text, [purchase("o-1", START_MS, 10_000)])
        desk.act(refund("r", START_MS + 1, "o-1", 10_000))
        desk.act(purchase("o-2", START_MS + 2, 10_000))
        assert desk.active == points


# Who joined when


@pytest.mark.parametrize("window", ["calendar_year", "anniversary", "rolling_months", "lifetime"])
def test_when_a_member_joined_does_not_depend_on_which_action_arrived_first(window: str) -> None:
    grace_days = 0 if window == "lifetime" else 3
    text = f"""
[tiers]
basis = "spend"
window = "{window}"
valid_periods = 0
grace_days = {grace_days}
ladder = [{{ id = "member", threshold = 0 }}, {{ id = "gold", threshold = 15_000 }}]
"""
    early, late = purchase("o-1", START_MS, 10_000), purchase("o-2", START_MS + 20 * DAY_MS, 10_000)
    standings = set()
    for first, second in ((early, late), (late, early)):
        desk = Desk(policy_of(text), cold=True)
        desk.act(first, late.time_ms)
        desk.act(second, late.time_ms + DAY_MS)
        for day in (30, 364, 366, 400):
            desk.until(START_MS + day * DAY_MS)
            standings.add((day, str(desk.standing()), desk.account.core.joined_ms))
    assert len(standings) == 4
    assert {joined_ms for _, _, joined_ms in standings} == {START_MS}
