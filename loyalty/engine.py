"""From one action to its decisions.

    purchase  ->  award (before: what was known)  ->  features  ->  what counts for the tier  ->  tier
    refund    ->  take back at the original rates, in the purchase's own buckets and period   ->  tier
    delivery  ->  what waits for it becomes active, or begins its return period
    redeem, adjust, misconduct  ->  ledger only: points that go never move the tier

The caller has done all work that was due before (`run_due`), and has seen to duplicates and to what is too late.
"""

from typing import assert_never

from features import actions as on
from features.aggregates import Amounts
from features.event_time import DAY_MS
from features.measures import measures_of
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.basket import basket_of
from loyalty.consequences import Consequence
from loyalty.context import Context, Parts
from loyalty.corrections import adjust, adjustment_objection, penalise
from loyalty.decisions import SOURCE, Cause
from loyalty.due import Edits, next_edit, run_due
from loyalty.earning import Earned, earn
from loyalty.extensions import keep_by_activity
from loyalty.holds import follow_verdict, hold
from loyalty.joining import note_joining
from loyalty.milestones import award_milestones
from loyalty.notes import note_of
from loyalty.offer_records import Offer
from loyalty.offers import take_offer
from loyalty.orders import Order, Orders
from loyalty.originals import claim_text
from loyalty.pending import deliver, let_go
from loyalty.referrals import first_purchase, refer, rewarded_for
from loyalty.refunds import refund
from loyalty.rejections import Rejection, RejectionReason
from loyalty.rewards import cancel_redemption, redeem
from loyalty.scope import Scope
from loyalty.tiers import count
from loyalty.verdicts import Verdict

_NAMES = dict(zip(on.ACTION_TYPES, on.ACTION_NAMES, strict=True))

__all__ = ["Edits", "Rejection", "RejectionReason", "apply_action", "apply_addressed", "next_due_ms", "run_due"]


def apply_action(
    account: Account, orders: Orders, windows: ActivityWindows, action: on.Action, scope: Scope, log_time_ms: int
) -> list[Consequence] | Rejection:
    """Decide on one action and change the member's parts accordingly.

    Returns:
        The decisions and effects, in order; or why the action cannot be applied, in which case no part has changed.
    """
    account.note, account.moved_ms = b"", {}
    cause = Cause(action.source, action.id)
    times_ms = (action.time_ms, log_time_ms)
    context = Context((account, orders, windows), action.subject, cause, times_ms, scope)
    rejection = _apply(context, action)
    return context.out if rejection is None else rejection


def apply_addressed(parts: Parts, body: Verdict | Offer, scope: Scope, log_time_ms: int) -> list[Consequence]:
    """Let a verdict of the misconduct score, or an offer, do what the policy lets it, as of log time."""
    context = Context(parts, body.member, Cause(SOURCE, body.id), (log_time_ms, log_time_ms), scope)
    if isinstance(body, Offer):
        take_offer(context, body)
    else:
        follow_verdict(context, body)
    return context.out


def next_due_ms(account: Account, orders: Orders, edits: Edits = ()) -> int | None:
    """The earliest log time at which this member has work, new policies and the forgetting of orders included."""
    mine, forget = account.next_due_ms(), orders.next_due_ms()
    if edits and (edit := next_edit(account, edits)) is not None:
        mine = edit[0] if mine is None else min(mine, edit[0])
    if mine is None or forget is None:
        return forget if mine is None else mine
    return min(mine, forget)


def _apply(context: Context, action: on.Action) -> Rejection | None:
    match action:
        case on.Purchase():
            return _purchase(context, action)
        case (
            on.Browse()
            | on.Search()
            | on.Click()
            | on.Login()
            | on.Favourite()
            | on.AddToCart()
            | on.Review()
            | on.Share()
            | on.Feedback()
            | on.CouponRedeem()
            | on.CampaignReceived()
            | on.LinkIdentity()
            | on.Erase()
        ):
            _join(context)
            _earn(context, action)
        case on.Referral():
            _join(context)
            _earn(context, action)
            refer(context, action)
        case on.Refund() | on.Delivery() | on.RedeemCancel():
            return _follow_up(context, action)
        case on.Redeem() | on.Misconduct():
            _join(context)
            _spend(context, action)
        case on.Adjust():
            return _adjust(context, action)
        case on.Enroll(data=data):
            _join(context)
            context.core.channels = data.channels
            context.account.core_changed = True
            _earn(context, action)
        case on.Consent(data=data):
            _join(context)
            _consent(context, data)
        case _:
            assert_never(action)
    return None


def _follow_up(context: Context, action: on.Refund | on.Delivery | on.RedeemCancel) -> Rejection | None:
    """What comes after an order or a redemption, and is nothing without it."""
    match action:
        case on.Refund():
            return refund(context, action)
        case on.Delivery():
            return deliver(context, action)
        case on.RedeemCancel():
            return cancel_redemption(context, action)


def _join(context: Context) -> None:
    core = context.core
    if not core.member or context.time_ms < core.joined_ms:
        note_joining(context)
    if context.compiled.inactivity_ms:
        inactive_ms = (context.time_ms // DAY_MS + 1) * DAY_MS + context.compiled.inactivity_ms
        if inactive_ms > core.inactive_ms:
            core.inactive_ms = inactive_ms
            context.account.core_changed = True


def _earn(context: Context, action: on.Action) -> None:
    name = _NAMES[type(action)]
    if context.core.awaiting:
        let_go(context, name)
    earned = earn(context, action, name)
    amounts = measures_of(action)
    if earned is not None or name in context.compiled.day_total_actions:
        context.account.note = note_of(context.time_ms, amounts, claim_text(context, action, earned))
    context.windows.observe(amounts, context.time_ms)
    if isinstance(action, on.Browse) and action.data.category is not None:
        day = context.calendar.span("day", context.time_ms).day
        context.windows.interests.viewed(action.data.category, day)
    _count(context, amounts, earned)
    if _NAMES[type(action)] in context.compiled.extending:
        keep_by_activity(context)


def _count(context: Context, amounts: Amounts, earned: Earned | None, more: int = 0) -> None:
    """Milestones, and then what counts for the tier, `more` points with it; the windows know of the action by now."""
    extra = more + (award_milestones(context, amounts) if context.compiled.milestones else 0)
    if earned is None:
        count(context, amounts, context.time_ms, extra)
    else:
        count(context, amounts, context.time_ms, earned.points + extra, earned.qualifying)


def _spend(context: Context, action: on.Redeem | on.Misconduct) -> None:
    if isinstance(action, on.Redeem):
        redeem(context, action)
    else:
        penalise(context, action)
    amounts = measures_of(action)
    context.windows.observe(amounts, context.time_ms)
    if isinstance(action, on.Misconduct):
        hold(context, action)
    count(context, amounts, context.time_ms)


def _adjust(context: Context, action: on.Adjust) -> Rejection | None:
    objection = adjustment_objection(context, action)
    if objection is None:
        _join(context)
        adjust(context, action)
    return objection


def _purchase(context: Context, action: on.Purchase) -> Rejection | None:
    data, policy = action.data, context.policy
    rate_ppm = policy.programme.rate_ppm(data.currency)
    if rate_ppm is None:
        return Rejection("unknown_currency", f"the policy has no rate for {data.currency}")
    context.orders.forget(context.now_ms)  # so that it does not matter whether a sweep has done it
    if context.orders.get(data.order_id) is not None:
        return Rejection("duplicate_order", f"order {data.order_id!r} has been applied before")
    _join(context)
    if context.core.awaiting:
        let_go(context, "purchase")
    context.order_id = data.order_id
    basket = basket_of(data, rate_ppm, policy.points.exclude)
    earned = earn(context, action, "purchase", basket) or Earned(0, 0, [], [])
    referral = first_purchase(context, data.order_id, basket.amount_minor)
    amounts = measures_of(action, basket.amount_minor)
    context.windows.observe(amounts, context.time_ms)
    today = context.calendar.span("day", context.time_ms)
    context.windows.interests.bought(data.items, context.time_ms, today.day, context.time_ms - today.start_ms)
    if policy.input.refund_horizon_ms:
        order = Order(
            context.time_ms,
            data.currency,
            data.amount,
            basket.amount_minor,
            [item.item_id for item in data.items],
            [item.amount for item in data.items],
            earned.grants if referral is None else [*earned.grants, referral],
            pieces=sum([item.quantity for item in data.items]),
            spent=earned.spent,
            referrer=rewarded_for(context, data.order_id),
        )
        context.orders.add(data.order_id, order, context.now_ms, policy.input.reach_ms)
    _count(context, amounts, earned, 0 if referral is None else referral.granted)
    if "purchase" in context.compiled.extending:
        keep_by_activity(context)
    return None


def _consent(context: Context, data: on.ConsentData) -> None:
    withheld = context.core.withheld
    if data.granted and data.purpose in withheld:
        withheld.remove(data.purpose)
    elif not data.granted and data.purpose not in withheld and data.purpose in context.policy.purposes:
        withheld.append(data.purpose)
    context.account.core_changed = True
