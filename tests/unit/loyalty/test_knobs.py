"""Each knob of the policy by a small case, with the arithmetic in a comment."""

import pytest

from loyalty.decisions import instant
from loyalty.weights import Weights
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, ms, policy_of, purchase, refund

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

PURCHASE = """
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 100
"""


def balance(text: str, *actions: object) -> int:
    desk = Desk(policy_of(text))
    for each in actions:
        desk.act(each)  # type: ignore[arg-type]  # each is an action
    return desk.active


# Earning


def test_rounding_half_even_and_floor() -> None:
    orders = [purchase(f"o-{cents}", START_MS, cents) for cents in (150, 250, 251, 299)]
    assert balance(PURCHASE, *orders) == 2 + 2 + 3 + 3
    desk = Desk(policy_of('rounding = "floor"' + PURCHASE))
    for order in orders:
        desk.act(order)
    assert desk.active == 1 + 2 + 2 + 2


def test_an_amount_in_another_currency_is_converted_first() -> None:
    text = "rates_ppm = { EUR = 1_080_000, JPY = 670_000 }" + PURCHASE
    assert balance(text, purchase("o-1", START_MS, 10_000, "EUR")) == 108  # 100 euros are 108 dollars
    assert balance(text, purchase("o-1", START_MS, 10_000, "JPY")) == 67  # a yen is 0.67 cents
    desk = Desk(policy_of(text))
    desk.act(purchase("o-1", START_MS, 10_000, "CHF"))
    assert desk.rejections[0].reason == "unknown_currency"
    assert desk.account.is_new


def test_parts_of_the_amount_that_earn_nothing() -> None:
    order = purchase("o-1", START_MS, 10_000, tax=700, shipping=500, discount=300)
    assert balance(PURCHASE, order) == 100
    assert balance('[points]\nexclude = ["tax"]' + PURCHASE, order) == 93
    assert balance('[points]\nexclude = ["tax", "shipping", "discount"]' + PURCHASE, order) == 85
    assert balance('[points]\nexclude = ["tax"]' + PURCHASE, purchase("o-1", START_MS, 100, tax=700)) == 0


def test_categories_and_items_count_their_lines_only() -> None:
    lines = [
        {"item_id": "apple", "category": "fruit", "amount": 1_000},
        {"item_id": "pear", "category": "fruit", "amount": 500},
        {"item_id": "soap", "category": "house", "amount": 2_000},
    ]
    order = purchase("o-1", START_MS, 3_500, items=lines)
    assert balance(PURCHASE + 'categories = ["fruit"]', order) == 15
    assert balance(PURCHASE + 'items = ["soap"]', order) == 20
    assert balance(PURCHASE + 'items = ["soap"]\ncategories = ["fruit"]', order) == 35
    assert balance(PURCHASE + 'categories = ["toys"]', order) == 0
    # the order came to less than its lines, so no more than that is eligible
    assert balance(PURCHASE + 'items = ["soap"]', purchase("o-1", START_MS, 1_200, items=lines)) == 12


def test_a_condition_on_the_amount_is_over_or_from() -> None:
    orders = [purchase(f"o-{cents}", START_MS, cents) for cents in (4_999, 5_000, 5_001)]
    fixed = '[[earning]]\nid = "big"\naction = "purchase"\npoints = 7\n'
    assert balance(fixed + "amount_over_minor = 5_000", *orders) == 7
    assert balance(fixed + "amount_from_minor = 5_000", *orders) == 14


def test_rating_duration_and_item_conditions() -> None:
    review = '[[earning]]\nid = "r"\naction = "review"\npoints = 7\nrating_from = 4'
    assert balance(review, *(action("review", f"v-{n}", START_MS, item_id="p", rating=n) for n in range(1, 6))) == 14
    browse = '[[earning]]\nid = "b"\naction = "browse"\npoints = 2\nper_ms = 60_000'
    assert balance(browse, action("browse", "b-1", START_MS, duration_ms=210_000)) == 7  # 3.5 minutes
    click = '[[earning]]\nid = "c"\naction = "click"\npoints = 2\ncategories = ["toys"]\nitems = ["p"]'
    assert balance(click, action("click", "c-1", START_MS, item_id="q", category="toys")) == 2
    assert balance(click, action("click", "c-1", START_MS, item_id="p")) == 2
    assert balance(click, action("click", "c-1", START_MS, item_id="q", category="house")) == 0


def test_a_segment_is_what_was_known_before_the_action() -> None:
    text = (
        '[[segments]]\nid = "regular"\nbounds = [{ feature = "spend_minor_90d", at_least = 10_000 }]'
        + PURCHASE
        + 'segments = ["regular"]'
    )
    orders = [purchase(f"o-{n}", START_MS + n * DAY_MS, 10_000) for n in range(3)]
    assert balance(text, *orders) == 200  # the first one makes a regular of the member
    assert balance(text, orders[0], purchase("o-9", START_MS + 91 * DAY_MS, 10_000)) == 0


def test_learned_weight_tier_and_campaign_multiply_and_are_rounded_once() -> None:
    text = (
        PURCHASE
        + """
[tiers]
basis = "spend"
ladder = [{ id = "member", threshold = 0, multiplier_bp = 12_500 }]
[[campaigns]]
id = "spring"
start = 2017-03-01T00:00:00Z
end = 2017-03-02T00:00:00Z
multiplier_bp = 15_000
bonus = 4
"""
    )
    desk = Desk(policy_of(text), weights=Weights(3, (("purchase", 9_000),)))
    desk.act(purchase("o-1", START_MS, 2_599))
    # 25.99 x 0.9 x 1.25 x 1.5 = 43.858..., rounded to 44, and 4 on top
    assert desk.active == 48
    factors = desk.entries[0].data.factors
    assert factors is not None
    assert (factors.eligible, factors.points, factors.per) == (2_599, 1, 100)
    assert (factors.weight_bp, factors.tier_bp, factors.campaign_bp, factors.bonus) == (9_000, 12_500, 15_000, 4)
    assert factors.campaigns == ("spring",)


def test_a_rule_can_stay_out_of_learning_and_of_tier_multipliers() -> None:
    tiers = '\n[tiers]\nbasis = "spend"\nladder = [{ id = "member", threshold = 0, multiplier_bp = 20_000 }]'
    weights = Weights(3, (("purchase", 15_000),))
    for extra, points in (("", 300), ("learned = false", 200), ("tier_multiplied = false", 150)):
        desk = Desk(policy_of(PURCHASE + extra + tiers), weights=weights)
        desk.act(purchase("o-1", START_MS, 10_000))
        assert desk.active == points


@pytest.mark.parametrize(
    ("cap", "points"),
    [
        ('{ per = "day", points = 25 }', 3 * 25),  # 10 + 10 + 5 on each of three days
        ('{ per = "day", times = 2 }', 3 * 20),
        ('{ per = "week", points = 55 }', 55),  # Wednesday to Friday
        ('{ per = "ever", times = 4 }', 40),
        ('{ per = "day", points = 25 }, { per = "month", points = 60 }', 60),
    ],
)
def test_caps(cap: str, points: int) -> None:
    text = f'[[earning]]\nid = "login"\naction = "login"\npoints = 10\ncaps = [{cap}]'
    logins = [action("login", f"l-{d}-{h}", START_MS + d * DAY_MS + h * HOUR_MS) for d in range(3) for h in range(4)]
    assert balance(text, *logins) == points


def test_an_entry_shows_what_the_cap_cut() -> None:
    desk = Desk(policy_of(PURCHASE + 'caps = [{ per = "day", points = 30 }]'))
    desk.act(purchase("o-1", START_MS, 5_000))
    factors = desk.entries[0].data.factors
    assert factors is not None
    assert (factors.desired, factors.granted, factors.cap) == (50, 30, "day")


def test_a_refund_makes_room_in_the_cap_again() -> None:
    desk = Desk(policy_of(PURCHASE + 'caps = [{ per = "day", points = 30 }]'))
    desk.act(purchase("o-1", START_MS, 3_000))
    desk.act(refund("r-1", START_MS + HOUR_MS, "o-1", 3_000))
    desk.act(purchase("o-2", START_MS + 2 * HOUR_MS, 3_000))
    assert desk.active == 30


# Campaigns


@pytest.mark.parametrize(
    ("condition", "points"),
    [
        ("", 200),
        ('weekdays = ["wednesday"]', 200),
        ('weekdays = ["saturday", "sunday"]', 100),
        ("hours = [12]", 200),
        ("hours = [13, 14]", 100),
        ('actions = ["review"]', 100),
        ('rules = ["purchase"]', 200),
        ('tiers = ["member"]', 200),
        ('segments = ["new"]', 200),
        ('segments = ["old"]', 100),
        ("holdout_share_bp = 10_000", 100),
        ("holdout_share_bp = 0", 200),
    ],
)
def test_a_campaign_applies_where_all_its_conditions_hold(condition: str, points: int) -> None:
    text = f"""
[[segments]]
id = "new"
bounds = [{{ feature = "purchase_count_all", below = 1 }}]
[[segments]]
id = "old"
bounds = [{{ feature = "purchase_count_all", at_least = 1 }}]
[[campaigns]]
id = "spring"
start = 2017-03-01T12:00:00Z
end = 2017-03-01T12:00:00.001Z
multiplier_bp = 20_000
{condition}
"""
    assert balance(PURCHASE + text, purchase("o-1", START_MS, 10_000)) == points
    assert balance(PURCHASE + text, purchase("o-1", START_MS - 1, 10_000)) == 100
    assert balance(PURCHASE + text, purchase("o-1", START_MS + 1, 10_000)) == 100


def test_campaigns_stack_by_the_best_or_by_the_sum() -> None:
    one = """
[[campaigns]]
id = "{}"
start = 2017-03-01T00:00:00Z
end = 2017-04-01T00:00:00Z
multiplier_bp = {}
bonus = {}
"""
    both = PURCHASE + one.format("a", 20_000, 5) + one.format("b", 30_000, 1)
    order = purchase("o-1", START_MS, 10_000)
    assert balance('[points]\nstacking = "best_of"' + both, order) == 300 + 1
    assert balance('[points]\nstacking = "sum"' + both, order) == 400 + 6  # 1 + 1 + 2 times


# Pending and expiry


@pytest.mark.parametrize(
    ("expiry", "last_day"),
    [
        ('{ kind = "after_days", days = 30 }', "2017-03-31T12:00:00"),
        ('{ kind = "end_of_month" }', "2017-04-01T00:00:00"),
        ('{ kind = "end_of_month", after_months = 12 }', "2018-04-01T00:00:00"),
        ('{ kind = "end_of_quarter" }', "2017-04-01T00:00:00"),
        ('{ kind = "end_of_quarter", after_months = 1 }', "2017-07-01T00:00:00"),
        ('{ kind = "end_of_year", after_months = 10 }', "2019-01-01T00:00:00"),
        ('{ kind = "inactivity", days = 30 }', "2017-04-01T00:00:00"),  # the day after the action, and 30 days
    ],
)
def test_expiry_kinds(expiry: str, last_day: str) -> None:
    desk = Desk(policy_of(f"[points]\nexpiry = {expiry}" + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.until(ms(last_day) - 1)
    assert desk.active == 100
    desk.until(ms(last_day))
    assert desk.active == 0
    assert desk.entries[-1].time == instant(ms(last_day))


def test_activity_keeps_points_that_expire_with_inactivity() -> None:
    desk = Desk(policy_of('[points]\nexpiry = { kind = "inactivity", days = 30 }' + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    for week in range(1, 10):
        desk.act(action("search", f"s-{week}", START_MS + week * 7 * DAY_MS))
    assert desk.active == 100
    desk.until(START_MS + (63 + 32) * DAY_MS)
    assert desk.active == 0


def test_a_rules_own_pending_and_expiry() -> None:
    own = 'pending_days = 3\nexpiry = { kind = "after_days", days = 5 }'
    desk = Desk(policy_of("[points]\npending_days = 14" + PURCHASE + own))
    desk.act(purchase("o-1", START_MS, 10_000))
    for day, shown in ((2, (100, 0)), (3, (0, 100)), (4, (0, 100)), (5, (0, 0))):
        desk.until(START_MS + day * DAY_MS)
        assert (desk.pending, desk.active) == shown


def test_a_reminder_comes_before_points_expire_and_only_then() -> None:
    text = '[notifications]\npoints_remind_days = 10\n[points]\nexpiry = { kind = "after_days", days = 40 }'
    desk = Desk(policy_of(text + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.until(START_MS + 100 * DAY_MS)
    reminders = [note for note in desk.notifications if note.data.kind == "points_will_expire"]
    assert [(note.time, note.data.points, note.data.due_ms) for note in reminders] == [
        (instant(START_MS + 30 * DAY_MS), 100, START_MS + 40 * DAY_MS)
    ]


# Rewards, penalties, corrections, consent


def test_debits_take_the_earliest_expiring_lot_first() -> None:
    text = '[points]\nexpiry = { kind = "after_days", days = 90 }\n[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 150'
    desk = Desk(policy_of(text + PURCHASE))
    desk.act(purchase("late", START_MS + 2 * DAY_MS, 10_000))
    desk.act(purchase("early", START_MS, 10_000), START_MS + 2 * DAY_MS)
    desk.act(action("redeem", "s-1", START_MS + 3 * DAY_MS, reward_id="mug"))
    taken = [(lot.expires_ms, lot.points) for lot in desk.entries[-1].data.lots]
    assert taken == [(START_MS + 90 * DAY_MS, -100), (START_MS + 92 * DAY_MS, -50)]


@pytest.mark.parametrize(
    ("reward", "quantity", "answer"),
    [
        ("price = 40", 1, ""),
        ("price = 40", 3, "insufficient_points"),
        ("price = 40\nlimit_per_year = 1", 2, "limit_reached"),
        ('price = 40\ntiers = ["gold"]', 1, "not_for_this_tier"),
        ("price = 400\nprices = { member = 100 }", 1, ""),
        ("price = 40\nstart = 2017-03-02T00:00:00Z", 1, "not_offered_now"),
        ("price = 40\nend = 2017-03-01T12:00:00Z", 1, "not_offered_now"),
    ],
)
def test_a_redemption_is_always_answered(reward: str, quantity: int, answer: str) -> None:
    tiers = (
        '\n[tiers]\nbasis = "spend"\nladder = [{ id = "member", threshold = 0 }, { id = "gold", threshold = 10**9 }]'
    )
    tiers = tiers.replace("10**9", "1_000_000_000")
    desk = Desk(policy_of(PURCHASE + f'[[rewards]]\nid = "mug"\nkind = "goods"\n{reward}' + tiers))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(action("redeem", "s-1", START_MS, reward_id="mug", quantity=quantity))
    note = desk.notifications[-1].data
    assert (note.kind, note.reason) == ("reward_refused" if answer else "reward_granted", answer)
    assert desk.active == (100 if answer else 100 - note.points)
    desk.act(action("redeem", "s-2", START_MS, reward_id="cup"))
    assert desk.notifications[-1].data.reason == "unknown_reward"


def test_a_penalty_takes_what_is_there_and_no_more() -> None:
    text = (
        PURCHASE + '[[penalties]]\nid = "spam"\npoints = 30\nkinds = ["spam"]\nseverity_from = 2\nper_severity = true\n'
    )
    desk = Desk(policy_of(text))
    desk.act(purchase("o-1", START_MS, 10_000))
    for number, (kind, severity, left) in enumerate(
        [("spam", 1, 100), ("noise", 5, 100), ("spam", 2, 40), ("spam", 5, 0), ("spam", 5, 0)]
    ):
        desk.act(action("misconduct", f"m-{number}", START_MS, kind=kind, severity=severity))
        assert desk.active == left


def test_an_adjustment_names_operator_and_reason_and_may_open_a_balance() -> None:
    desk = Desk(policy_of('[points]\nexpiry = { kind = "end_of_year" }' + PURCHASE))
    desk.act(action("adjust", "a-1", START_MS, points=500, operator="import", reason="opening balance"))
    entry = desk.entries[-1].data
    assert (entry.kind, entry.operator, entry.reason, entry.active_points) == (
        "adjusted",
        "import",
        "opening balance",
        500,
    )
    desk.act(action("adjust", "a-2", START_MS, points=-600, operator="ann", reason="too much"))
    assert desk.rejections[-1].reason == "insufficient_points"
    desk.act(action("adjust", "a-3", START_MS, points=-200, operator="ann", reason="appeal"))
    assert desk.active == 300


def test_notifications_go_to_the_members_channels_and_stop_with_consent() -> None:
    text = """
[notifications]
purpose = "notices"
[tiers]
basis = "visits"
ladder = [{ id = "member", threshold = 0 }, { id = "silver", threshold = 1 }, { id = "gold", threshold = 2 }]
"""
    desk = Desk(policy_of(text))
    desk.act(action("enroll", "e-1", START_MS, channels=["sms", "app"]))
    desk.act(purchase("o-1", START_MS, 100))
    assert desk.notifications[-1].data.channels == ("sms", "app")
    before = len(desk.notifications)
    desk.act(action("consent", "c-1", START_MS, purpose="notices", granted=False))
    desk.act(purchase("o-2", START_MS, 100))
    assert (desk.tier, len(desk.notifications)) == ("gold", before)
    desk.act(action("redeem", "s-1", START_MS, reward_id="mug"))  # an answer comes all the same
    assert len(desk.notifications) == before + 1
    desk.act(action("consent", "c-2", START_MS, purpose="notices", granted=True))
    desk.act(refund("r-2", START_MS, "o-2", 100))
    assert (desk.tier, desk.notifications[-1].data.kind) == ("silver", "tier_downgraded")


def test_benefits_come_and_go_with_the_tier() -> None:
    text = """
[tiers]
basis = "visits"
ladder = [
  { id = "member", threshold = 0, benefits = ["newsletter"] },
  { id = "silver", threshold = 1, benefits = ["newsletter", "free_delivery"] },
]
"""
    desk = Desk(policy_of(text))
    desk.act(purchase("o-1", START_MS, 100))
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 100))
    benefits = [(change.data.benefits_granted, change.data.benefits_revoked) for change in desk.tier_changes]
    assert benefits == [(("newsletter",), ()), (("free_delivery",), ()), ((), ("free_delivery",))]
