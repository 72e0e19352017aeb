"""Redemption: points buy a reward of the catalogue, or a benefit of the tier is used.

A request is always answered, with the reward or a reason. What was paid is kept lot by lot, so that a redemption
that is called off gives each point back to the lot it came from, with the expiry it had; a lot that has expired
meanwhile expires again at once.

A reward of which there are only so many is claimed from the owner of its stock: its points are debited at once, and the
redemption is pending until the owner's answer, which grants it or gives the points back to their lots.
"""

from typing import Literal

import msgspec

from features.actions import Redeem, RedeemCancel
from features.table import REDEMPTIONS
from loyalty.calendar import NEVER_MS
from loyalty.context import Context
from loyalty.decisions import BenefitUse, LotChange, derived_id
from loyalty.effects import Claim, ClaimAnswer, ClaimReturn, DrawWon, Effect
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import active_name, add_active, debit
from loyalty.notices import notify
from loyalty.orders import Order, action_of, claim_name, redemption_id
from loyalty.owner_rows import DRAW, REWARD
from loyalty.policy.compiled import CAP_PERIODS
from loyalty.policy.offers import Benefit, Reward, to_ms
from loyalty.rejections import Rejection
from loyalty.reminders import remind_ms
from loyalty.tier_events import announce_use
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
    if reward is None or refusal is not None:
        notify(context, "reward_refused", data.reward_id, points=price, refusal=refusal)
        return
    _count_use(context, data.reward_id, data.quantity, context.time_ms)
    before = {active_name(lot.expires_ms): lot.expires_ms for lot in context.core.active}
    changes = debit(context.core, price)
    debits = [(before[change.lot], -change.points) for change in changes]
    claimed = reward.stock is not None or reward.draw is not None
    _keep(context, action, price, debits, claimed=claimed)
    identity = entry_id(context, "redeemed", data.reward_id)
    post(context, "redeemed", identity, changes, Facts("redeem", data.reward_id, reason="pending" if claimed else ""))
    notify(context, "reward_pending" if claimed else "reward_granted", data.reward_id, points=price, refusal="")


def _keep(context: Context, action: Redeem, price: int, debits: list[tuple[int, int]], *, claimed: bool) -> None:
    """Keep a redemption for as long as an order, so that it can be called off; claim it from a stock."""
    limits, data, currency = context.policy.input, action.data, context.policy.programme.currency
    if not (limits.refund_horizon_ms or claimed):
        return
    claim = claim_name(action.source, action.id)
    order = Order(context.time_ms, currency, price, 0, [data.reward_id], [data.quantity], [], debits=debits)
    if claimed:
        order.claim = "pending"
        asked = Claim(holder=context.member, claim=claim, quantity=data.quantity)
        owner = REWARD if context.compiled.rewards[data.reward_id].draw is None else DRAW
        context.out.append(Effect(owner + data.reward_id, context.time_ms, asked))
    context.orders.add(redemption_id(claim), order, context.now_ms, limits.reach_ms)


def stock_answered(context: Context, answer: ClaimAnswer) -> None:
    """Grant a pending redemption, or give its points back; where it was called off meanwhile, return what was claimed.

    Nothing where the redemption is not known any more: its refund horizon has passed while the owner was silent.
    """
    kept_as = redemption_id(answer.claim)
    order = context.orders.redemption(kept_as)
    if order is None or order.claim != "pending":
        return
    context.orders.touch(kept_as, order)
    order.claim = "refused" if answer.refusal else "accepted"
    reward_id = order.item_ids[0]
    if order.closed:
        _return_claim(context, order)
    elif answer.refusal:
        _give_back(context, answer.claim, order, Facts("redeem", reward_id, reason=answer.refusal))
        notify(context, "reward_refused", reward_id, points=order.amount, refusal=answer.refusal)
    else:
        notify(context, "reward_granted", reward_id, points=order.amount, refusal=answer.receipt)


def draw_won(context: Context, won: DrawWon) -> None:
    """Tell the member that a ticket has won."""
    notify(context, "draw_won", won.draw, refusal=f"ticket {won.number}, prize {won.prize}")


def _return_claim(context: Context, order: Order) -> None:
    """Let others have what was claimed, if it was."""
    if order.claim == "accepted":
        returned = ClaimReturn(quantity=order.amounts[0])
        context.out.append(Effect(REWARD + order.item_ids[0], context.time_ms, returned))


def cancel_redemption(context: Context, action: RedeemCancel) -> Rejection | None:
    """Give the points of a redemption back to their own lots, once."""
    data = action.data
    claim = claim_name(data.redeem_source or action.source, data.redeem_id)
    order = context.orders.redemption(redemption_id(claim))
    if order is None or order.closed or context.time_ms > order.time_ms + context.policy.input.refund_horizon_ms:
        return Rejection("unknown_redemption", f"no redemption {data.redeem_id!r} that could be called off")
    reward_id = order.item_ids[0]
    reward = context.compiled.rewards.get(reward_id)
    if reward is not None and reward.draw is not None:
        return Rejection("ticket_final", "a ticket of a draw is in its chain for good; it cannot be called off")
    _give_back(context, claim, order, Facts("redeem_cancel", reward_id))
    notify(context, "reward_cancelled", reward_id, points=order.amount, refusal="")
    _return_claim(context, order)
    return None


def _give_back(context: Context, claim: str, order: Order, facts: Facts) -> None:
    """Give the points of a redemption back to the lots they came from, and undo what it counted for."""
    core, kept_as = context.core, redemption_id(claim)
    order.closed = True
    context.orders.touch(kept_as, order)
    changes: list[LotChange] = []
    for expires_ms, points in order.debits:
        changes += add_active(core, expires_ms, points, remind_ms(context, expires_ms))
    reward_id, quantity = order.item_ids[0], order.amounts[0]
    _count_use(context, reward_id, -quantity, order.time_ms)
    source, event_id = action_of(claim)
    granted = derived_id(order.holder or context.member, source, event_id, "redeemed", reward_id)
    facts = msgspec.structs.replace(facts, grant=granted)
    post(context, "returned", entry_id(context, "returned", kept_as), changes, facts)
    taken = ((REDEMPTIONS, quantity),)
    context.windows.undo(taken, order.time_ms)
    count(context, tuple((measure, -value) for measure, value in taken), order.time_ms)


def _use_benefit(context: Context, benefit: Benefit, quantity: int) -> None:
    """Use a benefit of the tier, as often as its quota allows."""
    refusal: Refusal | None = None
    use = BenefitUse(benefit.id, quantity)
    if benefit.id not in context.compiled.ladder.benefits.get(context.core.tier.tier, ()):
        refusal = "not_for_this_tier"
    elif benefit.quota is not None:
        key = _BENEFIT_COUNTER + benefit.id
        span = context.calendar.span(CAP_PERIODS.get(benefit.per), context.time_ms)
        counter = context.account.counters.get(key, {})
        used = counter.get(span.day, 0) + quantity
        use = BenefitUse(benefit.id, quantity, used, benefit.quota, span.end_ms if span.end_ms < NEVER_MS else 0)
        oldest = context.calendar.span(CAP_PERIODS.get(benefit.per), context.now_ms - context.policy.input.lateness_ms)
        if used > benefit.quota or (span.day not in counter and span.day < oldest.day):
            refusal = "quota_used"
        else:
            kept = {past: times for past, times in counter.items() if past >= oldest.day}
            context.account.counters[key] = {**kept, span.day: used}
            context.account.counters_changed = True
    if refusal is None:
        announce_use(context, use)
    notify(context, "reward_granted" if refusal is None else "reward_refused", benefit.id, refusal=refusal or "")


def benefit_left(context: Context, benefit: Benefit, quota: int) -> int:
    """How many uses of a benefit are left in the period that it is now."""
    day = context.calendar.span(CAP_PERIODS.get(benefit.per), context.time_ms).day
    return quota - context.account.counters.get(_BENEFIT_COUNTER + benefit.id, {}).get(day, 0)


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
