"""Refunds that cannot be, and what a refund does beside the points."""

import pytest

from features.table import ALL_TIME, PURCHASES, REFUNDED, SPEND
from loyalty.engine import next_due_ms
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, policy_of, purchase, refund

POLICY = policy_of(
    """
[input]
refund_horizon_days = 60
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 100
[tiers]
basis = "spend"
ladder = [{ id = "member", threshold = 0 }, { id = "gold", threshold = 5_000 }]
"""
)
APPLE = {"item_id": "apple", "amount": 1_000}
SOAP = {"item_id": "soap", "amount": 4_000}


@pytest.fixture
def desk() -> Desk:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 5_000, items=[APPLE, SOAP]))
    return desk


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (refund("r-1", START_MS, "o-2", 1), "unknown_order"),
        (refund("r-1", START_MS + 60 * DAY_MS + 1, "o-1", 1), "unknown_order"),
        (refund("r-1", START_MS, "o-1", 1, "EUR"), "currency_mismatch"),
        (refund("r-1", START_MS, "o-1", 5_001), "over_refunded"),
        (refund("r-1", START_MS, "o-1", 2_000, items=[{"item_id": "apple", "amount": 1_001}]), "over_refunded"),
        (refund("r-1", START_MS, "o-1", 500, items=[APPLE]), "over_refunded"),
        (refund("r-1", START_MS, "o-1", 500, items=[{"item_id": "pear", "amount": 500}]), "over_refunded"),
    ],
)
def test_a_refund_that_cannot_be_is_rejected_with_its_reason(desk: Desk, event: object, reason: str) -> None:
    assert desk.act(event) == []  # type: ignore[arg-type]  # a refund
    assert desk.rejections[-1].reason == reason
    assert (desk.active, desk.tier) == (50, "gold")


def test_a_second_refund_of_a_line_changes_nothing(desk: Desk) -> None:
    desk.act(refund("r-1", START_MS, "o-1", 1_000, items=[APPLE]))
    rows = dict(desk.rows)
    desk.act(refund("r-2", START_MS, "o-1", 1_000, items=[APPLE]))
    assert desk.rejections[-1].reason == "over_refunded"
    assert desk.rows == rows
    assert desk.active == 40


def test_a_refund_is_undone_in_the_features_of_its_purchase(desk: Desk) -> None:
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 2_000))
    assert [desk.windows.total(measure, ALL_TIME) for measure in (PURCHASES, SPEND, REFUNDED)] == [1, 3_000, 2_000]
    desk.act(refund("r-2", START_MS + DAY_MS, "o-1", 3_000))
    assert [desk.windows.total(measure, ALL_TIME) for measure in (PURCHASES, SPEND, REFUNDED)] == [0, 0, 5_000]


def test_a_refund_takes_away_the_tier_that_its_order_reached(desk: Desk) -> None:
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 1))
    last = desk.tier_changes[-1].data
    assert (last.kind, last.old_tier, last.new_tier, last.reason) == ("downgraded", "gold", "member", "refund")
    assert (last.score, last.to_next, last.cause.id) == (4_999, 1, "r-1")


def test_an_order_of_nothing_can_be_returned_once() -> None:
    policy = policy_of('[[earning]]\nid = "visit"\naction = "purchase"\npoints = 5')
    desk = Desk(policy)
    desk.act(purchase("o-1", START_MS, 0))
    desk.act(refund("r-1", START_MS, "o-1", 0))
    assert desk.active == 0
    desk.act(refund("r-2", START_MS, "o-1", 0))
    assert desk.rejections[-1].reason == "over_refunded"


def test_in_another_currency_the_rate_of_the_purchase_holds_to_the_last_cent() -> None:
    policy = policy_of(
        'rates_ppm = { EUR = 1_083_333 }\n[[earning]]\nid = "p"\naction = "purchase"\npoints = 1\nper_minor = 100'
    )
    desk = Desk(policy)
    desk.act(purchase("o-1", START_MS, 999, "EUR"))
    spend = desk.windows.total(SPEND, ALL_TIME)
    for number in range(3):
        desk.act(refund(f"r-{number}", START_MS, "o-1", 333, "EUR"))
    assert spend == 1_082
    assert (desk.windows.total(SPEND, ALL_TIME), desk.active) == (0, 0)


def test_orders_are_forgotten_when_nothing_can_refund_them_any_more(desk: Desk) -> None:
    held = {row for row in desk.rows if row.startswith(b"o")}
    assert len(held) == 3  # the order, its chunk's list, and the list of chunks
    due_ms = next_due_ms(desk.account, desk.orders)
    assert due_ms is not None
    assert due_ms > START_MS + (60 + 30) * DAY_MS
    desk.until(START_MS + 120 * DAY_MS)
    assert not {row for row in desk.rows if row.startswith(b"o")}
    assert desk.orders.next_due_ms() is None


def test_an_order_id_may_come_again_when_its_order_is_forgotten_whether_or_not_a_sweep_came_by() -> None:
    desks = Desk(POLICY), Desk(POLICY)
    for desk in desks:
        desk.act(purchase("o-1", START_MS, 5_000))
        desk.act(action("purchase", "again", START_MS + 80 * DAY_MS, order_id="o-1", amount=100, currency="USD"))
        assert desk.rejections[-1].reason == "duplicate_order"
    desks[0].until(START_MS + 150 * DAY_MS)
    for desk in desks:
        desk.act(action("purchase", "new", START_MS + 200 * DAY_MS, order_id="o-1", amount=700, currency="USD"))
        desk.act(refund("r-1", START_MS + 210 * DAY_MS, "o-1", 700))
        assert desk.active == 50
    assert desks[0].encoded == desks[1].encoded
    assert desks[0].rows == desks[1].rows
