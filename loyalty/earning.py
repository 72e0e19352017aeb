"""Earning: which rules an action meets, what each awards, and where the points go.

An award is decided on what was known before the action; the action counts in the features after it.
"""

from typing import NamedTuple

from features.actions import Action, AddToCart, Browse, Click, Favourite, Review, Share
from loyalty.account import LastAward, PendingLot
from loyalty.awards import award
from loyalty.basket import Basket
from loyalty.campaigns import Boost, boost_of
from loyalty.caps import within_caps
from loyalty.context import Context
from loyalty.decisions import Factors, derived_id
from loyalty.ledger import entry_id, post
from loyalty.lots import add_active, add_pending
from loyalty.orders import Grant
from loyalty.policy.compiled import RulePlan
from loyalty.reminders import remind_ms
from loyalty.weights import BP

_NO_LINES: tuple[int, ...] = ()
_DAY_TOTAL = "day/"


class Earned(NamedTuple):
    """What an action earned: spendable points, qualifying units, and the grants that a refund would take back."""

    points: int
    qualifying: int
    grants: list[Grant]


NOTHING = Earned(0, 0, [])


class _Basis(NamedTuple):
    """What a rule multiplies, from which order lines, and the event time that pending and expiry count from."""

    eligible: int
    lines: tuple[int, ...]
    since_ms: int
    day: int


def earn(context: Context, action: Action, name: str, basket: Basket | None = None) -> Earned:
    """Award everything that the policy's rules give for an action."""
    plans = context.compiled.rules.get(name)
    if plans is None:
        return NOTHING
    passed = _add_day_total(context, action) if name in context.compiled.day_total_actions else None
    points = qualifying = 0
    grants: list[Grant] = []
    for plan in plans:
        basis = _basis(context, plan, action, basket, passed)
        if basis is None or not basis.eligible:
            continue
        grant = _grant(context, plan, name, basis, grants)
        if grant is not None:
            grants.append(grant)
            if plan.qualifying:
                qualifying += grant.granted
            else:
                points += grant.granted
    return Earned(points, qualifying, grants)


class _DayTotal(NamedTuple):
    """A day's total duration before and after an action."""

    before_ms: int
    after_ms: int
    day: int
    start_ms: int


def _add_day_total(context: Context, action: Action) -> _DayTotal | None:
    if not isinstance(action, Browse):
        return None
    span = context.calendar.span("day", context.time_ms)
    totals = context.account.counters.setdefault(_DAY_TOTAL, {})
    before_ms = totals.get(span.day, 0)
    if span.day not in totals:
        oldest = context.calendar.span("day", context.now_ms - context.policy.input.lateness_ms).day
        for day in [day for day in totals if day < oldest]:
            del totals[day]
    totals[span.day] = before_ms + action.data.duration_ms
    context.account.counters_changed = True
    return _DayTotal(before_ms, before_ms + action.data.duration_ms, span.day, span.start_ms)


def _basis(
    context: Context, plan: RulePlan, action: Action, basket: Basket | None, day_total: _DayTotal | None
) -> _Basis | None:
    """What the rule applies to; None where its conditions are not met."""
    lines = _NO_LINES
    since_ms, day = context.time_ms, -1
    eligible = 1
    if plan.by_amount and basket is not None:
        eligible = basket.eligible_minor
    elif plan.by_duration and isinstance(action, Browse):
        eligible = action.data.duration_ms
    if not plan.conditional:
        return _Basis(eligible, lines, since_ms, day)
    rule = plan.rule
    if plan.tiers and context.core.tier.tier not in plan.tiers:
        return None
    if plan.by_line:
        if basket is None:
            if not _item_matches(plan, action):
                return None
        else:
            lines, matching_minor = basket.matching(plan.categories, plan.items)
            if not lines:
                return None
            if plan.by_amount:
                eligible = matching_minor
    if basket is not None:
        amount = eligible if plan.by_amount else basket.eligible_minor
        if rule.amount_over_minor is not None and amount <= rule.amount_over_minor:
            return None
        if rule.amount_from_minor is not None and amount < rule.amount_from_minor:
            return None
    if rule.rating_from is not None and isinstance(action, Review) and action.data.rating < rule.rating_from:
        return None
    if rule.day_over_ms is not None and day_total is not None:
        if not day_total.before_ms <= rule.day_over_ms < day_total.after_ms:
            return None
        since_ms, day = day_total.start_ms, day_total.day
    if plan.segments and not context.in_segments(plan.segments):
        return None
    return _Basis(eligible, lines, since_ms, day)


def _item_matches(plan: RulePlan, action: Action) -> bool:
    match action:
        case Browse(data=data) | Click(data=data) | Favourite(data=data) | AddToCart(data=data) | Review(data=data):
            return data.item_id in plan.items or data.category in plan.categories
        case Share(data=data):
            return data.item_id in plan.items
        case _:
            return False


def _grant(context: Context, plan: RulePlan, name: str, basis: _Basis, before: list[Grant]) -> Grant | None:
    """Compute one award and put its points where they belong; None where nothing is granted."""
    scope, rule = context.scope, plan.rule
    if plan.qualifying:
        # Thresholds are the same for every member, so nothing personal multiplies what counts for the tier.
        weight_bp = tier_bp = BP
        boost = Boost(BP, 0, ())
    else:
        weight_bp = scope.weights.earning(name) if rule.learned else BP
        tier_bp = context.compiled.ladder.multipliers_bp.get(context.core.tier.tier, BP) if rule.tier_multiplied else BP
        boost = boost_of(context, name, rule.id)
    rounding = context.policy.programme.rounding
    desired = award(basis.eligible * plan.points, plan.per, (weight_bp, tier_bp, boost.multiplier_bp), rounding)
    desired += boost.bonus
    granted, cap = within_caps(context, plan, desired) if plan.caps else (desired, "")
    if not granted:
        return None
    entry = (
        entry_id(context, "earned", rule.id)
        if basis.day < 0
        else derived_id(context.member, "day", str(basis.day), "earned", rule.id)
    )
    if plan.qualifying:
        return Grant(entry, rule.id, True, basis.eligible, granted, 0, basis.lines, "", 0, 0)
    factors = Factors(
        eligible=basis.eligible,
        points=plan.points,
        per=plan.per,
        weight_bp=weight_bp,
        tier_bp=tier_bp,
        campaign_bp=boost.multiplier_bp,
        desired=desired,
        granted=granted,
        rounding=rounding,
        campaigns=boost.campaigns,
        bonus=boost.bonus,
        cap=cap,
    )
    expires_ms = context.calendar.expires_ms(plan.expiry, basis.since_ms)
    lot, due_ms = "", 0
    if plan.pending_ms:
        due_ms = basis.since_ms + plan.pending_ms
        lot = next((g.lot for g in before if g.due_ms == due_ms and g.expires_ms == expires_ms), entry)
        changes = [add_pending(context.core, PendingLot(due_ms, lot, granted, expires_ms))]
    else:
        changes = add_active(context.core, expires_ms, granted, remind_ms(context, expires_ms))
    _remember(context, name, rule.id, entry, factors)
    order_id = context.order_id
    post(context, "earned", entry, changes, action=name, rule=rule.id, order_id=order_id, factors=factors)
    return Grant(entry, rule.id, False, basis.eligible, granted, 0, basis.lines, lot, due_ms, expires_ms)


def _remember(context: Context, name: str, rule: str, entry: str, factors: Factors) -> None:
    """Keep the facts of the last award for `explain`."""
    context.core.last_award = LastAward(
        time_ms=context.time_ms,
        action=name,
        rule=rule,
        entry=entry,
        eligible=factors.eligible,
        points=factors.points,
        per=factors.per,
        factors_bp=(factors.weight_bp, factors.tier_bp, factors.campaign_bp),
        desired=factors.desired,
        granted=factors.granted,
        cap=factors.cap,
        policy_version=context.scope.policy_version,
        weights_version=context.scope.weights.version,
    )
