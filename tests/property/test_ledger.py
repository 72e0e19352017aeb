"""Laws of the ledger over random histories of one member."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from features.event_time import ZoneRules
from loyalty.calendar import Calendar
from loyalty.decisions import LedgerEntry
from loyalty.policy import Policy
from loyalty.scope import Scope
from loyalty.weights import Weights
from tests.support.laws import LEDGER_LAW
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, policy_of, purchase, refund
from tests.support.member_histories import ALL, EVERYTHING, PLAIN, UNLIMITED, Step, histories, lines_of, run


@LEDGER_LAW
@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_the_balance_is_the_sum_of_lots_and_the_sum_of_entries(steps: list[Step], policy: Policy) -> None:
    desk = Desk(policy)
    for step in steps:
        desk.act(step.action, step.log_ms)
        core = desk.account.core
        assert core.pending_points == sum(lot.points for lot in core.pending)
        assert core.active_points == sum(lot.points for lot in core.active) - core.debt
        assert core.pending_points == sum(entry.data.pending_points for entry in desk.entries)
        assert core.active_points == sum(entry.data.active_points for entry in desk.entries)
        assert min([lot.points for lot in core.pending] + [lot.points for lot in core.active], default=1) > 0
        assert core.debt >= 0
        assert [lot.expires_ms for lot in core.active] == sorted({lot.expires_ms for lot in core.active})
    if policy is EVERYTHING:
        assert all(entry.data.active_balance >= 0 for entry in desk.entries)


@LEDGER_LAW
@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_each_entry_follows_from_the_one_before_and_is_paired_with_lots(steps: list[Step], policy: Policy) -> None:
    desk = run(policy, steps, end_ms=steps[-1].log_ms + 400 * DAY_MS)
    pending = active = 0
    for number, entry in enumerate(desk.entries, start=1):
        data = entry.data
        assert data.sequence == number
        pending += data.pending_points
        active += data.active_points
        assert (data.pending_balance, data.active_balance) == (pending, active)
        assert data.pending_points == sum(lot.points for lot in data.lots if lot.status == "pending")
        assert data.active_points == sum(lot.points for lot in data.lots if lot.status != "pending")
        assert data.lots or data.kind in {"adjusted", "held"}  # notes in the ledger that move nothing
        assert all(lot.points for lot in data.lots)


@LEDGER_LAW
@given(histories(ALL))
def test_what_leaves_a_lot_went_into_it_before(steps: list[Step]) -> None:
    desk = run(EVERYTHING, steps, end_ms=steps[-1].log_ms + 400 * DAY_MS)
    lots: Counter[str] = Counter()
    for entry in desk.entries:
        for change in entry.data.lots:
            lots[change.lot] += change.points
            assert lots[change.lot] >= 0


@LEDGER_LAW
@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_ids_are_unique_and_the_same_whenever_the_log_is_read(steps: list[Step], policy: Policy) -> None:
    first, again = run(policy, steps), run(policy, steps)
    assert first.encoded == again.encoded
    ids = [(decision.topic, decision.id) for decision in first.decisions]
    assert len(ids) == len(set(ids))


@LEDGER_LAW
@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_parts_read_back_from_their_rows_decide_as_those_in_memory(steps: list[Step], policy: Policy) -> None:
    hot, cold = run(policy, steps), run(policy, steps, cold=True)
    assert hot.encoded == cold.encoded
    assert hot.rows == cold.rows


@LEDGER_LAW
@given(
    histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED, PLAIN)), st.sampled_from((HOUR_MS * 7, DAY_MS, 9 * DAY_MS))
)
def test_a_sweep_and_the_next_action_give_the_same_ledger(steps: list[Step], policy: Policy, sweep_ms: int) -> None:
    end_ms = steps[-1].log_ms + 800 * DAY_MS
    assert run(policy, steps, end_ms=end_ms).encoded == run(policy, steps, sweep_ms=sweep_ms, end_ms=end_ms).encoded


@LEDGER_LAW
@given(
    histories(ALL), st.sampled_from((UNLIMITED, PLAIN)), st.integers(-40, 200), st.sampled_from((DAY_MS, 9 * DAY_MS))
)
def test_so_it_does_when_policy_and_weights_change_on_the_way(
    steps: list[Step], policy: Policy, days: int, sweep_ms: int
) -> None:
    weights = Weights(4, (("purchase", 7_000),), (("spend_minor", 12_000), ("purchase_count", 3_000)))
    changed = Scope(policy=EVERYTHING, policy_version=2, weights=weights, zone=ZoneRules.utc())
    later = (START_MS + days * DAY_MS, changed)
    end_ms = steps[-1].log_ms + 800 * DAY_MS
    lazy = run(policy, steps, end_ms=end_ms, later=later)
    assert lazy.encoded == run(policy, steps, sweep_ms=sweep_ms, end_ms=end_ms, later=later).encoded
    assert lazy.active == sum(lot.points for lot in lazy.account.core.active) - lazy.account.core.debt


@LEDGER_LAW
@given(histories(("purchase", "review", "browse", "login")))
def test_the_order_of_arrival_leaves_no_trace(steps: list[Step]) -> None:
    in_time = [Step(step.action.time_ms, step.action) for step in sorted(steps, key=lambda step: step.action.time_ms)]
    late, prompt = run(PLAIN, steps), run(PLAIN, in_time)
    for end_ms in (steps[-1].log_ms + 300_000, steps[-1].log_ms + 35 * DAY_MS):
        late.until(end_ms)
        prompt.until(end_ms)
        assert late.standing() == prompt.standing()
    assert earned(late) == earned(prompt)


BY_POINTS = policy_of(
    """
[points]
refunds = "unlimited"
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[penalties]]
id = "spam"
points = 30
[[rewards]]
id = "mug"
kind = "goods"
price = 60
[tiers]
basis = "earned_points"
ladder = [{ id = "member", threshold = 0 }, { id = "silver", threshold = 150 }, { id = "gold", threshold = 600 }]
"""
)


def earned(desk: Desk) -> dict[str, tuple[str, int, int]]:
    """Entry id -> rule and points of every award."""
    return {
        entry.id: (entry.data.rule, entry.data.pending_points, entry.data.active_points)
        for entry in desk.entries
        if entry.data.kind == "earned"
    }


@LEDGER_LAW
@given(histories(("purchase", "refund", "redeem")))
def test_after_any_history_a_full_refund_takes_back_all_points_of_its_order(steps: list[Step]) -> None:
    desk = run(UNLIMITED, steps)
    end_ms = steps[-1].log_ms
    refunded = []
    for step in steps:
        order = desk.orders.get(step.action.id)
        if order is not None and end_ms <= order.time_ms + UNLIMITED.input.refund_horizon_ms:
            refunded.append(step.action.id)
            desk.act(refund(f"all-{step.action.id}", end_ms, step.action.id, order.amount - order.refunded), end_ms)
    net: Counter[str] = Counter()
    for entry in desk.entries:
        if entry.data.kind in {"earned", "cancelled", "clawed_back"}:
            net[entry.data.order_id] += entry.data.pending_points + entry.data.active_points
    assert all(net[order_id] == 0 for order_id in refunded)


@LEDGER_LAW
@given(st.integers(1, 20_000), st.lists(st.integers(1, 5_000), max_size=6), st.integers(0, 4), st.booleans())
def test_many_small_refunds_take_what_one_large_one_takes(
    amount: int,
    wanted: list[int],
    share: int,
    by_line: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    lines = lines_of(amount, share)
    left = amount - amount * share // 4 if by_line else amount
    parts: list[int] = []
    for part in wanted:
        if sum(parts) + part <= left:
            parts.append(part)
    many, one = Desk(UNLIMITED), Desk(UNLIMITED)
    for desk in (many, one):
        desk.act(purchase("o-1", START_MS, amount, items=lines))
    for number, part in enumerate(parts):
        many.act(refund(f"r-{number}", START_MS, "o-1", part, items=_soap(part) if by_line else []))
    if parts:
        one.act(refund("r", START_MS, "o-1", sum(parts), items=_soap(sum(parts)) if by_line else []))
    assert not many.rejections
    assert (many.pending, many.active) == (one.pending, one.active)


def _soap(amount: int) -> list[dict[str, object]]:
    return [{"item_id": "soap", "amount": amount}]


@LEDGER_LAW
@given(histories(("review", "browse", "login"), most=40))
def test_caps_are_never_exceeded(steps: list[Step]) -> None:
    desk = run(EVERYTHING, steps)
    calendar = Calendar(desk.scope.zone)
    by_day: dict[int, int] = defaultdict(int)
    by_week: dict[int, int] = defaultdict(int)
    for entry in reviews(desk):
        time_ms = int(entry.time.timestamp() * 1_000)
        assert entry.data.factors is not None
        by_day[calendar.span("day", time_ms).day] += entry.data.factors.granted
        by_week[calendar.span("week", time_ms).day] += 1
    assert all(points <= 60 for points in by_day.values())
    assert all(times <= 3 for times in by_week.values())


def reviews(desk: Desk) -> list[LedgerEntry]:
    """Awards of the capped rule."""
    return [entry for entry in desk.entries if entry.data.rule == "review" and entry.data.kind == "earned"]


@LEDGER_LAW
@given(histories(ALL))
def test_a_rejected_action_changes_nothing(steps: list[Step]) -> None:
    desk = Desk(EVERYTHING)
    for step in steps:
        desk.until(step.log_ms)
        before, rejected = dict(desk.rows), len(desk.rejections)
        desk.act(step.action, step.log_ms)
        if len(desk.rejections) > rejected:
            assert desk.rows == before
    again = purchase("e-0", steps[-1].log_ms, 100)
    desk.until(steps[-1].log_ms)
    if desk.orders.get("e-0") is not None:
        before = dict(desk.rows)
        assert desk.act(again, steps[-1].log_ms) == []
        assert desk.rejections[-1].reason == "duplicate_order"
        assert desk.rows == before


@LEDGER_LAW
@given(
    histories(("purchase", "purchase", "redeem", "call_off", "adjust", "misconduct", "fraud")),
    st.sampled_from((EVERYTHING, BY_POINTS)),
)
def test_spending_points_never_changes_the_tier(steps: list[Step], policy: Policy) -> None:
    spenders = ("Redeem", "RedeemCancel", "Adjust", "Misconduct")
    end_ms = steps[-1].log_ms
    thrifty = [step for step in steps if type(step.action).__name__ not in spenders]
    if not thrifty:
        return
    assert run(policy, steps, end_ms=end_ms).tier == run(policy, thrifty, end_ms=end_ms).tier
