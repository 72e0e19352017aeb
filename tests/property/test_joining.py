"""The day of joining, and the years of membership counted from it, do not depend on the order of arrival."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.member_desk import DAY_MS, START_MS, Desk, policy_of, purchase

POLICY = policy_of(
    """
[tiers]
basis = "spend"
window = "anniversary"
grace_days = 31
ladder = [
  { id = "member", threshold = 0 },
  { id = "silver", threshold = 10_000 },
  { id = "gold", threshold = 20_000 },
]
"""
)
LONGEST_DELAY_DAYS = 25  # lateness is 30

# Days since the action before, cents, and how many days late the one order of arrival and the other are.
DELAYS = st.integers(0, LONGEST_DELAY_DAYS)
ORDERS = st.lists(
    st.tuples(st.sampled_from((0, 1, 5, 20, 100, 300)), st.sampled_from((3_000, 8_000, 12_000)), DELAYS, DELAYS),
    min_size=2,
    max_size=10,
)


def standing(orders: list[tuple[int, int, int]], end_day: int) -> tuple[object, ...]:
    """What has become of orders of (day, cents, delay)."""
    desk = Desk(POLICY)
    log_day = 0
    for day, cents, _ in sorted(orders, key=lambda order: order[0] + order[2]):
        log_day = max(log_day, day)
        desk.act(purchase(f"o-{day}-{cents}", START_MS + day * DAY_MS, cents), START_MS + log_day * DAY_MS)
    desk.until(START_MS + end_day * DAY_MS)
    core = desk.account.core
    return core.joined_ms, core.tier.tier, core.tier.valid_until_ms, core.tier.periods


@given(ORDERS)
@settings(max_examples=150, deadline=None)
def test_years_of_membership_do_not_depend_on_the_order_of_arrival(orders: list[tuple[int, int, int, int]]) -> None:
    day = 0
    one: list[tuple[int, int, int]] = []
    other: list[tuple[int, int, int]] = []
    for gap, cents, delay, another in orders:
        day += gap
        if (day, cents) in {order[:2] for order in one}:
            continue  # an order of that name is there
        one.append((day, cents, delay))
        other.append((day, cents, another))
    assert standing(one, day + 40) == standing(other, day + 40)
