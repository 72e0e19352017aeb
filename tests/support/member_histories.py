"""Random histories of one member, the policies that give them most to do, and a desk that goes through them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from hypothesis import strategies as st

from features.actions import Action
from loyalty.policy import Policy
from loyalty.scope import Scope
from tests.support.member_desk import DAY_MS, HOUR_MS, START, START_MS, Desk, action, policy_of, purchase, refund
from tests.support.picks import Picks, picks

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
[[earning]]
id = "arrived"
action = "purchase"
points = 4
per_minor = 100
categories = ["house"]
pending_until = "delivery"
pending_limit_days = 20
pending_days = 3
[[earning]]
id = "come_back"
action = "login"
points = 6
pending_until = "purchase"
pending_limit_days = 15
pending_days = 0
[[penalties]]
id = "spam"
points = 30
[[holds]]
id = "doubt"
days = 20
severity_from = 4
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


Kind = Literal[
    "purchase",
    "refund",
    "review",
    "browse",
    "redeem",
    "adjust",
    "misconduct",
    "login",
    "fraud",
    "call_off",
    "by_hand",
    "delivery",
]
# Twice the purchases, since most of what can happen is about them.
ALL: tuple[Kind, ...] = (
    "purchase", "purchase", "refund", "review", "browse", "redeem", "adjust", "misconduct", "login", "fraud",
    "call_off", "by_hand", "delivery",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """An action and the log time it comes at."""

    log_ms: int
    action: Action


@dataclass
class _Scene:
    """Where a history has come to: the log's time, an event time for the next action, its id, and what was before."""

    picks: Picks
    log_ms: int
    time_ms: int
    name: str
    orders: list[tuple[str, int]]
    redeemed: list[str]


_CHOICES = 10  # of a step, at most


@st.composite
def histories(draw: st.DrawFn, kinds: tuple[Kind, ...], most: int = 30) -> list[Step]:
    """Steps in the order of the log, some of them late, over some months."""
    log_ms = START_MS
    steps: list[Step] = []
    orders: list[tuple[str, int]] = []
    redeemed: list[str] = []
    for number in range(draw(st.integers(1, most))):
        picked = draw(_STEP)
        kind = picked.one_of(kinds)
        log_ms += picked.one_of((0, HOUR_MS, 9 * HOUR_MS, DAY_MS, 6 * DAY_MS, 25 * DAY_MS))
        time_ms = log_ms - picked.one_of((0, 0, 0, -300_000, HOUR_MS, 5 * DAY_MS, 29 * DAY_MS))
        steps.append(Step(log_ms, _MAKERS[kind](_Scene(picked, log_ms, time_ms, f"e-{number}", orders, redeemed))))
    return steps


_STEP = picks(_CHOICES)


def lines_of(amount: int, fresh_share: int) -> list[dict[str, object]]:
    fresh = amount * fresh_share // 4
    return [
        {"item_id": "apple", "category": "fresh", "amount": fresh},
        {"item_id": "soap", "category": "house", "amount": amount - fresh},
    ]


def _purchase(at: _Scene) -> Action:
    amount = at.picks.up_to(9_000)
    at.orders.append((at.name, amount))
    return purchase(at.name, at.time_ms, amount, items=lines_of(amount, at.picks.below(5)))


def _refund(at: _Scene) -> Action:
    order_id, amount = at.picks.one_of(at.orders) if at.orders else ("none", 0)
    part = at.picks.up_to(amount)
    by_line = [{"item_id": at.picks.one_of(("apple", "soap")), "amount": part}]
    return refund(at.name, at.log_ms, order_id, part, items=by_line if at.picks.below(2) else [])


def _delivery(at: _Scene) -> Action:
    order_id, _ = at.picks.one_of(at.orders) if at.orders else ("none", 0)
    return action("delivery", at.name, at.time_ms, order_id=order_id)


def _redeem(at: _Scene) -> Action:
    at.redeemed.append(at.name)
    return action("redeem", at.name, at.time_ms, reward_id="mug")


def _call_off(at: _Scene) -> Action:
    redeem_id = at.picks.one_of(at.redeemed or ["none"])
    return action("redeem_cancel", at.name, at.log_ms, redeem_id=redeem_id)


def _browse(at: _Scene) -> Action:
    duration = at.picks.one_of((600_000, 1_200_000, 2_400_000))
    return action("browse", at.name, at.time_ms, duration_ms=duration)


def _adjust(at: _Scene) -> Action:
    points = at.picks.below(251) - 50
    data: dict[str, object] = {"points": points}
    if ends := at.picks.one_of((None, None, None, "expires", "earned")):
        days = at.picks.one_of((-35, -1, 0, 1, 40))
        data[ends] = (START + timedelta(milliseconds=at.log_ms - START_MS, days=days)).isoformat()
    return action("adjust", at.name, at.time_ms, operator="ann", reason="r", **data)


_BY_HAND: tuple[dict[str, object], ...] = (
    {"override": "floor", "tier": "gold"},
    {"override": "fix", "tier": "silver"},
    {"override": "end"},
    {"extend_days": 17},
    {"verdict": "release"},
    {"verdict": "cancel"},
)


def _by_hand(at: _Scene) -> Action:
    data = at.picks.one_of(_BY_HAND)
    if "tier" in data:
        end = START + timedelta(milliseconds=at.log_ms - START_MS + (1 + at.picks.below(90)) * DAY_MS)
        data = {**data, "until": end.isoformat()}
    return action("adjust", at.name, at.log_ms, operator="ann", reason="r", **data)


_MAKERS: dict[Kind, Callable[[_Scene], Action]] = {
    "purchase": _purchase,
    "refund": _refund,
    "review": lambda at: action("review", at.name, at.time_ms, item_id="p", rating=5),
    "browse": _browse,
    "redeem": _redeem,
    "call_off": _call_off,
    "adjust": _adjust,
    "misconduct": lambda at: action("misconduct", at.name, at.time_ms, kind="spam", severity=2),
    "fraud": lambda at: action("misconduct", at.name, at.time_ms, kind="fraud", severity=5),
    "login": lambda at: action("login", at.name, at.time_ms),
    "by_hand": _by_hand,
    "delivery": _delivery,
}


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
