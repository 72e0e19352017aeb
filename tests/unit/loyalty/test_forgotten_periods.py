"""Actions that a link has sent on for longer than the lateness: their periods are forgotten, so nothing is paid twice.

An action that comes by itself is refused by then; one that was on time where it came in is applied however long it was
under way, as when partitions stand still for weeks.
"""

import pytest

from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, policy_of

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.
LATE = "[input]\nlateness_days = 10\n"
BROWSE = '[[earning]]\nid = "day"\naction = "browse"\npoints = 5\nday_over_ms = 60_000\n'
CAPPED = '[[earning]]\nid = "login"\naction = "login"\npoints = 4\ncaps = [{ per = "day", points = 4 }]\n'
STREAK = '[[earning]]\nid = "habit"\naction = "login"\npoints = 9\nstreak = { per = "day", length = 2 }\n'
PARKING = """
[[benefits]]
id = "parking"
kind = "priority_service"
quota = 1
per = "day"
[tiers]
basis = "spend"
ladder = [{ id = "member", threshold = 0, benefits = ["parking"] }]
"""


def act(desk: Desk, kind: str, event_id: str, hour: int, log_day: int, **data: object) -> int:
    """An action of so many hours after the start, at a log day; what it has earned."""
    before = desk.pending + desk.active
    desk.act(action(kind, event_id, START_MS + hour * HOUR_MS, **data), START_MS + log_day * DAY_MS)
    return desk.pending + desk.active - before


@pytest.mark.parametrize(("log_day", "earned"), [(0, 5), (10, 5), (11, 0)])
def test_a_forgotten_days_total_is_not_paid(log_day: int, earned: int) -> None:
    desk = Desk(policy_of(LATE + BROWSE), cold=True)
    assert act(desk, "browse", "b-1", 0, log_day, duration_ms=90_000) == earned
    assert act(desk, "browse", "b-2", 1, log_day, duration_ms=90_000) == 0  # it has been, or nobody knows


def test_a_days_total_is_not_paid_again_when_it_is_forgotten() -> None:
    """As found in a campaign: one day was paid for each look that came weeks later."""
    desk = Desk(policy_of(LATE + BROWSE), cold=True)
    assert act(desk, "browse", "b-1", 0, 0, duration_ms=90_000) == 5
    assert act(desk, "browse", "b-2", 40 * 24, 40, duration_ms=90_000) == 5  # another day: the first is forgotten
    assert [act(desk, "browse", f"b-{number}", 1, 40, duration_ms=90_000) for number in (3, 4)] == [0, 0]


@pytest.mark.parametrize(("log_day", "earned"), [(10, 4), (11, 0)])
def test_of_a_forgotten_cap_nothing_is_left(log_day: int, earned: int) -> None:
    desk = Desk(policy_of(LATE + CAPPED), cold=True)
    assert act(desk, "login", "l-1", 0, log_day) == earned
    assert act(desk, "login", "l-2", 1, log_day) == 0


def test_a_period_that_reaches_into_the_lateness_is_not_forgotten() -> None:
    desk = Desk(policy_of(LATE + CAPPED.replace('"day"', '"month"')), cold=True)
    assert act(desk, "login", "l-1", 0, 40) == 4  # 10 April less 10 days is 31 March


def test_a_streak_of_forgotten_days_is_not_completed() -> None:
    desk = Desk(policy_of(LATE + STREAK), cold=True)
    assert [act(desk, "login", f"l-{day}", 24 * day, 0) for day in (-1, 0)] == [0, 9]
    assert act(desk, "login", "l-40", 24 * 40, 40) == 0
    assert [act(desk, "login", f"again-{day}", 24 * day + 1, 40) for day in (-1, 0)] == [0, 0]


def test_of_a_forgotten_quota_nothing_is_left() -> None:
    desk = Desk(policy_of(LATE + PARKING), cold=True)
    for number, (hour, log_day) in enumerate(((0, 0), (24 * 40, 40), (1, 40))):
        act(desk, "redeem", f"r-{number}", hour, log_day, reward_id="parking")
    assert [told.data.reason for told in desk.notifications][-3:] == ["", "", "quota_used"]
