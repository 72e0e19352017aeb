"""Redemption: points buy a reward of the catalogue, or a benefit of the tier is used.

A request is always answered, with the reward or a reason. What was paid is kept lot by lot, so that a redemption
that is called off gives each point back to the lot it came from, with the expiry it had; a lot that has expired
meanwhile expires again at once.
"""

from typing import Literal

from features.actions import Redeem, RedeemCancel
from features.table import REDEMPTIONS
from loyalty.context import Context
from loyalty.decisions import LotChange, derived_id
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import active_name, add_active, debit
from loyalty.notices import notify
from loyalty.orders import Order, redemption_id
from loyalty.policy.compiled import CAP_PERIODS
from loyalty.policy.offers import Benefit, Reward, to_ms
from loyalty.rejections import Rejection
from loyalty.reminders import remind_ms
from loyalty.tiers import count

Refusal = Literal[
    "unknown_reward", "not_offered_now", "not_for_this_tier", "limit_reached", "quota_used", "insufficient_points"
]

_COUNTER = "reward/"
_BENEFIT_COUNTER = "benefit/"


def redeem(context: Context, action: Redeem) -> None:
    """Spend points on a reward, earliest-expiring lot first, or say why not."""
    data = action.data
    benefit = context.compiled.benefits.get(data.reward_id)
    if benefit is not None:
        _use_benefit(context, benefit, data.quantity)
        return
    reward = context.compiled.rewards.get(data.reward_id)
    price = 0 if reward is None else price_of(reward, context.core.tier.tier) * data.quantity
    refusal = "unknown_reward" if reward is None else _refusal(context, reward, data.quantity, price)
    if refusal is not None:
        notify(context, "reward_refused", data.reward_id, points=price, refusal=refusal)
        return
    _count_use(context, data.reward_id, data.quantity, context.time_ms)
    before = {active_name(lot.expires_ms): lot.expires_ms for lot in context.core.active}
    changes = debit(context.core, price)
    debits = [(before[change.lot], -change.points) for change in changes]
    _keep(context, action, price, debits)
    identity = entry_id(context, "redeemed", data.reward_id)
    post(context, "redeemed", identity, changes, Facts("redeem", data.reward_id))
    notify(context, "reward_granted", data.reward_id, points=price, refusal="")


def _keep(context: Context, action: Redeem, price: int, debits: list[tuple[int, int]]) -> None:
    """Keep a redemption for as long as an order, so that it can be called off."""
    limits = context.policy.input
    if limits.refund_horizon_ms:
        data, currency = action.data, context.policy.programme.currency
        order = Order(context.time_ms, currency, price, 0, [data.reward_id], [data.quantity], [], debits=debits)
        kept_as = redemption_id(action.source, action.id)
        context.orders.add(kept_as, order, context.now_ms, limits.reach_ms)


def cancel_redemption(context: Context, action: RedeemCancel) -> Rejection | None:
    """Give the points of a redemption back to their own lots, once."""
    data, core = action.data, context.core
    kept_as = redemption_id(data.redeem_source or action.source, data.redeem_id)
    order = context.orders.redemption(kept_as)
    if order is None or order.closed or context.time_ms > order.time_ms + context.policy.input.refund_horizon_ms:
        return Rejection("unknown_redemption", f"no redemption {data.redeem_id!r} that could be called off")
    order.closed = True
    context.orders.touch(kept_as, order)
    changes: list[LotChange] = []
    for expires_ms, points in order.debits:
        changes += add_active(core, expires_ms, points, remind_ms(context, expires_ms))
    reward_id, quantity = order.item_ids[0], order.amounts[0]
    _count_use(context, reward_id, -quantity, order.time_ms)
    facts = Facts(
        "redeem_cancel",
        reward_id,
        grant=derived_id(context.member, data.redeem_source or action.source, data.redeem_id, "redeemed", reward_id),
    )
    post(context, "returned", entry_id(context, "returned", kept_as), changes, facts)
    notify(context, "reward_cancelled", reward_id, points=order.amount, refusal="")
    taken = ((REDEMPTIONS, quantity),)
    context.windows.undo(taken, order.time_ms)
    count(context, tuple((measure, -value) for measure, value in taken), order.time_ms)
    return None


def _use_benefit(context: Context, benefit: Benefit, quantity: int) -> None:
    """Use a benefit of the tier, as often as its quota allows."""
    refusal: Refusal | None = None
    if benefit.id not in context.compiled.ladder.benefits.get(context.core.tier.tier, ()):
        refusal = "not_for_this_tier"
    elif benefit.quota is not None:
        key = _BENEFIT_COUNTER + benefit.id
        day = context.calendar.span(CAP_PERIODS.get(benefit.per), context.time_ms).day
        counter = context.account.counters.get(key, {})
        used = counter.get(day, 0) + quantity
        if used > benefit.quota:
            refusal = "quota_used"
        else:
            oldest = context.calendar.span(
                CAP_PERIODS.get(benefit.per), context.now_ms - context.policy.input.lateness_ms
            )
            kept = {past: times for past, times in counter.items() if past >= oldest.day}
            context.account.counters[key] = {**kept, day: used}
            context.account.counters_changed = True
    notify(context, "reward_granted" if refusal is None else "reward_refused", benefit.id, refusal=refusal or "")


def price_of(reward: Reward, tier: str) -> int:
    """What one piece costs a member of `tier`."""
    return reward.prices.get(tier, reward.price)


def _refusal(context: Context, reward: Reward, quantity: int, price: int) -> Refusal | None:
    time_ms = context.time_ms
    if (reward.start is not None and time_ms < to_ms(reward.start)) or (
        reward.end is not None and time_ms >= to_ms(reward.end)
    ):
        return "not_offered_now"
    if reward.tiers and context.core.tier.tier not in reward.tiers:
        return "not_for_this_tier"
    if reward.limit_per_year is not None:
        used = context.account.counters.get(_COUNTER + reward.id, {}).get(_year(context, context.time_ms), 0)
        if used + quantity > reward.limit_per_year:
            return "limit_reached"
    return "insufficient_points" if price > context.core.active_points else None


def _year(context: Context, time_ms: int) -> int:
    return context.calendar.span("year", time_ms).day


def _count_use(context: Context, reward_id: str, quantity: int, time_ms: int) -> None:
    reward = context.compiled.rewards.get(reward_id)
    if reward is not None and reward.limit_per_year is not None:
        counter = context.account.counters.setdefault(_COUNTER + reward_id, {})
        year = _year(context, time_ms)
        counter[year] = max(0, counter.get(year, 0) + quantity)
        context.account.counters_changed = True
