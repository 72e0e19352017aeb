"""The presets against arithmetic done by hand, with each step in a comment."""

from pathlib import Path

import pytest

from loyalty.policy import Policy, parse_policy
from loyalty.weights import Weights
from streams.zones import zone_rules
from tests.support.member_desk import DAY_MS, HOUR_MS, Desk, action, ms, purchase, refund

FOLDER = Path(__file__).parents[3] / "deploy" / "policies"
MINUTE_MS = 60_000


def preset(name: str) -> Policy:
    return parse_policy((FOLDER / name).read_text(encoding="utf-8"), name)


def desk_of(name: str, weights: Weights | None = None) -> Desk:
    policy = preset(name)
    zone = zone_rules(policy.programme.time_zone)
    return Desk(policy, zone) if weights is None else Desk(policy, zone, weights=weights)


# Row 8: growth by consumption group. Points and steps are in tenths.

MORNING_MS = ms("2024-05-06T09:00:00+08:00")


def group_desk(spent_minor: int) -> Desk:
    """A member who spent so much last week, in purchases that are too small to rise by."""
    desk = desk_of("browse-groups.toml")
    for number in range(spent_minor // 2_500):
        desk.act(purchase(f"small-{number}", MORNING_MS - 7 * DAY_MS + number, 2_500, "CNY"))
    return desk


@pytest.mark.parametrize(
    ("spent_minor", "minutes", "points"),
    [
        (200_000, 120, 0),  # high: over 120 minutes, not at 120
        (200_000, 121, 30),  # high: 3 points
        (200_000, 600, 30),  # once a day
        (50_000, 60, 0),  # medium: over 60 minutes
        (50_000, 61, 10),  # medium: 1 point
        (0, 30, 0),  # low: over 30 minutes
        (0, 31, 5),  # low: half a point
    ],
)
def test_row_8_a_day_of_browsing_earns_by_group(spent_minor: int, minutes: int, points: int) -> None:
    desk = group_desk(spent_minor)
    rest, number = minutes, 0
    while rest:
        piece = min(rest, 20)
        desk.act(action("browse", f"b-{number}", MORNING_MS + number * 20 * MINUTE_MS, duration_ms=piece * MINUTE_MS))
        rest, number = rest - piece, number + 1
    assert desk.active == points


def test_row_8_each_local_day_counts_anew() -> None:
    desk = group_desk(200_000)
    for day in range(3):
        for hour in range(3):  # three hours a day
            desk.act(
                action("browse", f"b-{day}-{hour}", MORNING_MS + day * DAY_MS + hour * HOUR_MS, duration_ms=HOUR_MS)
            )
    assert desk.active == 3 * 30
    late_ms = ms("2024-05-09T23:30:00+08:00")  # two hours before and two after midnight are two days
    desk.act(action("browse", "before", late_ms, duration_ms=2 * HOUR_MS))
    desk.act(action("browse", "after", late_ms + HOUR_MS, duration_ms=2 * HOUR_MS))
    assert desk.active == 3 * 30


@pytest.mark.parametrize(
    ("spent_minor", "amount_minor", "purchases", "tier"),
    [
        (200_000, 20_000, 9, "step-0"),  # high: over 200 yuan, not at 200
        (200_000, 20_001, 1, "step-1"),  # high: 1 whole step
        (200_000, 20_001, 3, "step-3"),
        (50_000, 5_001, 1, "step-0"),  # medium: 0.5, so two of them make a step
        (50_000, 5_001, 2, "step-1"),
        (0, 3_001, 3, "step-0"),  # low: 0.3, so three make 0.9
        (0, 3_001, 4, "step-1"),  # and four 1.2
    ],
)
def test_row_8_a_purchase_raises_by_group(spent_minor: int, amount_minor: int, purchases: int, tier: str) -> None:
    desk = group_desk(spent_minor)
    for number in range(purchases):
        desk.act(purchase(f"o-{number}", MORNING_MS + number, amount_minor, "CNY"))
    assert desk.tier == tier
    assert desk.active == desk.pending == 0  # it raises, it does not earn


# Row 9: five tiers at 0, 100, 200, 500, 1000.


@pytest.mark.parametrize(
    ("yuan", "tier"),
    [
        (0, "ordinary"),
        (99, "ordinary"),
        (100, "bronze"),
        (199, "bronze"),
        (200, "silver"),
        (499, "silver"),
        (500, "gold"),
        (999, "gold"),
        (1_000, "diamond"),
        (50_000, "diamond"),
    ],
)
def test_row_9_the_five_thresholds(yuan: int, tier: str) -> None:
    desk = desk_of("five-level.toml")
    desk.act(purchase("o-1", MORNING_MS, yuan * 100, "CNY"))
    assert desk.tier == tier


def test_row_9_by_hand() -> None:
    desk = desk_of("five-level.toml")
    desk.act(purchase("o-1", MORNING_MS, 15_250, "CNY"))  # 152.5 yuan: 152, half to even
    desk.act(action("review", "v-1", MORNING_MS, item_id="p", rating=4))  # + 10
    desk.act(action("share", "s-1", MORNING_MS))  # + 5
    desk.act(action("share", "s-2", MORNING_MS))  # + 5
    desk.act(action("share", "s-3", MORNING_MS))  # twice a day at most
    desk.act(action("login", "l-1", MORNING_MS))  # + 1
    desk.act(action("login", "l-2", MORNING_MS))  # once a day
    assert desk.active == 152 + 10 + 5 + 5 + 1
    assert desk.tier == "bronze"
    desk.act(purchase("o-2", MORNING_MS, 2_700, "CNY"))  # 173 + 27 = 200
    assert desk.tier == "silver"
    desk.act(action("adjust", "a-1", MORNING_MS, points=-150, operator="ann", reason="test"))
    assert (desk.active, desk.tier) == (50, "silver")  # the spendable balance has no say in the tier


# Row 10: 0.5 spend + 0.3 frequency + 0.2 reviews.


def test_row_10_the_articles_example_adds_up_to_2513_and_not_to_the_printed_2750() -> None:
    desk = desk_of("weighted-sum.toml")
    for number in range(40):  # 40 purchases of 125 yuan: 5000 yuan
        desk.act(purchase(f"o-{number}", MORNING_MS + number, 12_500, "CNY"))
    for number in range(5):
        desk.act(action("review", f"v-{number}", MORNING_MS + number, item_id="p", rating=5))
    parts = {part.measure: (part.value, part.points) for part in desk.tier_changes[-1].data.contributions}
    # 0.5 x 5000 = 2500; 0.3 x 40 = 12; and 0.2 x 5 = 1, which comes after gold was reached
    assert parts["spend_minor"] == (500_000, 2_500)
    assert parts["purchase_count"] == (40, 12)
    ladder = desk.scope.policy.compiled.ladder
    assert ladder.value(desk.account.core.tier.periods[-1].sums, desk.scope.weights) == 2_513
    assert desk.tier == "gold"


def test_row_10_gold_is_reached_at_its_threshold() -> None:
    desk = desk_of("weighted-sum.toml")
    desk.act(purchase("o-1", MORNING_MS, 499_999, "CNY"))  # 0.5 x 4999.99 = 2499.995, and 0.3: both rounded down
    assert desk.tier == "silver"
    desk.act(purchase("o-2", MORNING_MS, 1, "CNY"))  # 0.5 x 5000 = 2500
    assert (desk.tier, desk.tier_changes[-1].data.score) == ("gold", 2_500)


# The grocer's programme.

NEW_YEAR_MS = ms("2017-01-10T17:00:00-05:00")


def test_retail_a_basket_by_hand() -> None:
    desk = desk_of("retail.toml")
    items = [
        {"item_id": "apple", "category": "PRODUCE", "amount": 400},
        {"item_id": "beef", "category": "MEAT", "amount": 1_250},
        {"item_id": "soap", "category": "DRUG GM", "amount": 949},
    ]
    desk.act(purchase("o-1", NEW_YEAR_MS, 2_599, items=items, tax=100))
    # 24.99 dollars without tax: 25 points; fresh 16.50: 16 points, half to even; both wait for 14 days
    assert [entry.data.pending_points for entry in desk.entries] == [25, 16]
    assert (desk.pending, desk.active) == (41, 0)
    desk.until(NEW_YEAR_MS + 14 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (41, 0)
    desk.until(NEW_YEAR_MS + 14 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 41)
    # twelve months later is January 2018, whose quarter ends on 31 March in New York
    assert desk.account.core.active[0].expires_ms == ms("2018-04-01T00:00:00-04:00")
    desk.until(ms("2018-04-01T00:00:00-04:00") - 1)
    assert desk.active == 41
    desk.until(ms("2018-04-01T00:00:00-04:00"))
    assert desk.active == 0


def test_retail_the_score_by_hand() -> None:
    desk = desk_of("retail.toml")
    for number in range(60):  # 60 baskets of 50 dollars: 3000 dollars
        desk.act(purchase(f"o-{number}", NEW_YEAR_MS + number * DAY_MS, 5_000))
    for number in range(4):
        desk.act(action("coupon_redeem", f"c-{number}", NEW_YEAR_MS + 60 * DAY_MS, coupon_id="c"))
    ladder = desk.scope.policy.compiled.ladder
    # 700 x 3000 / 6000 = 350; 250 x 60 / 150 = 100; 50 x 4 / 10 = 20
    assert ladder.value(desk.account.core.tier.periods[-1].sums, desk.scope.weights) == 350 + 100 + 20
    assert desk.tier == "silver"


def test_retail_the_score_ends_at_1000() -> None:
    ladder = preset("retail.toml").compiled.ladder
    huge = {term.key: 10**9 for term in ladder.terms}
    assert ladder.value(huge, Weights(version=0)) == 1_000


def test_retail_a_learned_weight_and_a_tier_multiply_and_one_rounding_ends_it() -> None:
    desk = desk_of("retail.toml", Weights(version=7, earning_bp=(("purchase", 9_500),)))
    desk.act(purchase("o-1", NEW_YEAR_MS, 300_000))  # 3000 x 0.95 = 2850 points, and 350 + 1 of the score: silver
    assert (desk.pending, desk.tier) == (2_850, "silver")
    desk.act(purchase("o-2", NEW_YEAR_MS, 1_050))  # 10.50 x 0.95 x 1.1 = 10.9725
    factors = desk.entries[-1].data.factors
    assert factors is not None
    assert (factors.weight_bp, factors.tier_bp, factors.desired, factors.granted) == (9_500, 11_000, 11, 11)
    assert desk.entries[-1].data.weights_version == 7


def test_retail_refund_by_line_takes_the_lines_points() -> None:
    desk = desk_of("retail.toml")
    apple = {"item_id": "apple", "category": "PRODUCE", "amount": 1_000}
    desk.act(purchase("o-1", NEW_YEAR_MS, 3_000, items=[apple, {"item_id": "soap", "amount": 2_000}]))
    assert [entry.data.pending_points for entry in desk.entries] == [30, 10]
    desk.act(refund("r-1", NEW_YEAR_MS + DAY_MS, "o-1", 1_000, items=[apple]))
    # a third of the order: 10 of 30; all of the fresh line: 10 of 10
    assert [(entry.data.kind, entry.data.pending_points) for entry in desk.entries[2:]] == [
        ("cancelled", -10),
        ("cancelled", -10),
    ]
    desk.act(refund("r-2", NEW_YEAR_MS + 20 * DAY_MS, "o-1", 2_000))
    assert [(entry.data.kind, entry.data.active_points) for entry in desk.entries[4:]] == [
        ("activated", 20),
        ("clawed_back", -20),
    ]
