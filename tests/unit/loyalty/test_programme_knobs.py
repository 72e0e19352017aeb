"""Knobs of calendar, clock and ladder, each choice by a row of a table, with the arithmetic beside it."""

import json

import pytest

from features.actions import Action
from loyalty.policy.offers import WEEKDAYS
from streams.zones import zone_rules
from tests.support.corner_shop import policy_data
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, ms, policy_of, purchase
from tests.support.partition_log import build_log, read_at_once
from tests.support.random_history import event

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

PURCHASE = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'
HEAD = 'format = 1\n[programme]\nname = "Test"\ncurrency = "USD"\n'
BASE = '[tiers]\nbasis = "spend"\nladder = [{ id = "member", threshold = 0 }]\n'


def after(text: str, actions: list[Action]) -> Desk:
    desk = Desk(policy_of(text))
    for each in actions:
        desk.act(each)
    return desk


# Programme


@pytest.mark.parametrize(
    ("rounding", "points"),
    [
        ("half_even", 2 + 2 + 3),  # 1.50, 2.50 and 2.51 dollars
        ("floor", 1 + 2 + 2),
    ],
)
def test_rounding(rounding: str, points: int) -> None:
    orders = [purchase(f"o-{cents}", START_MS, cents) for cents in (150, 250, 251)]
    assert after(f'rounding = "{rounding}"\n' + PURCHASE, orders).active == points


@pytest.mark.parametrize(
    ("zone", "points"),
    [
        ("UTC", 2 * 10),  # 1 March 23:30 and 2 March 00:30
        ("America/New_York", 10),  # 18:30 and 19:30 of 1 March
        ("Asia/Tokyo", 10),  # 08:30 and 09:30 of 2 March
    ],
)
def test_days_are_those_of_the_programmes_time_zone(zone: str, points: int) -> None:
    text = f'time_zone = "{zone}"\n' + '[[earning]]\nid = "l"\naction = "login"\npoints = 10\n'
    text += 'caps = [{ per = "day", times = 1 }]\n'
    desk = Desk(policy_of(text), zone_rules(zone))
    for name, at in (("l-1", "2017-03-01T23:30"), ("l-2", "2017-03-02T00:30")):
        desk.act(action("login", name, ms(at)))
    assert desk.active == points


@pytest.mark.parametrize(
    ("per", "days", "times"),
    [
        ("day", ["2017-03-01", "2017-03-01", "2017-03-02"], 2),
        ("week", ["2017-03-01", "2017-03-05", "2017-03-06"], 2),  # Sunday the 5th ends the week
        ("month", ["2017-03-01", "2017-03-31", "2017-04-01"], 2),
        ("quarter", ["2017-03-01", "2017-03-31", "2017-04-01", "2017-06-30"], 2),
        ("year", ["2017-03-01", "2017-12-31", "2018-01-01"], 2),
        ("ever", ["2017-03-01", "2018-01-01", "2019-01-01"], 1),
    ],
)
def test_each_period_of_a_cap(per: str, days: list[str], times: int) -> None:
    text = f'[[earning]]\nid = "l"\naction = "login"\npoints = 10\ncaps = [{{ per = "{per}", times = 1 }}]\n'
    logins = [action("login", f"l-{number}", ms(f"{day}T12:00")) for number, day in enumerate(days)]
    assert after(text, logins).active == 10 * times


# Input: what comes too late or too early never reaches the rules


@pytest.mark.parametrize(
    ("knob", "minutes", "reason"),
    [
        ("lateness_days = 2", -2 * 24 * 60, None),  # two days behind log time to the minute
        ("lateness_days = 2", -2 * 24 * 60 - 1, "too_late"),
        ("max_skew_minutes = 5", 5, None),
        ("max_skew_minutes = 5", 6, "ahead_of_log_time"),
    ],
)
def test_lateness_and_skew(knob: str, minutes: int, reason: str | None) -> None:
    text = HEAD + f"[input]\n{knob}\n" + BASE
    policy = policy_data(text)
    login = event("login", "l-1", "m-1", START_MS + minutes * 60_000)
    outputs, _ = read_at_once(build_log([(START_MS, login)], policy))
    reasons = [json.loads(output.value)["data"]["reason"] for output in outputs if output.topic == "deadletter"]
    assert reasons == ([] if reason is None else [reason])


# Campaigns: each day of the week


@pytest.mark.parametrize(
    ("day", "name"),
    list(enumerate(["wednesday", "thursday", "friday", "saturday", "sunday", "monday", "tuesday"])),  # from START_MS on
)
def test_a_campaign_on_one_day_of_the_week(day: int, name: str) -> None:
    assert name in WEEKDAYS
    campaign = (
        '[[campaigns]]\nid = "c"\nstart = 2017-03-01T00:00:00Z\nend = 2017-04-01T00:00:00Z\n'
        f'multiplier_bp = 20_000\nweekdays = ["{name}"]\n'
    )
    orders = [purchase(f"o-{number}", START_MS + number * DAY_MS, 1_000) for number in range(7)]
    desk = after(PURCHASE + campaign, orders)
    granted = [entry.data.factors.granted for entry in desk.entries if entry.data.factors is not None]
    assert granted == [20 if number == day else 10 for number in range(7)]


# Rewards: what kind one is, is for the shop; the price is the same


@pytest.mark.parametrize("kind", ["goods", "coupon", "service", "cash_back"])
def test_each_kind_of_reward_costs_its_price(kind: str) -> None:
    reward = f'[[rewards]]\nid = "r"\nkind = "{kind}"\nprice = 40\nvalue_minor = 300\n'
    desk = after(PURCHASE + reward, [purchase("o-1", START_MS, 10_000), action("redeem", "s", START_MS, reward_id="r")])
    assert desk.active == 100 - 40


@pytest.mark.parametrize("kind", ["percent_discount", "free_delivery", "priority_service", "partner_offer", "gift"])
def test_each_kind_of_benefit_costs_nothing(kind: str) -> None:
    text = f"""
[[benefits]]
id = "b"
kind = "{kind}"
[tiers]
basis = "spend"
ladder = [{{ id = "member", threshold = 0, benefits = ["b"] }}]
"""
    desk = after(text, [action("redeem", "s", START_MS, reward_id="b")])
    assert (desk.notifications[-1].data.kind, desk.entries) == ("reward_granted", [])


# Tiers: what is counted, and where a member goes who does not hold

RULES = """
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 50
{more}
[tiers]
{basis}
ladder = [{{ id = "member", threshold = 0 }}, {{ id = "gold", threshold = {threshold} }}]
"""


VISIT = '[[earning]]\nid = "visit"\naction = "login"\npoints = 7\nunit = "qualifying"'


@pytest.mark.parametrize(
    ("basis", "value"),
    [
        ('basis = "spend"', 6_000),  # cents of two orders
        ('basis = "earned_points"', 120),  # 6,000 / 50; redeeming does not take from it
        ('basis = "qualifying_points"', 14),  # two logins of 7
        ('basis = "visits"', 2),  # orders
        ('basis = "months"', 2),  # March and April
        ('basis = "score"\nscore = [{ measure = "spend_minor", weight = 10, per = 1_000 }]', 60),
    ],
)
def test_what_the_tier_counts(basis: str, value: int) -> None:
    actions = [
        purchase("o-1", START_MS, 2_000),
        action("login", "l-1", START_MS),
        purchase("o-2", START_MS + 31 * DAY_MS, 4_000),
        action("login", "l-2", START_MS + 31 * DAY_MS),
        action("search", "s-1", START_MS + 32 * DAY_MS),
    ]
    for threshold, tier in ((value, "gold"), (value + 1, "member")):
        more = VISIT if "qualifying" in basis else ""
        desk = after(RULES.format(basis=basis, threshold=threshold, more=more), actions)
        assert desk.tier == tier
    assert desk.tier_changes[-1].data.kind == "joined"


DOWN = """
[tiers]
basis = "spend"
valid_periods = 1
downgrade = "{downgrade}"
ladder = [
  {{ id = "member", threshold = 0 }},
  {{ id = "silver", threshold = 1_000 }},
  {{ id = "gold", threshold = 2_000 }},
  {{ id = "platinum", threshold = 3_000 }},
]
"""


@pytest.mark.parametrize(
    ("downgrade", "in_2018", "tier"),
    [
        ("one_down", 0, "gold"),  # platinum in 2017, nothing in 2018: one step at the end of 2018
        ("balance_based", 1_500, "silver"),  # what 2018's 1,500 support
        ("balance_based", 0, "member"),
        ("to_base", 1_500, "member"),
    ],
)
def test_where_a_member_goes_who_does_not_hold_the_tier(downgrade: str, in_2018: int, tier: str) -> None:
    desk = Desk(policy_of(DOWN.format(downgrade=downgrade)))
    desk.act(purchase("o-1", START_MS, 3_000))
    assert desk.tier == "platinum"
    desk.act(purchase("o-2", ms("2018-05-01"), in_2018))
    desk.until(ms("2019-01-01"))
    assert desk.tier == tier


# Notifications


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ('["tier_changes", "points_expiry"]', ["tier_joined", "points_will_expire"]),
        ('["tier_changes"]', ["tier_joined"]),
        ('["points_expiry"]', ["points_will_expire"]),
        ("[]", []),
    ],
)
def test_what_members_are_told_about(about: str, told: list[str]) -> None:
    text = f"""
[points]
expiry = {{ kind = "after_days", days = 30 }}
[notifications]
about = {about}
points_remind_days = 5
"""
    desk = after(PURCHASE + text, [purchase("o-1", START_MS, 1_000)])
    desk.until(START_MS + 31 * DAY_MS)
    assert [note.data.kind for note in desk.notifications] == told
