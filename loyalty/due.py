"""Work that is due at a log time: activation, expiry, reminders, the tier's cycle, orders to forget.

Each piece of work is decided as of its due time, under the versions in force then, and its entry's id comes from what
was due and when. So it does not matter whether a sweep did it on the minute or the member's next action much later.
"""

from collections.abc import Callable

from features.windows import ActivityWindows
from loyalty.account import Account, lot_due_ms
from loyalty.account_rows import ActiveLot
from loyalty.context import Context
from loyalty.decisions import SOURCE, Cause, Decision
from loyalty.ledger import entry_id, post
from loyalty.lots import active_name, add_active, expire, forget_expired, take_pending
from loyalty.notices import notify
from loyalty.orders import Orders
from loyalty.policy import Policy
from loyalty.reminders import remind_ms
from loyalty.scope import Scope
from loyalty.tiers import run_tier_due


def run_due(
    account: Account, orders: Orders, windows: ActivityWindows, until_ms: int, scope_at: Callable[[int], Scope]
) -> list[Decision]:
    """Do all work that is due at or before `until_ms`, in order of its due time.

    At one time, activations come first, then expiry, then the tier.

    Args:
        account: the member's account, and with it `orders` and `windows`.
        orders: what may still be refunded; forgotten when its time has come.
        windows: the member's features.
        until_ms: log time.
        scope_at: the versions in force at a due time.
    """
    decisions: list[Decision] = []
    while (due_ms := account.next_due_ms()) is not None and due_ms <= until_ms:
        cause = Cause(SOURCE, f"due/{due_ms}")
        context = Context((account, orders, windows), account.core.member, cause, (due_ms, due_ms), scope_at(due_ms))
        _do_one(context)
        decisions += context.out
    orders.forget(until_ms)
    return decisions


def _do_one(context: Context) -> None:
    """Do the first of what is due at `now_ms`."""
    core, now_ms = context.core, context.now_ms
    if core.pending and core.pending[0].due_ms == now_ms:
        _activate(context)
        return
    for lot in core.active:
        if lot_due_ms(core, lot) == now_ms:
            if lot.remind_ms == now_ms:
                _remind(context, lot)
            else:
                _expire(context, lot)
            return
    run_tier_due(context)


def _activate(context: Context) -> None:
    core = context.core
    lot = core.pending[0]
    points = lot.points
    taken = take_pending(core, lot.due_ms, lot.lot, points)
    changes = [] if taken is None else [taken]
    changes += add_active(core, lot.expires_ms, points, remind_ms(context, lot.expires_ms))
    post(context, "activated", entry_id(context, "activated", lot.lot.hex()), changes)


def _expire(context: Context, lot: ActiveLot) -> None:
    change, times_before = expire(context.core, lot, context.now_ms)
    forget_expired(context.core, context.now_ms - _reach_ms(context.policy))
    key = f"{active_name(lot.expires_ms)}/{times_before}"
    post(context, "expired", entry_id(context, "expired", key), [change])


def _reach_ms(policy: Policy) -> int:
    """How far back a refund or a late action can reach."""
    return policy.input.refund_horizon_ms + policy.input.lateness_ms + policy.input.max_skew_ms


def _remind(context: Context, lot: ActiveLot) -> None:
    lot.remind_ms = 0
    context.account.core_changed = True
    notify(context, "points_will_expire", active_name(lot.expires_ms), points=lot.points, due_ms=lot.expires_ms)
