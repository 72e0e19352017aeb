"""Refunds: the points of what was given back are taken back, all of them, once, at the rates of the original grant.

What is left of a grant is computed from everything refunded so far, so many small refunds take exactly what one large
one takes. Pending points are cancelled first; what has become active is clawed back as the policy allows; what has
expired meanwhile is not taken a second time.
"""

import msgspec

from features.actions import LineItem, Refund
from features.measures import measures_of, refunded_measures
from loyalty.awards import remaining
from loyalty.campaigns import free_campaign_caps
from loyalty.caps import give_back
from loyalty.context import Context
from loyalty.effects import Effect, ReferralUndone
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import debit, forgive_expired, take_pending
from loyalty.orders import Grant, Order
from loyalty.rejections import Rejection
from loyalty.tiers import count

REFERRED_RULE = "referral/referred"
"""Rule of a referred member's award: it stays until all of its order is given back."""


def refund(context: Context, action: Refund) -> Rejection | None:
    """Apply a refund, or say why it cannot be one; then nothing has changed."""
    data = action.data
    order = known_order(context, data.order_id)
    rejection = unknown_order(data.order_id) if order is None else _objection(action, order)
    if rejection is not None or order is None:
        return rejection
    _give_back_lines(order, data.items)
    order.refunded += data.amount
    in_full = order.refunded == order.amount
    order.closed = in_full
    spend_refunded = order.spend_minor if in_full else order.spend_minor * order.refunded // order.amount
    spend_minor = spend_refunded - order.spend_refunded_minor
    order.spend_refunded_minor = spend_refunded
    pieces = sum(item.quantity for item in data.items)
    order.pieces = max(0, order.pieces - pieces)
    taken = refunded_measures(spend_minor, pieces, in_full=in_full)
    context.windows.undo(taken, order.time_ms)
    amounts = measures_of(action, spend_minor)
    context.windows.observe(amounts, context.time_ms)
    points = qualifying = 0
    for grant in order.grants:
        took = take_back(context, data.order_id, order, grant)
        if grant.qualifying:
            qualifying += took
        else:
            points += took
    context.orders.touch(data.order_id, order)
    if in_full:
        undo_referral(context, data.order_id, order)
    count(context, tuple((measure, -value) for measure, value in taken), order.time_ms, -points, -qualifying)
    count(context, amounts, context.time_ms)
    return None


def undo_referral(context: Context, order_id: str, order: Order) -> None:
    """Tell the referrer, if there is one, that the order is undone which both were rewarded for."""
    if order.referrer:
        undone = ReferralUndone(referred=order.holder or context.member, order_id=order_id)
        context.out.append(Effect(order.referrer, context.time_ms, undone))


def known_order(context: Context, order_id: str) -> Order | None:
    """An order of this member within the refund horizon."""
    order = context.orders.get(order_id)
    horizon_ms = context.policy.input.refund_horizon_ms
    return None if order is None or context.time_ms > order.time_ms + horizon_ms else order


def unknown_order(order_id: str) -> Rejection:
    """Why nothing can be done about an order that is not kept, or not any more."""
    return Rejection("unknown_order", f"no order {order_id!r} of this member within the refund horizon")


def _objection(action: Refund, order: Order) -> Rejection | None:
    data = action.data
    if data.currency != order.currency:
        return Rejection(
            "currency_mismatch", f"order {data.order_id!r} was paid in {order.currency}, not {data.currency}"
        )
    if order.closed or data.amount > order.amount - order.refunded:
        return Rejection("over_refunded", f"order {data.order_id!r} has {order.amount - order.refunded} left to refund")
    wanted: dict[str, int] = {}
    for item in data.items:
        wanted[item.item_id] = wanted.get(item.item_id, 0) + item.amount
    if sum(wanted.values()) > data.amount:
        return Rejection("over_refunded", "the refunded lines come to more than the refunded amount")
    for item_id, amount in wanted.items():
        left = sum(_left(order, index) for index, line in enumerate(order.item_ids) if line == item_id)
        if amount > left:
            return Rejection("over_refunded", f"line {item_id!r} of order {data.order_id!r} has {left} left to refund")
    return None


def _left(order: Order, index: int) -> int:
    """What of a line has not been given back by name."""
    return order.amounts[index] - (order.line_refunds[index] if order.line_refunds else 0)


def _give_back_lines(order: Order, items: tuple[LineItem, ...]) -> None:
    if items and not order.line_refunds:
        order.line_refunds = [0] * len(order.item_ids)
    for item in items:
        rest = item.amount
        for index, item_id in enumerate(order.item_ids):
            if item_id == item.item_id and rest:
                taken = min(rest, _left(order, index))
                order.line_refunds[index] += taken
                rest -= taken


def _refunded_share(order: Order, grant: Grant) -> tuple[int, int]:
    """How much of what the grant was for has been given back: numerator and denominator.

    For a grant on certain lines: what was refunded of these, and their share of what was refunded without naming lines.
    """
    if order.closed:
        return 1, 1
    if grant.rule == REFERRED_RULE:
        return 0, 1
    if not grant.lines:
        return order.refunded, order.amount
    matched = sum(order.amounts[index] for index in grant.lines)
    if not matched:
        return 0, 1
    named = matched - sum(_left(order, index) for index in grant.lines)
    all_named = sum(order.line_refunds)
    unnamed = order.refunded - all_named
    if unnamed:
        named += min(matched - named, unnamed * (matched - named) // (order.amount - all_named))
    return named, matched


def take_back(context: Context, order_id: str, order: Order, grant: Grant, reason: str = "") -> int:
    """Take back what the refunds so far ask for beyond what has been taken before; returns how much that is."""
    refunded, whole = _refunded_share(order, grant)
    points = grant.granted - grant.taken - remaining(grant.granted, whole, refunded)
    if grant.boosts and context.policy.points.refunds_free_caps:
        free_campaign_caps(context, grant, refunded, whole)
    if points <= 0:
        return 0
    grant.taken += points
    facts = Facts(rule=grant.rule, order_id=order_id, grant=grant.entry.hex(), reason=reason)
    if context.policy.points.refunds_free_caps:
        give_back(context, grant.rule, order.time_ms, points)
    if not grant.qualifying:
        active = context.policy.points.refunds != "only_pending"
        recovered = reclaim(context, order.time_ms, grant, points, facts, active=active)
        if order.spent:
            _refill_budgets(context, order, grant, recovered)
    return points


def reclaim(context: Context, earned_ms: int, grant: Grant, points: int, facts: Facts, *, active: bool = True) -> int:
    """Take points of a grant back, pending ones first, with `active` spendable ones too; returns how many."""
    core = context.core
    cancelled = take_pending(core, grant.lot, points) if grant.lot else None
    rest, clawed = points, 0
    if cancelled is not None:
        rest += cancelled.points
        post(context, "cancelled", entry_id(context, "cancelled", facts.grant), [cancelled], facts)
    is_void = rest and grant.lot and any(past.lot == grant.lot for past in core.voided)
    if rest and not is_void and active:
        clawed = _claw_back(context, earned_ms, grant, rest, facts)
    return clawed - (0 if cancelled is None else cancelled.points)


def _refill_budgets(context: Context, order: Order, grant: Grant, recovered: int) -> None:
    """Give back to the budgets what they had in the points that have really been taken back, rounded down."""
    place = order.grants.index(grant)
    for at, campaign, points in order.spent:
        if at == place:
            context.scope.slices.put_back(campaign, points * recovered // grant.granted)


def _claw_back(context: Context, earned_ms: int, grant: Grant, points: int, facts: Facts) -> int:
    """Take active points, from the grant's own lot first; returns how many."""
    core = context.core
    expires_ms = grant.expires_ms
    expired = forgive_expired(core, expires_ms, earned_ms, points)
    owe = context.policy.points.refunds == "unlimited"
    changes = debit(core, points - expired, first_ms=expires_ms, owe=owe)
    short = points - expired + sum(change.points for change in changes)
    if expired:
        context.account.core_changed = True
    reasons = [facts.reason] if facts.reason else []
    reasons += [text for value, text in ((expired, f"{expired} expired"), (short, f"{short} not in balance")) if value]
    if changes:
        identity = entry_id(context, "clawed_back", facts.grant)
        post(context, "clawed_back", identity, changes, msgspec.structs.replace(facts, reason=", ".join(reasons)))
    return -sum(change.points for change in changes)
