"""A campaign's budget over random interleavings of three partitions: never exceeded, and little of it wasted."""

from datetime import UTC, datetime
from itertools import count

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.decisions import LedgerEntry
from loyalty.owner_rows import Budget, decode_owner
from streams.controls import PolicyData
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import new_fold
from streams.repartitioning import moving_rows, openings, settled_rows
from streams.row_format import row_payload
from streams.state import owner_key
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop, policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

PARTITIONS = 3
_POLICY = """
[points]
refunds = "unlimited"
[[campaigns]]
id = "spring"
start = 2016-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
budget_points = {budget}
budget_slice_points = {size}
"""

# A member and dollars to spend; or an order to refund a share of; or mail to deliver, or to deliver again.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.integers(0, 5), st.integers(1, 40)),
        st.tuples(st.just("refund"), st.integers(0, 20), st.integers(1, 4)),
        st.tuples(st.just("deliver"), st.integers(0, 20), st.just(0)),
        st.tuples(st.just("again"), st.integers(0, 50), st.just(0)),
    ),
    max_size=40,
)


def policy(budget: int, size: int) -> PolicyData:
    return policy_data(corner_shop(POINT_A_DOLLAR, _POLICY.format(budget=budget, size=size)))


def bonus_of(log: TopicLog) -> int:
    """What the campaign has added, less what refunds have taken back of it: never more than it really is."""
    added: dict[str, tuple[int, int]] = {}
    total = 0
    for value in log.decisions.values():
        if b'"type":"loyalty.points.' in value:
            entry = msgspec.json.decode(value, type=LedgerEntry)
            if entry.data.factors is not None:
                granted = entry.data.factors.granted
                plain = entry.data.factors.eligible // 100
                added[entry.id] = (granted - plain, granted)
                total += granted - plain
    for value in log.decisions.values():
        if b'"type":"loyalty.points.clawed_back' in value:
            entry = msgspec.json.decode(value, type=LedgerEntry)
            bonus, granted = added[entry.data.grant]
            total -= bonus * -entry.data.active_points // granted
    return total


@given(st.integers(0, 120), st.integers(2, 20), STEPS)
@settings(max_examples=settings().max_examples * 3 // 10)
def test_a_budget_is_never_exceeded_and_what_is_wasted_is_bounded(
    budget: int, size: int, steps: list[tuple[str, int, int]]
) -> None:
    budget = max(budget, size)
    log = TopicLog(PARTITIONS, policy(budget, size))
    log.tick(START_MS)
    orders: list[tuple[str, int]] = []
    refunded: set[int] = set()
    for at, (kind, who, much) in enumerate(steps):
        if kind == "buy":
            member = f"m-{who}"
            log.act(purchase(f"o-{len(orders)}", member, START_MS, much * 100), START_MS)
            orders.append((member, much * 100))
        elif kind == "refund" and orders and who % len(orders) not in refunded:
            number = who % len(orders)
            refunded.add(number)
            member, amount = orders[number]
            data: dict[str, object] = {"order_id": f"o-{number}", "amount": amount // much, "currency": "USD"}
            log.act(event("refund", f"r-{at}", member, START_MS, data), START_MS)
        elif kind == "deliver" and (waiting := log.waiting()):
            log.deliver(waiting[who % len(waiting)])
        elif kind == "again" and log.delivered:
            log.again(who)
        if at % 8 == 7:
            assert bonus_of(log) <= budget
    log.deliver_all()
    # Everyone spends until nothing is granted any more: what is left lies in slices.
    numbers = count()
    for _ in range(40):
        before = bonus_of(log)
        for spender in range(6):
            log.act(purchase(f"x-{next(numbers)}", f"m-{spender}", START_MS, 4_000), START_MS)
            log.deliver_all()
        if bonus_of(log) == before:
            break
    assert budget - PARTITIONS * 2 * size - len(refunded) <= bonus_of(log) <= budget


def slices_of(log: TopicLog) -> list[int]:
    """What lies in the partitions' slices."""
    return [held.left for fold in log.folds for held in fold._partition.row.slices.values()]


def given_by(log: TopicLog) -> int:
    owner = log.folds[partition_of(b"budget/spring", PARTITIONS)].owner("budget/spring")
    assert isinstance(owner, Budget)
    return owner.given


def spending(dollars: int) -> TopicLog:
    """A budget of 100 in slices of 20; each of six members spends so much, doubled by the campaign."""
    log = TopicLog(PARTITIONS, policy(100, 20))
    log.tick(START_MS)
    log.deliver_all()
    for spender in range(6):
        log.act(purchase(f"o-{spender}", f"m-{spender}", START_MS, dollars * 100), START_MS)
        log.deliver_all()
    return log


def test_once_no_action_can_be_late_enough_slices_go_back_to_their_owner_and_are_forgotten() -> None:
    end_ms = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp() * 1_000)
    log = spending(3)  # 6 members, 3 points each from the budget: 18
    log.act(purchase("late", "m-0", end_ms - DAY_MS, 500), end_ms - DAY_MS)  # 5 more
    over_ms = end_ms + 30 * DAY_MS
    log.tick(over_ms - 1)
    log.deliver_all()
    assert sum(slices_of(log)) == given_by(log) - 23 > 0
    log.tick(over_ms)
    log.deliver_all()
    assert (slices_of(log), given_by(log)) == ([], 23)
    data: dict[str, object] = {"order_id": "late", "amount": 500, "currency": "USD"}
    log.act(event("refund", "r", "m-0", over_ms, data), over_ms)
    assert slices_of(log) == [5]
    log.tick(over_ms + DAY_MS)
    log.deliver_all()
    assert (slices_of(log), given_by(log), bonus_of(log)) == ([], 18, 18)


def test_a_move_to_other_partitions_gives_slices_back_to_their_owner() -> None:
    log = spending(3)
    stores = []
    for records, fold in zip(log.logs, log.folds, strict=True):
        store = MemoryStore()
        store.write(new_fold(records[0].partition, log.identity, store).fold(records).rows)
        assert fold._partition.row.slices
        stores.append(store)
    rows = dict(settled_rows(stores))
    owner = decode_owner(row_payload(owner_key("budget/spring"), rows[owner_key("budget/spring")]))
    assert owner == Budget(given=18)
    assert sorted(rows) == sorted(key for store in stores for key, _ in moving_rows(store))
    opened = openings(stores, 2)
    assert sorted(row for parts in opened for part in parts[1:] for row in part.rows) == sorted(rows.items())
