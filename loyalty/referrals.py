"""Referrals: one member brings another, and both are rewarded for the new one's first qualifying purchase.

    referrer: referral ──> referred: who brought me, unless I have bought already, or somebody was first
    referred: first qualifying purchase, own award ──> referrer: award
    referred: that order is refunded in full, award taken back ──> referrer: award taken back

Each side's award is decided, and undone, where its account is; should a link let `undone` overtake, what it is about
never is awarded. Both are fixed: nothing multiplies them. A refund of a
part of the order takes nothing of them; of the whole, all of it, once, as the policy's `refunds` allows.
"""

from features.actions import Referral
from features.table import ALL_TIME, PURCHASES
from loyalty.account_rows import LOT_BYTES, PendingLot, ReferredBy
from loyalty.context import Context
from loyalty.decisions import Factors
from loyalty.effects import Effect, ReferralEarned, ReferralUndone, Referred
from loyalty.holds import due_or_held
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import add_active, add_pending
from loyalty.orders import Grant, Order
from loyalty.policy.fields import BP
from loyalty.refunds import REFERRED_RULE, take_back
from loyalty.reminders import remind_ms
from loyalty.tiers import count

REFERRER_RULE = "referral/referrer"


def refer(context: Context, action: Referral) -> None:
    """Tell the referred member who has brought them."""
    referred = action.data.referred
    if context.policy.referral is not None and referred != context.member:
        context.out.append(Effect(referred, context.time_ms, Referred(referrer=context.member)))


def referred_by(context: Context, told: Referred) -> None:
    """Remember who has brought this member: the first one who says so, before the first purchase."""
    core = context.core
    if core.referred is None and not _has_bought(context) and told.referrer not in (context.member, *core.aliases):
        core.referred = ReferredBy(told.referrer)
        context.account.core_changed = True


def absorb_referral(context: Context, alias: Context) -> None:
    """Whoever has brought either id has brought the person: once rewarded, always; else while nothing is bought.

    Not somebody who turns out to be the same person. `context` has the alias's id by now, but not its purchases.
    """
    core, other = context.core, alias.core
    mine = None if core.referred is None or _lapses(core.referred, context, alias) else core.referred
    theirs = None if other.referred is None or _lapses(other.referred, context, context) else other.referred
    if mine is None or (theirs is not None and theirs.order_id and not mine.order_id):
        mine = theirs
    core.referred = mine
    context.account.core_changed = True


def _lapses(referred: ReferredBy, context: Context, other: Context) -> bool:
    """Whether a referral that waits counts no more, since `other` has bought or the referrer is the person's own id."""
    own = referred.referrer in (context.member, *context.core.aliases)
    return not referred.order_id and (own or _has_bought(other))


def _has_bought(context: Context) -> bool:
    """Whether there is any purchase that was not given back in full."""
    return context.windows.total(PURCHASES, ALL_TIME) > 0


def rewarded_for(context: Context, order_id: str) -> str:
    """Who has been rewarded for this order; empty where it is nobody."""
    referred = context.core.referred
    return referred.referrer if referred is not None and referred.order_id == order_id else ""


def first_purchase(context: Context, order_id: str, amount_minor: int) -> Grant | None:
    """The award for a referred member's first qualifying purchase, once; the referrer is told of it."""
    referral, referred = context.policy.referral, context.core.referred
    if referral is None or referred is None or referred.order_id or amount_minor < referral.min_amount_minor:
        return None
    referred.order_id = order_id
    context.account.core_changed = True
    earned = ReferralEarned(referred=context.member, order_id=order_id)
    context.out.append(Effect(referred.referrer, context.time_ms, earned))
    return _award(context, REFERRED_RULE, referral.referred_points, order_id)


def referral_earned(context: Context, earned: ReferralEarned) -> None:
    """The referrer's award, kept for as long as an order, so that it can be undone."""
    referral = context.policy.referral
    if referral is None or context.orders.find(_kept_as(earned.referred)) is not None:
        return
    grant = _award(context, REFERRER_RULE, referral.referrer_points, "")
    if grant is None:
        return
    _keep(context, earned.referred, [grant])
    count(context, (), context.time_ms, grant.granted)


def _keep(context: Context, referred: str, grants: list[Grant], *, closed: bool = False) -> None:
    limits, currency = context.policy.input, context.policy.programme.currency
    if limits.refund_horizon_ms:
        order = Order(context.time_ms, currency, 0, 0, [], [], grants, closed=closed)
        context.orders.add(_kept_as(referred), order, context.now_ms, limits.reach_ms)


def referral_undone(context: Context, undone: ReferralUndone) -> None:
    """Take the referrer's award back, once."""
    order = context.orders.find(_kept_as(undone.referred))
    if order is None:
        _keep(context, undone.referred, [], closed=True)
    if order is None or order.closed:
        return
    order.closed = True
    context.orders.touch(_kept_as(undone.referred), order)
    took = sum(take_back(context, "", order, grant) for grant in order.grants)
    count(context, (), order.time_ms, -took)


def _kept_as(referred: str) -> str:
    """What the referrer's award is kept under: apart from all orders, whose ids have no control characters."""
    return f"\0referral/{referred}"


def _award(context: Context, rule: str, points: int, order_id: str) -> Grant | None:
    if not points:
        return None
    core, policy = context.core, context.policy.points
    identity = entry_id(context, "earned", rule)
    expires_ms = context.calendar.expires_ms(policy.expiry, context.time_ms)
    grant = Grant(bytes.fromhex(identity), rule, 1, points, (), expires_ms)
    due_ms = due_or_held(context, context.time_ms, context.compiled.pending_ms)
    if due_ms:
        grant.lot = grant.entry[:LOT_BYTES]
        changes = [add_pending(core, PendingLot(due_ms, grant.lot, points, expires_ms))]
    else:
        changes = add_active(core, expires_ms, points, remind_ms(context, expires_ms))
    rounding = context.policy.programme.rounding
    factors = Factors(1, points, 1, BP, BP, BP, desired=points, granted=points, rounding=rounding)
    post(context, "earned", identity, changes, Facts("referral", rule, order_id, factors=factors))
    return grant
