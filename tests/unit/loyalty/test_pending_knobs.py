"""Points that wait for an action: `pending_until`, `pending_limit_days`, and the delivery of an order."""

import pytest

from loyalty.explain import explain_entry
from tests.support.linked_desks import LinkedDesk
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, policy_of, purchase, refund

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.
ORDERS = """
[[earning]]
id = "order"
action = "purchase"
points = 1
per_minor = 100
pending_until = "delivery"
pending_limit_days = 40
"""
RETURNS = ORDERS + "pending_days = 14\n"
WELCOME = """
[[earning]]
id = "welcome"
action = "enroll"
points = 500
pending_until = "purchase"
pending_limit_days = 90
"""
HOLDS = '[[holds]]\nid = "fraud"\ndays = 30\nseverity_from = 4\n'


def deliver(desk: Desk, day: float, order_id: str = "o-1", event_id: str = "d-1") -> None:
    at_ms = START_MS + round(day * DAY_MS)
    desk.act(action("delivery", event_id, at_ms, order_id=order_id))


def bought(knobs: str, amount: int = 2_500) -> Desk:
    """A member who has bought for 25 dollars, which is 25 points, on 1 March."""
    desk = Desk(policy_of(knobs), cold=True)
    desk.act(purchase("o-1", START_MS, amount))
    return desk


def balances(desk: Desk, day: float) -> tuple[int, int]:
    desk.until(START_MS + round(day * DAY_MS))
    return desk.pending, desk.active


def kinds(desk: Desk) -> list[tuple[str, int, int, str]]:
    entries = (entry.data for entry in desk.entries)
    return [(data.kind, data.pending_points, data.active_points, data.reason) for data in entries]


def test_points_wait_for_the_delivery_of_their_order() -> None:
    desk = bought(ORDERS)
    assert balances(desk, 10) == (25, 0)  # 2500 / 100
    deliver(desk, 10)
    assert kinds(desk) == [("earned", 25, 0, "waits for delivery"), ("activated", -25, 25, "")]
    assert desk.entries[1].data.cause.id == "d-1"
    assert "because: waits for delivery" in explain_entry(desk.entries[0], 1)


@pytest.mark.parametrize(("day", "expected"), [(23.9, (25, 0)), (24, (0, 25))])
def test_the_return_period_counts_from_the_delivery(day: float, expected: tuple[int, int]) -> None:
    desk = bought(RETURNS)
    deliver(desk, 10)  # 10 + 14 = 24
    assert balances(desk, day) == expected


def test_a_delivery_lets_go_what_its_own_order_has_earned_and_once() -> None:
    desk = bought(ORDERS)
    desk.act(purchase("o-2", START_MS + HOUR_MS, 4_000))
    deliver(desk, 1, "o-2")
    deliver(desk, 2, "o-2", "d-2")
    assert balances(desk, 3) == (25, 40)
    assert [kind for kind, *_ in kinds(desk)] == ["earned", "earned", "activated"]


@pytest.mark.parametrize("order_id", ["o-9", "\0referral/m-2"])
def test_a_delivery_of_an_unknown_order_is_refused(order_id: str) -> None:
    desk = bought(ORDERS)
    deliver(desk, 1, order_id)
    assert [rejection.reason for rejection in desk.rejections] == ["unknown_order"]


def test_an_order_beyond_the_refund_horizon_is_refused() -> None:
    desk = bought(ORDERS + "[input]\nrefund_horizon_days = 40\n")
    deliver(desk, 40.1)
    assert [rejection.reason for rejection in desk.rejections] == ["unknown_order"]


def test_what_is_never_delivered_lapses_at_the_limit() -> None:
    desk = bought(ORDERS)
    assert balances(desk, 39.9) == (25, 0)
    assert balances(desk, 40) == (0, 0)
    deliver(desk, 41)
    assert balances(desk, 41) == (0, 0)
    assert kinds(desk)[1:] == [("cancelled", -25, 0, "lapsed: no delivery has come")]


def test_a_refund_after_points_have_lapsed_takes_no_others() -> None:
    desk = bought(ORDERS)
    desk.act(action("adjust", "gift", START_MS, operator="ann", reason="gift", points=100))
    desk.until(START_MS + 40 * DAY_MS)
    desk.act(refund("r-1", START_MS + 41 * DAY_MS, "o-1", 2_500))
    assert balances(desk, 42) == (0, 100)


@pytest.mark.parametrize(("delivered", "left"), [(False, (15, 0)), (True, (0, 15))])
def test_a_refund_takes_its_points_whether_they_still_wait_or_not(*, delivered: bool, left: tuple[int, int]) -> None:
    desk = bought(ORDERS)
    if delivered:
        deliver(desk, 1)
    desk.act(refund("r-1", START_MS + 2 * DAY_MS, "o-1", 1_000))  # 25 - 10
    assert balances(desk, 3) == left
    if not delivered:
        deliver(desk, 4)
        assert balances(desk, 4) == (0, 15)


def test_a_welcome_bonus_becomes_spendable_with_the_first_purchase() -> None:
    desk = Desk(policy_of(WELCOME), cold=True)
    desk.act(action("enroll", "e-1", START_MS))
    desk.act(action("login", "l-1", START_MS + DAY_MS))
    assert balances(desk, 2) == (500, 0)
    desk.act(purchase("o-1", START_MS + 3 * DAY_MS, 1_000))
    assert (desk.pending, desk.active) == (0, 500)


def test_what_a_purchase_earns_until_the_next_one_waits_for_the_next_one() -> None:
    rule = '[[earning]]\nid = "again"\naction = "purchase"\npoints = 10\npending_until = "purchase"\n'
    desk = Desk(policy_of(rule + "pending_limit_days = 30\n"), cold=True)
    for number in range(3):
        desk.act(purchase(f"o-{number}", START_MS + number * DAY_MS, 100))
        assert (desk.pending, desk.active) == (10, 10 * number)
    assert balances(desk, 40) == (0, 20)  # 2 + 30 = 32: the last 10 have lapsed


@pytest.mark.parametrize(("knobs", "delivered", "active"), [(ORDERS, 10, 31), (RETURNS, 10, 31), (RETURNS, 20, 34)])
def test_under_a_hold_nothing_becomes_active(knobs: str, delivered: int, active: int) -> None:
    desk = bought(HOLDS + knobs)
    desk.act(action("misconduct", "m-1", START_MS + DAY_MS, kind="fraud", severity=5))  # until day 31
    deliver(desk, delivered)
    assert balances(desk, active - 0.1) == (25, 0)
    assert balances(desk, active) == (0, 25)


def test_a_hold_that_ends_lets_go_nothing_that_waits_for_its_delivery() -> None:
    """Points that lapse when the hold ends, to the millisecond, are not those that it has put off."""
    desk = bought(HOLDS + ORDERS.replace("40", "31"))
    desk.act(action("misconduct", "m-1", START_MS + DAY_MS, kind="fraud", severity=5))  # until day 31, as the points
    desk.act(action("adjust", "a-1", START_MS + 2 * DAY_MS, operator="ann", reason="cleared", verdict="release"))
    assert balances(desk, 3) == (25, 0)
    deliver(desk, 4)
    assert balances(desk, 4) == (0, 25)


def test_what_waits_keeps_its_word_when_the_rule_changes() -> None:
    desk = bought(RETURNS)
    later = Desk(policy_of(ORDERS.replace('"delivery"', '"purchase"').replace("40", "5")))
    desk.later = (START_MS + DAY_MS, later.scope)
    deliver(desk, 10)
    assert balances(desk, 23.9) == (25, 0)
    assert balances(desk, 24) == (0, 25)


@pytest.mark.parametrize("delivered", ["mine", "theirs", "after"])
def test_a_link_keeps_what_waits_and_an_order_of_both_ids_is_delivered_once(delivered: str) -> None:
    mine, theirs = LinkedDesk(policy_of(ORDERS)), LinkedDesk(policy_of(ORDERS))
    for desk in (mine, theirs):
        desk.act(purchase("o-1", START_MS, 2_500))
    theirs.act(purchase("o-2", START_MS + HOUR_MS, 4_000))
    if delivered != "after":
        deliver(mine if delivered == "mine" else theirs, 1)
    mine.absorb(theirs, START_MS + 2 * DAY_MS)
    if delivered == "after":
        deliver(mine, 3)
    assert balances(mine, 4) == (40, 25)
    deliver(mine, 5, "o-2", "d-2")
    assert balances(mine, 5) == (0, 65)
