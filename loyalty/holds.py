"""Holds: after misconduct pending points stay pending, until a verdict, or until the hold is over.

A lot that falls due meanwhile is put off to the end of the hold, so that a verdict finds what was held by its due time.
"""

from bisect import insort

from features.actions import Adjust, Misconduct
from features.event_time import DAY_MS
from features.table import QUARTER_WINDOW, SEVERITIES
from loyalty.account_rows import VoidedLot
from loyalty.context import Context
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import place_of, take_pending
from loyalty.policy.earning import Hold
from loyalty.rejections import Rejection


def due_or_held(context: Context, since_ms: int, pending_ms: int) -> int:
    """When points earned at `since_ms` become active; 0 for at once."""
    due_ms = since_ms + pending_ms if pending_ms else 0
    hold_ms = context.core.hold_ms
    return max(due_ms, hold_ms) if hold_ms > context.now_ms else due_ms


def hold(context: Context, action: Misconduct) -> None:
    """Hold the member's pending points where the policy says so; the windows know of the action by now."""
    core = context.core
    score = context.windows.total(SEVERITIES, QUARTER_WINDOW)
    for rule in context.compiled.holds:
        until_ms = context.time_ms + rule.days * DAY_MS
        if _meets(rule, action, score) and until_ms > max(core.hold_ms, context.now_ms):
            for lot in core.pending:
                if lot.due_ms == core.hold_ms:  # put off before
                    lot.due_ms = until_ms
            core.pending.sort(key=place_of)
            core.hold_ms = until_ms
            facts = Facts("misconduct", rule.id, reason=action.data.kind)
            post(context, "held", entry_id(context, "held", rule.id), [], facts)


def put_off(context: Context) -> bool:
    """Put the first pending lot off to the end of the hold; False where there is none."""
    core = context.core
    if core.hold_ms <= context.now_ms:
        return False
    lot = core.pending.pop(0)
    lot.due_ms = core.hold_ms
    insort(core.pending, lot, key=place_of)
    context.account.core_changed = True
    return True


def verdict_objection(context: Context, action: Adjust) -> Rejection | None:
    """Why there is nothing to give a verdict on."""
    if action.data.verdict is None or context.core.hold_ms > context.now_ms:
        return None
    return Rejection("nothing_held", "no points of this member are held, so there is nothing to release or cancel")


def give_verdict(context: Context, action: Adjust) -> None:
    """End the hold: what would be active by now becomes so, or all that is pending is cancelled."""
    core, data = context.core, action.data
    context.account.core_changed = True
    if data.verdict == "release":
        for lot in core.pending:
            if lot.due_ms == core.hold_ms:
                lot.due_ms = context.now_ms
        core.pending.sort(key=place_of)
    else:
        horizon_ms = context.now_ms - context.policy.input.reach_ms
        core.voided = [past for past in core.voided if past.at_ms >= horizon_ms]
        changes = []
        for lot in list(core.pending):
            core.voided.append(VoidedLot(lot.lot, context.now_ms))
            taken = take_pending(core, lot.due_ms, lot.lot, lot.points)
            if taken is not None:
                changes.append(taken)
        if changes:
            facts = Facts("adjust", reason=data.reason, operator=data.operator)
            post(context, "cancelled", entry_id(context, "cancelled", "verdict"), changes, facts)
    core.hold_ms = 0


def _meets(rule: Hold, action: Misconduct, score: int) -> bool:
    data = action.data
    return (
        data.severity >= rule.severity_from and score >= rule.score_from and (not rule.kinds or data.kind in rule.kinds)
    )
