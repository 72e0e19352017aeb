"""Work that is due at a log time: activation, expiry, reminders, the tier's cycle, orders to forget.

Each piece of work is decided as of its due time, under the versions in force then, and its entry's id comes from what
was due and when. So it does not matter whether a sweep did it on the minute or the member's next action much later.
"""

from collections.abc import Callable, Sequence

from features.windows import ActivityWindows
from loyalty.account import Account, lot_due_ms
from loyalty.account_rows import ActiveLot
from loyalty.consequences import Consequence
from loyalty.context import Context, Parts
from loyalty.decisions import SOURCE, Cause
from loyalty.holds import put_off
from loyalty.ledger import entry_id, post
from loyalty.lots import active_name, expire, forget_expired, is_forgotten
from loyalty.notices import notify
from loyalty.orders import Orders
from loyalty.pending import activate, lapse
from loyalty.scope import Scope
from loyalty.tier_events import announce_benefits
from loyalty.tiers import follow_policy, run_tier_due

Edits = Sequence[tuple[int, int]]
"""Policy versions after the first that are in force by now or soon: `(log time from which, version)`."""


def run_due(
    account: Account,
    orders: Orders,
    windows: ActivityWindows,
    until_ms: int,
    scope_at: Callable[[int], Scope],
    edits: Edits = (),
) -> list[Consequence]:
    """Do all work that is due at or before `until_ms`, in order of its due time.

    At one time, a new policy comes first, then activations, then expiry, then the tier.

    Args:
        account: the member's account, and with it `orders` and `windows`.
        orders: what may still be refunded; forgotten when its time has come.
        windows: the member's features.
        until_ms: log time.
        scope_at: the versions in force at a due time.
        edits: policy versions after the first, for which the member's tier is looked at again.
    """
    consequences: list[Consequence] = []
    while True:
        due_ms = account.next_due_ms()
        edit = next_edit(account, edits) if edits else None
        if edit is not None and edit[0] <= until_ms and (due_ms is None or edit[0] <= due_ms):
            consequences += _reconsider((account, orders, windows), edit, scope_at(edit[0] - 1), scope_at(edit[0]))
            continue
        if due_ms is None or due_ms > until_ms:
            break
        cause = Cause(SOURCE, f"due/{due_ms}")
        context = Context((account, orders, windows), account.core.member, cause, (due_ms, due_ms), scope_at(due_ms))
        _do_one(context)
        consequences += context.out
    orders.forget(until_ms)
    return consequences


def next_edit(account: Account, edits: Edits) -> tuple[int, int] | None:
    """The first policy version that the member's tier has not been looked at under, with its time; None for none."""
    if account.is_new or account.core.alias_of:
        return None
    known = account.core.tier.policy_version
    if edits[-1][1] <= known:  # they are in order of their versions
        return None
    return min((edit for edit in edits if edit[1] > known), default=None)


def _reconsider(parts: Parts, edit: tuple[int, int], scope_before: Scope, scope: Scope) -> list[Consequence]:
    """Look at the tier under a new policy, as of the time it came into force."""
    at_ms, version = edit
    cause = Cause(SOURCE, f"policy/{version}")
    context = Context(parts, parts[0].core.member, cause, (at_ms, at_ms), scope)
    announce_benefits(context, scope_before.policy.compiled)
    follow_policy(context)
    return context.out


def _do_one(context: Context) -> None:
    """Do the first of what is due at `now_ms`."""
    core, now_ms = context.core, context.now_ms
    if core.pending and core.pending[0].due_ms == now_ms:
        if not (lapse(context) or put_off(context)):
            activate(context, core.pending[0])
        return
    for lot in core.active:
        if lot_due_ms(core, lot) == now_ms:
            if lot.remind_ms == now_ms:
                _remind(context, lot)
            else:
                _expire(context, lot)
            return
    run_tier_due(context)


def _expire(context: Context, lot: ActiveLot) -> None:
    core, memory_ms = context.core, context.policy.input.memory_ms
    forgotten = is_forgotten(core, context.now_ms, memory_ms)
    change, times_before = expire(core, lot, context.now_ms)
    forget_expired(core, context.now_ms - memory_ms)
    # Nobody remembers how often this lot has ended before; the entry's own number stands for no other.
    which = f"late/{core.sequences.points + 1}" if forgotten else str(times_before)
    post(context, "expired", entry_id(context, "expired", f"{active_name(lot.expires_ms)}/{which}"), [change])


def _remind(context: Context, lot: ActiveLot) -> None:
    lot.remind_ms = 0
    context.account.core_changed = True
    notify(context, "points_will_expire", active_name(lot.expires_ms), points=lot.points, due_ms=lot.expires_ms)
