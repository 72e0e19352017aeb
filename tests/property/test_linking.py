"""Linked ids in partitions of their own: whatever order actions, links and effects arrive in, one member results."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.account_rows import Core
from streams.partitioning import partition_of
from streams.state import Member
from tests.support.corner_shop import policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

# Neither tier multipliers, caps, streaks nor redemption; a day's total that several ids may reach together.
POLICY = """
format = 1
[programme]
name = "Corner shop"
currency = "USD"
[points]
pending_days = 7
expiry = { kind = "end_of_month", after_months = 2 }
[[earning]]
id = "buy"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "opinion"
action = "review"
points = 40
[[earning]]
id = "visit"
action = "browse"
points = 5
day_over_ms = 1_800_000
[tiers]
basis = "spend"
ladder = [{id = "member", threshold = 0}, {id = "silver", threshold = 8_000}, {id = "gold", threshold = 20_000}]
"""
PARTITIONS = 2
IDS = ("m-1", "m-2", "m-3", "m-4")
LINKS = ((1, 0), (1, 2), (3, 2))
LATE_DAYS = 5


def topic() -> TopicLog:
    return TopicLog(PARTITIONS, policy_data(POLICY))


@st.composite
def actions(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Actions of all four ids, and the links between them, with their event times."""
    found = []
    for number in range(draw(st.integers(1, 10))):
        member = draw(st.sampled_from(IDS))
        time_ms = START_MS + draw(st.integers(0, LATE_DAYS * 24)) * DAY_MS // 24
        kind = draw(st.sampled_from(("purchase", "purchase", "review", "browse")))
        name = f"e-{number}"
        if kind == "purchase":
            found.append((time_ms, purchase(name, member, time_ms, draw(st.integers(0, 9_000)))))
        elif kind == "review":
            found.append((time_ms, event("review", name, member, time_ms, {"item_id": "p", "rating": 5})))
        else:
            duration = draw(st.sampled_from((600_000, 1_200_000, 2_400_000)))
            found.append((time_ms, event("browse", name, member, time_ms, {"duration_ms": duration})))
    for number, pair in enumerate(draw(st.permutations(LINKS))):
        one, other = pair if draw(st.booleans()) else pair[::-1]
        time_ms = START_MS + draw(st.integers(0, LATE_DAYS)) * DAY_MS
        found.append((time_ms, event("link_identity", f"l-{number}", IDS[one], time_ms, {"other": IDS[other]})))
    return found


def member(log: TopicLog, name: str) -> Member:
    return log.folds[partition_of(name.encode(), PARTITIONS)].member(name)


def standing(core: Core) -> tuple[object, ...]:
    """All that does not name an id."""
    pending: dict[tuple[int, int], int] = {}
    for lot in core.pending:
        pending[lot.due_ms, lot.expires_ms] = pending.get((lot.due_ms, lot.expires_ms), 0) + lot.points
    return (
        sorted(pending.items()),
        [(lot.expires_ms, lot.points) for lot in core.active],
        (core.pending_points, core.active_points, core.debt),
        (core.tier.tier, core.tier.valid_until_ms),
    )


def liability(log: TopicLog) -> int:
    """Points of all members, and those on their way between partitions."""
    return sum(
        member(log, name).account.core.pending_points + member(log, name).account.core.active_points for name in IDS
    )


@given(actions(), st.data())
@settings(max_examples=settings().max_examples // 2, deadline=None)
def test_the_order_of_arrival_leaves_no_trace(history: list[tuple[int, bytes]], data: st.DataObject) -> None:
    """Actions come in any order, effects between two partitions in theirs but at any time, and some of them twice."""
    in_time, shuffled = topic(), topic()
    end_ms = START_MS + LATE_DAYS * DAY_MS
    for time_ms, value in sorted(history, key=lambda pair: pair[0]):
        in_time.act(value, time_ms)
        in_time.deliver_all()
    shuffled.tick(end_ms)
    for _, value in data.draw(st.permutations(history)):
        shuffled.act(value, end_ms)
        for _ in range(data.draw(st.integers(0, 3))):
            if waiting := shuffled.waiting():
                shuffled.deliver(waiting[data.draw(st.integers(0, len(waiting) - 1))])
        if shuffled.delivered:
            shuffled.again(data.draw(st.integers(0, 99)))
    shuffled.deliver_all()
    for log in (in_time, shuffled):
        for day in (5, 9, 13, 40):
            log.tick(START_MS + day * DAY_MS)
    assert standing(member(in_time, IDS[0]).account.core) == standing(member(shuffled, IDS[0]).account.core)
    for log in (in_time, shuffled):
        for name in IDS[1:]:
            core = member(log, name).account.core
            assert (core.pending_points, core.active_points, bool(core.alias_of)) == (0, 0, True)
        assert liability(log) == points_of_one(history)
        assert not log.dead
        assert not log.decisions.gaps()


def points_of_one(history: list[tuple[int, bytes]]) -> int:
    """What one member who did it all has, without any link."""
    log = topic()
    for time_ms, value in sorted(history, key=lambda pair: pair[0]):
        if b"link_identity" not in value:
            log.act(re.sub(rb'"m-[234]"', b'"m-1"', value), time_ms)
    log.tick(START_MS + 40 * DAY_MS)
    core = member(log, IDS[0]).account.core
    return core.pending_points + core.active_points
