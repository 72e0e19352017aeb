"""Laws of the ledger over random histories of one member."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from features.actions import Action
from features.event_time import ZoneRules
from loyalty.calendar import Calendar
from loyalty.decisions import LedgerEntry
from loyalty.policy import Policy
from loyalty.scope import Scope
from loyalty.weights import Weights
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, policy_of, purchase, refund

TIERS = """
[tiers]
basis = "score"
valid_periods = 1
grace_days = 31
[[tiers.ladder]]
id = "member"
threshold = 0
[[tiers.ladder]]
id = "silver"
threshold = 200
multiplier_bp = {silver_bp}
[[tiers.ladder]]
id = "gold"
threshold = 500
multiplier_bp = {gold_bp}
[[tiers.score]]
measure = "spend_minor"
weight = 800
cap = 100_000
[[tiers.score]]
measure = "purchase_count"
weight = 200
cap = 10
"""

EVERYTHING = policy_of(
    """
[input]
refund_horizon_days = 60
[points]
pending_days = {pending}
expiry = {{ kind = "after_days", days = 40 }}
refunds = "{refunds}"
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "fresh"
action = "purchase"
points = 2
per_minor = 100
categories = ["fresh"]
expiry = {{ kind = "end_of_month", after_months = 1 }}
[[earning]]
id = "basket"
action = "purchase"
points = 7
amount_from_minor = 2_000
pending_days = 0
[[earning]]
id = "review"
action = "review"
points = 40
caps = [{{ per = "day", points = 60 }}, {{ per = "week", times = 3 }}]
[[earning]]
id = "browse"
action = "browse"
points = 5
day_over_ms = 1_800_000
expiry = {{ kind = "never" }}
[[earning]]
id = "habit"
action = "login"
points = 9
streak = {{ per = "week", length = 2 }}
[[earning]]
id = "welcome"
action = "purchase"
points = 50
first_time = true
[[penalties]]
id = "spam"
points = 30
[[campaigns]]
id = "april"
start = 2017-04-01T00:00:00Z
end = 2017-04-08T00:00:00Z
multiplier_bp = 15_000
cap_points = 90
[[milestones]]
id = "regular"
measure = "purchase_count"
target = 4
points = 25
repeat = "every"
[[rewards]]
id = "mug"
kind = "goods"
price = 60
limit_per_year = 5
""".format(pending=7, refunds="within_balance")
    + TIERS.format(silver_bp=11_000, gold_bp=12_500)
)
UNLIMITED = policy_of(
    """
[points]
pending_days = 7
refunds = "unlimited"
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "fresh"
action = "purchase"
points = 2
per_minor = 100
categories = ["fresh"]
[[earning]]
id = "basket"
action = "purchase"
points = 7
pending_days = 0
[[rewards]]
id = "mug"
kind = "goods"
price = 60
"""
    + TIERS.format(silver_bp=11_000, gold_bp=12_500)
)
# Neither multipliers, caps, redemption nor refunds: the order of arrival must not matter.
PLAIN = policy_of(
    """
[points]
pending_days = 7
expiry = { kind = "end_of_month", after_months = 2 }
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "fresh"
action = "purchase"
points = 2
per_minor = 100
categories = ["fresh"]
pending_days = 0
expiry = { kind = "after_days", days = 10 }
[[earning]]
id = "review"
action = "review"
points = 40
[[earning]]
id = "browse"
action = "browse"
points = 5
day_over_ms = 1_800_000
"""
    + TIERS.format(silver_bp=10_000, gold_bp=10_000)
)


@dataclass(frozen=True)
class Step:
    """An action and the log time it comes at."""

    log_ms: int
    action: Action


Kind = Literal["purchase", "refund", "review", "browse", "redeem", "adjust", "misconduct", "login"]


def _lines(amount: int, fresh_share: int) -> list[dict[str, object]]:
    fresh = amount * fresh_share // 4
    return [
        {"item_id": "apple", "category": "fresh", "amount": fresh},
        {"item_id": "soap", "category": "house", "amount": amount - fresh},
    ]


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[Kind, ...], most: int = 30) -> list[Step]:
    """Steps in the order of the log, some of them late, over some months."""
    log_ms = START_MS
    steps: list[Step] = []
    orders: list[tuple[str, int]] = []
    for number in range(draw(st.integers(1, most))):
        log_ms += draw(st.sampled_from((0, HOUR_MS, 9 * HOUR_MS, DAY_MS, 6 * DAY_MS, 25 * DAY_MS)))
        time_ms = log_ms - draw(st.sampled_from((0, 0, 0, -300_000, HOUR_MS, 5 * DAY_MS, 29 * DAY_MS)))
        kind = draw(st.sampled_from(kinds))
        name = f"e-{number}"
        match kind:
            case "purchase":
                amount = draw(st.integers(0, 9_000))
                orders.append((name, amount))
                steps.append(
                    Step(log_ms, purchase(name, time_ms, amount, items=_lines(amount, draw(st.integers(0, 4)))))
                )
            case "refund":
                order_id, amount = draw(st.sampled_from(orders)) if orders else ("none", 0)
                part = draw(st.integers(0, amount))
                by_line = [{"item_id": draw(st.sampled_from(("apple", "soap"))), "amount": part}]
                items = by_line if draw(st.booleans()) else []
                steps.append(Step(log_ms, refund(name, log_ms, order_id, part, items=items)))
            case "review":
                steps.append(Step(log_ms, action("review", name, time_ms, item_id="p", rating=5)))
            case "browse":
                duration = draw(st.sampled_from((600_000, 1_200_000, 2_400_000)))
                steps.append(Step(log_ms, action("browse", name, time_ms, duration_ms=duration)))
            case "redeem":
                steps.append(Step(log_ms, action("redeem", name, time_ms, reward_id="mug")))
            case "adjust":
                points = draw(st.integers(-50, 200))
                steps.append(Step(log_ms, action("adjust", name, time_ms, points=points, operator="ann", reason="r")))
            case "misconduct":
                steps.append(Step(log_ms, action("misconduct", name, time_ms, kind="spam", severity=2)))
            case "login":
                steps.append(Step(log_ms, action("login", name, time_ms)))
    return steps


ALL: tuple[Kind, ...] = (
    "purchase",
    "purchase",
    "refund",
    "review",
    "browse",
    "redeem",
    "adjust",
    "misconduct",
    "login",
)


def run(
    policy: Policy,
    steps: list[Step],
    *,
    cold: bool = False,
    sweep_ms: int = 0,
    end_ms: int = 0,
    later: tuple[int, Scope] | None = None,
) -> Desk:
    """All steps at one desk; with `sweep_ms`, due work is also done that often in between."""
    desk = Desk(policy, cold=cold)
    desk.later = later
    swept_ms = START_MS
    for step in steps:
        while sweep_ms and swept_ms + sweep_ms < step.log_ms:
            swept_ms += sweep_ms
            desk.until(swept_ms)
        desk.act(step.action, step.log_ms)
    desk.until(end_ms or steps[-1].log_ms)
    return desk


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
        assert data.lots or data.kind == "adjusted"  # an adjustment by 0 is a note in the ledger
        assert all(lot.points for lot in data.lots)


@given(histories(ALL))
def test_what_leaves_a_lot_went_into_it_before(steps: list[Step]) -> None:
    desk = run(EVERYTHING, steps, end_ms=steps[-1].log_ms + 400 * DAY_MS)
    lots: Counter[str] = Counter()
    for entry in desk.entries:
        for change in entry.data.lots:
            lots[change.lot] += change.points
            assert lots[change.lot] >= 0


@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_ids_are_unique_and_the_same_whenever_the_log_is_read(steps: list[Step], policy: Policy) -> None:
    first, again = run(policy, steps), run(policy, steps)
    assert first.encoded == again.encoded
    ids = [(decision.topic, decision.id) for decision in first.decisions]
    assert len(ids) == len(set(ids))


@given(histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_parts_read_back_from_their_rows_decide_as_those_in_memory(steps: list[Step], policy: Policy) -> None:
    hot, cold = run(policy, steps), run(policy, steps, cold=True)
    assert hot.encoded == cold.encoded
    assert hot.rows == cold.rows


@given(
    histories(ALL), st.sampled_from((EVERYTHING, UNLIMITED, PLAIN)), st.sampled_from((HOUR_MS * 7, DAY_MS, 9 * DAY_MS))
)
def test_a_sweep_and_the_next_action_give_the_same_ledger(steps: list[Step], policy: Policy, sweep_ms: int) -> None:
    end_ms = steps[-1].log_ms + 800 * DAY_MS
    assert run(policy, steps, end_ms=end_ms).encoded == run(policy, steps, sweep_ms=sweep_ms, end_ms=end_ms).encoded


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


@given(histories(("purchase", "review", "browse", "login")))
def test_the_order_of_arrival_leaves_no_trace(steps: list[Step]) -> None:
    end_ms = steps[-1].log_ms + 35 * DAY_MS
    in_time = [Step(step.action.time_ms, step.action) for step in sorted(steps, key=lambda step: step.action.time_ms)]
    late, prompt = run(PLAIN, steps, end_ms=end_ms), run(PLAIN, in_time, end_ms=end_ms)
    assert late.standing() == prompt.standing()
    assert earned(late) == earned(prompt)


def earned(desk: Desk) -> dict[str, tuple[str, int, int]]:
    """Entry id -> rule and points of every award."""
    return {
        entry.id: (entry.data.rule, entry.data.pending_points, entry.data.active_points)
        for entry in desk.entries
        if entry.data.kind == "earned"
    }


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


@given(st.integers(1, 20_000), st.lists(st.integers(1, 5_000), max_size=6), st.integers(0, 4), st.booleans())
def test_many_small_refunds_take_what_one_large_one_takes(
    amount: int,
    wanted: list[int],
    share: int,
    by_line: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    lines = _lines(amount, share)
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


@given(histories(("purchase", "redeem", "adjust", "misconduct")))
def test_spending_points_never_changes_the_tier(steps: list[Step]) -> None:
    spenders = ("Redeem", "Adjust", "Misconduct")
    end_ms = steps[-1].log_ms
    thrifty = [step for step in steps if type(step.action).__name__ not in spenders]
    if not thrifty:
        return
    assert run(EVERYTHING, steps, end_ms=end_ms).tier == run(EVERYTHING, thrifty, end_ms=end_ms).tier
