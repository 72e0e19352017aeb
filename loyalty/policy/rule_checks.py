"""What concerns several fields of an earning rule, and the expiry of points."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from features.actions import ACTION_NAMES
from loyalty.policy.earning import EarningRule, Expiry

if TYPE_CHECKING:
    from loyalty.policy.model import Policy

# Actions that spend, take back or correct points cannot earn any.
_CANNOT_EARN = frozenset({"refund", "redeem", "redeem_cancel", "misconduct", "adjust", "erase", "consent", "delivery"})
_EARNING = tuple(name for name in ACTION_NAMES if name not in _CANNOT_EARN)
_WITH_ITEM = frozenset({"purchase", "browse", "click", "favourite", "add_to_cart", "review", "share"})
SHORTEST_MONTH_DAYS = 28

EARNED_POINTS = "earned_points"
QUALIFYING_POINTS = "qualifying_points"
ACTIVE_MONTHS = "active_months"
"""Measures that only tiers count, beside those of `features.table`."""


def unknown_names(field: str, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    """References of a field to what there is not."""
    have = set(known)
    for name in names:
        if name not in have:
            yield f"{field}: there is no {what} `{name}`; there are: {', '.join(sorted(have)) or 'none'}"


def rule_problems(policy: "Policy", rule: EarningRule) -> Iterator[str]:
    """What is wrong with an earning rule."""
    yield from unknown_names("action", (rule.action,), _EARNING, "action")
    yield from unknown_names("segments", rule.segments, (segment.id for segment in policy.segments), "segment")
    yield from unknown_names("tiers", rule.tiers, (tier.id for tier in policy.tiers.ladder), "tier")
    yield from _action_problems(rule)
    if rule.unit == "qualifying" and QUALIFYING_POINTS not in _counted(policy):
        yield "unit: qualifying units count for nothing: the tiers' basis is not qualifying_points"
    if rule.unit == "qualifying" and (rule.pending_days is not None or rule.expiry is not None):
        yield "pending_days and expiry: qualifying units are not spendable, so they neither wait nor expire"
    if rule.streak is not None and (
        rule.per_minor is not None or rule.per_ms is not None or rule.day_over_ms is not None
    ):
        yield "streak: its award is a fixed one, without per_minor, per_ms and day_over_ms"
    for cap in rule.caps:
        if (cap.points is None) == (cap.times is None):
            yield f"caps[{cap.per}]: give either points or times"
    yield from _awaiting_problems(policy, rule)
    pending_days = policy.points.pending_days if rule.pending_days is None else rule.pending_days
    pending_days += rule.pending_limit_days or 0
    if rule.expiry is not None and rule.expiry.kind == "inactivity" and policy.points.expiry.kind != "inactivity":
        yield "expiry.kind: inactivity ends all points together, so it can only be set in [points]"
    if rule.expiry is not None:
        yield from expiry_problems("expiry.", rule.expiry, pending_days)
    elif rule.pending_days is not None or rule.pending_limit_days is not None:
        yield from expiry_problems("pending_days against points.expiry.", policy.points.expiry, pending_days)


def _awaiting_problems(policy: "Policy", rule: EarningRule) -> Iterator[str]:
    """What points cannot wait for."""
    if (rule.pending_until is None) != (rule.pending_limit_days is None):
        yield "pending_until and pending_limit_days: give both, what the points wait for and how long at most"
    if rule.pending_until is None:
        return
    yield from unknown_names("pending_until", (rule.pending_until,), [*_EARNING, "delivery"], "action to wait for")
    if rule.original or rule.unit == "qualifying":
        yield "pending_until: not with original, which waits for another answer, nor for qualifying units"
    if rule.pending_until == "delivery":
        if rule.action != "purchase":
            yield f"pending_until: a delivery is that of an order, and {rule.action} has none"
        if (rule.pending_limit_days or 0) > policy.input.refund_horizon_days:
            yield "pending_limit_days: an order's delivery is known for no longer than input.refund_horizon_days"


def _action_problems(rule: EarningRule) -> Iterator[str]:
    """Conditions on what the rule's action does not have."""
    by_amount = (rule.per_minor, rule.amount_over_minor, rule.amount_from_minor)
    if rule.action != "purchase" and any(value is not None for value in by_amount):
        yield "per_minor, amount_over_minor and amount_from_minor: only purchases have an amount"
    if rule.action != "browse" and (rule.per_ms is not None or rule.day_over_ms is not None):
        yield "per_ms and day_over_ms: only browsing has a duration"
    of_review = (rule.rating_from, rule.text_from, rule.helpful_from)
    if rule.action != "review" and any(value is not None for value in of_review):
        yield "rating_from, text_from and helpful_from: only reviews have a rating, a text and votes"
    if rule.original and rule.action != "review":
        yield "original: only reviews have a text"
    if (rule.categories or rule.items) and rule.action not in _WITH_ITEM:
        yield f"categories and items: {rule.action} has no items"
    if rule.action == "share" and rule.categories:
        yield "categories: share has no category"
    if rule.per_ms is not None and rule.day_over_ms is not None:
        yield "per_ms and day_over_ms: give one; an award for a day's total is a fixed one"


def _counted(policy: "Policy") -> set[str]:
    """Measures that the tiers count."""
    return {policy.tiers.basis, *(term.measure for term in policy.tiers.score)}


def expiry_problems(path: str, expiry: Expiry, pending_days: int) -> Iterator[str]:
    """What is wrong with an expiry, where points may be pending for so many days."""
    match expiry.kind:
        case "never":
            if expiry.days or expiry.after_months:
                yield f"{path}kind: points that never expire have neither days nor after_months"
            return
        case "after_days" | "inactivity":
            if expiry.days == 0:
                yield f"{path}days: must be at least 1 for {expiry.kind}"
            if expiry.after_months:
                yield f"{path}after_months: is for end_of_month, end_of_quarter and end_of_year"
            shortest_days = expiry.days
        case "end_of_month" | "end_of_quarter" | "end_of_year":
            if expiry.days:
                yield f"{path}days: is for after_days and inactivity"
            shortest_days = expiry.after_months * SHORTEST_MONTH_DAYS
    if expiry.kind != "inactivity" and shortest_days < pending_days:
        yield f"{path}kind: points could expire before they leave pending after {pending_days} days"
