"""Redemption: points buy a reward of the catalogue. A request is always answered, with the reward or a reason."""

from typing import Literal

from features.actions import Redeem
from loyalty.context import Context
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import debit
from loyalty.notices import notify
from loyalty.policy.offers import Reward, to_ms

Refusal = Literal["unknown_reward", "not_offered_now", "not_for_this_tier", "limit_reached", "insufficient_points"]

_COUNTER = "reward/"


def redeem(context: Context, action: Redeem) -> None:
    """Spend points on a reward, earliest-expiring lot first, or say why not."""
    data = action.data
    reward = context.compiled.rewards.get(data.reward_id)
    price = 0 if reward is None else price_of(reward, context.core.tier.tier) * data.quantity
    refusal = "unknown_reward" if reward is None else _refusal(context, reward, data.quantity, price)
    if refusal is not None:
        notify(context, "reward_refused", data.reward_id, points=price, refusal=refusal)
        return
    _count_use(context, data.reward_id, data.quantity)
    changes = debit(context.core, price)
    identity = entry_id(context, "redeemed", data.reward_id)
    post(context, "redeemed", identity, changes, Facts("redeem", data.reward_id))
    notify(context, "reward_granted", data.reward_id, points=price, refusal="")


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
        used = context.account.counters.get(_COUNTER + reward.id, {}).get(_year(context), 0)
        if used + quantity > reward.limit_per_year:
            return "limit_reached"
    return "insufficient_points" if price > context.core.active_points else None


def _year(context: Context) -> int:
    return context.calendar.span("year", context.time_ms).day


def _count_use(context: Context, reward_id: str, quantity: int) -> None:
    if context.compiled.rewards[reward_id].limit_per_year is not None:
        counter = context.account.counters.setdefault(_COUNTER + reward_id, {})
        year = _year(context)
        counter[year] = counter.get(year, 0) + quantity
        context.account.counters_changed = True
