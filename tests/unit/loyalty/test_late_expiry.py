"""Points that come to a lot long after it has expired, when nobody remembers any more that it has.

As found in a campaign, in which partitions stood still for weeks of log time: each entry has an id of its own all the
same, and no points are taken twice.
"""

import pytest

from loyalty.effects import ClaimAnswer
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, policy_of, purchase, refund

# START_MS is 12:00 UTC: what comes in then is kept for 40 days, 10 minutes, and half a day more.
LIMITS = "[input]\nlateness_days = 10\nrefund_horizon_days = 30\n"
EARNING = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'
TICKET = '[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 20\nstock = 3\n'
TEN_DAYS = '[points]\nexpiry = { kind = "after_days", days = 10 }\n'
PERIOD = '[points]\nexpiry = { kind = "end_of_month", after_months = 1 }\n'


def bought(desk: Desk, order_id: str, at_ms: int, log_ms: int | None = None) -> None:
    desk.act(purchase(order_id, at_ms, 5_000), log_ms)


def expired(desk: Desk) -> list[int]:
    entries = [entry for entry in desk.entries if entry.data.kind == "expired"]
    assert len({entry.id for entry in desk.entries}) == len(desk.entries), "an id stands for two entries"
    return [entry.data.active_points for entry in entries]


@pytest.mark.parametrize("cold", [False, True])
def test_a_claim_that_is_refused_when_its_lot_has_long_expired(*, cold: bool) -> None:
    desk = Desk(policy_of(LIMITS + TEN_DAYS + EARNING + TICKET), cold=cold)
    bought(desk, "o-1", START_MS - 10 * DAY_MS + 5 * HOUR_MS)
    desk.act(action("redeem", "r-1", START_MS, reward_id="mug"))
    bought(desk, "o-2", START_MS + 30 * DAY_MS + 10 * HOUR_MS)
    refused_ms = START_MS + 40 * DAY_MS + 11 * HOUR_MS
    desk.until(refused_ms)
    assert expired(desk) == [-30, -50]  # at noon and five hours, and 40 days, five hours later
    desk.receive(ClaimAnswer(owner="reward/mug", claim="9:shop/testr-1", refusal="out_of_stock"), START_MS, refused_ms)
    desk.until(refused_ms)
    assert (expired(desk), desk.active) == ([-30, -50, -20], 0)


def test_a_refund_that_a_link_has_sent_on_takes_nothing_that_has_expired() -> None:
    desk = Desk(policy_of(LIMITS + TEN_DAYS.replace("10", "1") + EARNING), cold=True)
    bought(desk, "o-1", START_MS, START_MS + 9 * DAY_MS)  # expires at once; the order is kept for 40 days more
    bought(desk, "o-2", START_MS + 42 * DAY_MS)
    bought(desk, "o-3", START_MS + 45 * DAY_MS)
    desk.act(refund("f-1", START_MS + 29 * DAY_MS, "o-1", 5_000), START_MS + 45 * DAY_MS)
    assert (expired(desk), desk.active, len(desk.rejections)) == ([-50, -50], 50, 0)


def test_a_purchase_that_a_link_has_sent_on_when_its_period_is_long_over() -> None:
    """All points of a month expire together; those of one that comes months later have no lot to come to."""
    desk = Desk(policy_of(LIMITS + PERIOD + EARNING), cold=True)
    bought(desk, "o-1", START_MS)
    bought(desk, "o-2", START_MS + 130 * DAY_MS)
    late_ms = START_MS + 190 * DAY_MS
    for number in (3, 4):
        bought(desk, f"o-{number}", START_MS + DAY_MS, late_ms)
    desk.until(late_ms)
    assert (expired(desk), desk.active) == ([-50, -50, -50, -50], 0)
