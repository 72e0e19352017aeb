"""Referrals over random interleavings of three partitions: both sides or neither, each once."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from loyalty.decisions import LedgerEntry
from tests.support.corner_shop import corner_shop, policy_data
from tests.support.random_history import START_MS, event, purchase
from tests.support.topic_log import TopicLog

PARTITIONS = 3
MEMBERS = tuple(f"m-{number}" for number in range(5))
REFERRER_POINTS, REFERRED_POINTS = 7, 3
POLICY = corner_shop(
    f"""
[points]
refunds = "unlimited"
[referral]
referrer_points = {REFERRER_POINTS}
referred_points = {REFERRED_POINTS}
min_amount_minor = 1_000
"""
)
DATA = policy_data(POLICY)

# Who refers whom; who buys for how much; which order is given back, or half of it; what mail is delivered, or again.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("refer"), st.integers(0, 4), st.integers(0, 4)),
        st.tuples(st.just("buy"), st.integers(0, 4), st.sampled_from((500, 1_000, 2_000))),
        st.tuples(st.just("refund"), st.integers(0, 20), st.integers(1, 2)),
        st.tuples(st.just("deliver"), st.integers(0, 20), st.just(0)),
        st.tuples(st.just("again"), st.integers(0, 50), st.just(0)),
    ),
    max_size=40,
)


def play(steps: list[tuple[str, int, int]]) -> TopicLog:
    log = TopicLog(PARTITIONS, DATA)
    orders: list[tuple[str, int]] = []
    for at, (kind, one, other) in enumerate(steps):
        if kind == "refer":
            data: dict[str, object] = {"referred": MEMBERS[other]}
            log.act(event("referral", f"a-{at}", MEMBERS[one], START_MS, data), START_MS)
        elif kind == "buy":
            log.act(purchase(f"o-{len(orders)}", MEMBERS[one], START_MS, other), START_MS)
            orders.append((MEMBERS[one], other))
        elif kind == "refund" and orders:
            number = one % len(orders)
            member, amount = orders[number]
            back: dict[str, object] = {"order_id": f"o-{number}", "amount": amount // other, "currency": "USD"}
            log.act(event("refund", f"a-{at}", member, START_MS, back), START_MS)
        elif kind == "deliver" and (waiting := log.waiting()):
            log.deliver(waiting[one % len(waiting)])
        elif kind == "again" and log.delivered:
            log.again(one)
    log.deliver_all()
    return log


@given(STEPS)
def test_both_sides_are_rewarded_or_neither_and_nobody_twice(steps: list[tuple[str, int, int]]) -> None:
    log = play(steps)
    sums: Counter[str] = Counter()
    times: Counter[tuple[str, str]] = Counter()
    for value in log.decisions.values():
        if b'"type":"loyalty.points.' in value:
            entry = msgspec.json.decode(value, type=LedgerEntry)
            sums[entry.data.rule] += entry.data.active_points
            if entry.data.kind == "earned" and entry.data.rule == "referral/referred":
                times[entry.subject, entry.data.rule] += 1
    referrals, rest = divmod(sums["referral/referrer"], REFERRER_POINTS)
    assert rest == 0
    assert sums["referral/referred"] == referrals * REFERRED_POINTS
    assert 0 <= referrals <= len(MEMBERS)
    assert max(times.values(), default=0) <= 1
    assert log.decisions.gaps() == []
