"""Whether an earning rule applies to an action, and to how much of it."""

import msgspec

from features.actions import Action, AddToCart, Browse, Click, Favourite, Purchase, Review, Share
from loyalty.basket import Basket
from loyalty.context import Context
from loyalty.policy.compiled import RulePlan
from loyalty.streaks import completes_streak

DAY_TOTAL = "day/"
"""Counter of the local days' total durations."""

_NO_LINES: tuple[int, ...] = ()


class Basis(msgspec.Struct, frozen=True, gc=False):
    """What a rule multiplies, from which order lines, and the event time that pending and expiry count from.

    `day` is the local day of an award for the day's total, which is granted once whatever action completed it; -1 else.
    """

    eligible: int
    lines: tuple[int, ...]
    since_ms: int
    day: int


class DayTotal(msgspec.Struct, frozen=True, gc=False):
    """A local day's total duration before and after an action."""

    before_ms: int
    after_ms: int
    day: int
    start_ms: int


def add_day_total(context: Context, action: Action) -> DayTotal | None:
    """Add a duration to its local day's total; None where that is not known any more.

    Days that no late action can reach are forgotten. One that a link has sent on for longer than that counts for none:
    the award for its day may have been made.
    """
    if not isinstance(action, Browse):
        return None
    span = context.calendar.span("day", context.time_ms)
    totals = context.account.counters.get(DAY_TOTAL, {})
    before_ms = totals.get(span.day)
    if before_ms is None:
        before_ms = 0
        oldest = context.calendar.zone.local_day(context.now_ms - context.policy.input.lateness_ms)
        if span.day < oldest:
            return None
        for day in [day for day in totals if day < oldest]:
            del totals[day]
    context.account.counters[DAY_TOTAL] = totals
    after_ms = totals[span.day] = before_ms + action.data.duration_ms
    context.account.counters_changed = True
    return DayTotal(before_ms, after_ms, span.day, span.start_ms)


def basis_of(
    context: Context, plan: RulePlan, action: Action, basket: Basket | None, day_total: DayTotal | None
) -> Basis | None:
    """What the rule applies to; None where one of its conditions is not met."""
    since_ms, day = context.time_ms, -1
    eligible, lines = 1, _NO_LINES
    if basket is not None:
        lines, eligible = _of_basket(plan, basket)
    elif plan.by_duration and isinstance(action, Browse):
        eligible = action.data.duration_ms
    if plan.conditional:
        if not _action_matches(plan, action) or (plan.tiers and context.core.tier.tier not in plan.tiers):
            return None
        if plan.day_over_ms:
            if day_total is None or not day_total.before_ms <= plan.day_over_ms < day_total.after_ms:
                return None
            since_ms, day = day_total.start_ms, day_total.day
        if plan.segments and not context.in_segments(plan.segments):  # last, since it takes the feature vector
            return None
        if plan.streak is not None and not (eligible and completes_streak(context, plan.rule.id, plan.streak)):
            return None
    return Basis(eligible, lines, since_ms, day) if eligible else None


def _of_basket(plan: RulePlan, basket: Basket) -> tuple[tuple[int, ...], int]:
    """The lines of a basket that a rule is about, and how much of it counts; 0 where it does not apply."""
    if plan.by_line:
        lines, amount_minor = basket.matching(plan.categories, plan.items)
        applies = bool(lines)
    else:
        lines, amount_minor = _NO_LINES, basket.eligible_minor
        applies = True
    if not applies or amount_minor < plan.least_minor:
        return _NO_LINES, 0
    return lines, amount_minor if plan.by_amount else 1


def _action_matches(plan: RulePlan, action: Action) -> bool:
    """Whether item, category and a review's quality are as asked for; a purchase is matched line by line instead."""
    if isinstance(action, Purchase):
        return True
    if isinstance(action, Review):
        data = action.data
        if data.rating < plan.least_rating or data.helpful_votes < plan.least_votes:
            return False
        if plan.least_text and len(data.text.strip()) < plan.least_text:
            return False
        if plan.original and not any(letter.isalnum() for letter in data.text):
            return False
    return not plan.by_line or _item_matches(plan, action)


def _item_matches(plan: RulePlan, action: Action) -> bool:
    match action:
        case Browse(data=data) | Click(data=data) | Favourite(data=data) | AddToCart(data=data) | Review(data=data):
            return data.item_id in plan.items or data.category in plan.categories
        case Share(data=data):
            return data.item_id in plan.items
        case _:
            return False
