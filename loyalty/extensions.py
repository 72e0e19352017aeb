"""A later expiry for points that are there already: by an operator's hand, or because the member is active."""

from collections.abc import Mapping

from features.actions import Adjust
from features.event_time import DAY_MS
from loyalty.account_rows import ActiveLot, PendingLot
from loyalty.calendar import INACTIVE_MS
from loyalty.context import Context
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import extend, move_expiry
from loyalty.orders import Order
from loyalty.policy.earning import Extension as Rule
from loyalty.reminders import remind_ms


def extend_expiry(context: Context, action: Adjust, days: int) -> None:
    """Let all points that have a date expire `days` later, and whatever would come back to them."""
    core, data = context.core, action.data
    later_ms = days * DAY_MS
    expiries_ms = {lot.expires_ms for lot in core.active} | {lot.expires_ms for lot in core.pending}
    _follow(context, {date_ms: date_ms + later_ms for date_ms in expiries_ms if date_ms < INACTIVE_MS})
    changes = extend(core, later_ms)
    if changes:
        facts = Facts("adjust", reason=data.reason, operator=data.operator)
        post(context, "extended", entry_id(context, "extended", str(days)), changes, facts)


def keep_by_activity(context: Context) -> None:
    """After an action that extends, let no point with a date expire before the policy's days have gone by."""
    core, extension = context.core, context.policy.points.extension
    if extension is None:
        return
    least_ms, end_ms = _kept_until_ms(context, extension)
    lots: list[ActiveLot | PendingLot] = [*core.active, *core.pending]
    early_ms = {lot.expires_ms for lot in lots if context.now_ms < lot.expires_ms < least_ms}
    if not early_ms:
        return
    _follow(context, dict.fromkeys(early_ms, end_ms))
    changes = move_expiry(core, early_ms, end_ms, remind_ms(context, end_ms))
    post(context, "extended", entry_id(context, "extended", "activity"), changes, Facts(reason="activity"))


def kept_ms(context: Context, expires_ms: int) -> int:
    """When points expire that an extending action itself earns, which would else expire at `expires_ms`."""
    extension = context.policy.points.extension
    if extension is None:
        return expires_ms
    least_ms, end_ms = _kept_until_ms(context, extension)
    return expires_ms if expires_ms >= least_ms else end_ms


def _kept_until_ms(context: Context, extension: Rule) -> tuple[int, int]:
    """What expires before the first is to expire at the second instead."""
    least_ms = context.time_ms + extension.days * DAY_MS
    return least_ms, context.calendar.span("month", least_ms).end_ms


def _follow(context: Context, moved_ms: Mapping[int, int]) -> None:
    """Note the new dates where a refund, a cancelled redemption or a link would look for them.

    It goes through all orders that are kept, which is rare enough; so what is earned or paid afterwards keeps its date.
    """
    context.account.moved_ms = moved_ms
    for order_id, order in context.orders.kept():
        if _move(order, moved_ms):
            context.orders.touch(order_id, order)


def _move(order: Order, moved_ms: Mapping[int, int]) -> bool:
    grants = [grant for grant in order.grants if grant.expires_ms in moved_ms]
    for grant in grants:
        grant.expires_ms = moved_ms[grant.expires_ms]
    debits = [(moved_ms.get(expires_ms, expires_ms), points) for expires_ms, points in order.debits]
    changed = bool(grants) or debits != order.debits
    order.debits = debits
    return changed
