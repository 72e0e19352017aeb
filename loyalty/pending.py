"""Pending points become active: by time, or by an action that they wait for.

    earned   the policy says `pending_until`: a lot of its own, due to lapse after `pending_limit_days`
    action   a delivery lets go what its order has earned, any other action all that waits for its kind: the points wait
             their `pending_days` from then on, or become active with the action
    lapse    the action has not come by then: the points are cancelled, and no refund takes them a second time

What counts for the tier counted when it was earned, and stays when points lapse.
"""

from bisect import insort

from features.actions import Delivery
from loyalty.account_rows import AwaitedAction, PendingLot
from loyalty.context import Context
from loyalty.decisions import LotChange
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import add_active, add_pending, place_of, take_pending, void
from loyalty.policy.compiled import RulePlan
from loyalty.refunds import known_order, unknown_order
from loyalty.rejections import Rejection
from loyalty.reminders import remind_ms

DELIVERY = "delivery"
LAPSED = "lapsed"
"""Reason of the entry where nothing has let points go."""


def activate(context: Context, lot: PendingLot) -> None:
    """Make all points of a pending lot active."""
    core, points = context.core, lot.points
    taken = take_pending(core, lot.lot, points)
    changes = [] if taken is None else [taken]
    changes += add_active(core, lot.expires_ms, points, remind_ms(context, lot.expires_ms))
    post(context, "activated", entry_id(context, "activated", lot.lot.hex()), changes)


def await_action(context: Context, plan: RulePlan, since_ms: int, lot: PendingLot) -> LotChange:
    """Let points earned at `since_ms` wait for the action that their rule names; how long at most is the lot's due."""
    core = context.core
    lot.due_ms = since_ms + plan.limit_ms
    insort(core.awaiting, AwaitedAction(lot.lot, plan.pending_until, plan.pending_ms), key=lambda each: each.lot)
    return add_pending(core, lot)


def let_go(context: Context, action: str) -> None:
    """Let go all points that wait for an action of this name."""
    _release(context, [each for each in context.core.awaiting if each.action == action])


def deliver(context: Context, action: Delivery) -> Rejection | None:
    """Let go the points that wait for the delivery of this order, or say why there is no such order."""
    order = known_order(context, action.data.order_id)
    if order is None:
        return unknown_order(action.data.order_id)
    lots = {grant.lot for grant in order.grants}
    _release(context, [each for each in context.core.awaiting if each.action == DELIVERY and each.lot in lots])
    return None


def lapse(context: Context) -> bool:
    """Cancel the first pending lot, which is due, if it still waits for an action; False where it does not."""
    core = context.core
    lot = core.pending[0]
    awaited = next((each for each in core.awaiting if each.lot == lot.lot), None)
    if awaited is None:
        return False
    changes = void(core, [lot], context.now_ms, context.policy.input.memory_ms)
    facts = Facts(reason=f"{LAPSED}: no {awaited.action} has come")
    post(context, "cancelled", entry_id(context, "cancelled", lot.lot.hex()), changes, facts)
    return True


def _release(context: Context, awaited: list[AwaitedAction]) -> None:
    """Let points wait the rest of their time; what has waited long enough is active now, or when a hold ends."""
    core, now_ms = context.core, context.now_ms
    for each in awaited:
        core.awaiting.remove(each)
        lot = next(lot for lot in core.pending if lot.lot == each.lot)
        lot.due_ms = context.time_ms + each.pending_ms
        if lot.due_ms <= now_ms < core.hold_ms:
            lot.due_ms = core.hold_ms
        core.pending.sort(key=place_of)
        context.account.core_changed = True
        if lot.due_ms <= now_ms:
            activate(context, lot)
