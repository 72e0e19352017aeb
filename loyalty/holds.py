"""Holds: pending points stay pending after misconduct, until a verdict, or until the hold is over.

What holds is reported misconduct, or the learned misconduct score; each has its own end, and points wait for the later
one. A lot that falls due meanwhile is put off to the end of the hold, so that a verdict finds what was held by its due
time.
"""

from bisect import insort

import msgspec

from features.actions import Adjust, Misconduct
from features.event_time import DAY_MS
from features.table import QUARTER_WINDOW, SEVERITIES
from loyalty.account_rows import Held
from loyalty.context import Context
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import place_of, void
from loyalty.policy.earning import Hold
from loyalty.rejections import Rejection
from loyalty.verdicts import Verdict


def due_or_held(context: Context, since_ms: int, pending_ms: int) -> int:
    """When points earned at `since_ms` become active; 0 for at once.

    Points that wait anyhow keep their own date: if it comes during a hold they are put off then, and if the hold ends
    before it they still wait for it.
    """
    if pending_ms:
        return since_ms + pending_ms
    hold_ms = context.core.hold_ms
    return hold_ms if hold_ms > context.now_ms else 0


def hold(context: Context, action: Misconduct) -> None:
    """Hold the member's pending points where the policy says so; the windows know of the action by now."""
    score = context.windows.total(SEVERITIES, QUARTER_WINDOW)
    for rule in context.compiled.holds:
        until_ms = context.time_ms + rule.days * DAY_MS
        if not _meets(rule, action, score) or until_ms <= context.now_ms:
            continue
        before_ms, held = context.core.hold_ms, _held(context)
        if until_ms > held.misconduct_ms:
            held.misconduct_ms = until_ms
            context.account.core_changed = True
            _move_put_off(context, before_ms)
            facts = Facts("misconduct", rule.id, reason=action.data.kind)
            post(context, "held", entry_id(context, "held", rule.id), [], facts)


def follow_verdict(context: Context, verdict: Verdict) -> None:
    """Let the misconduct score hold, release or cancel, as far as the policy's holds by `anomaly` go; each once."""
    held = _held(context)
    if verdict.example_offset <= held.example_offset:
        return
    held.example_offset = verdict.example_offset
    context.account.core_changed = True
    rules = [rule for rule in context.compiled.anomaly_holds if verdict.score >= rule.score_from]
    facts = Facts("verdict", reason=verdict.reason, misconduct_score=verdict.score)
    match verdict.verdict:
        case "hold":
            for rule in rules:
                _hold_by_score(context, rule, msgspec.structs.replace(facts, rule=rule.id))
        case "release":
            before_ms, held.verdict_ms = context.core.hold_ms, 0
            _move_put_off(context, before_ms)
        case "cancel":
            cancelling = next((rule for rule in rules if rule.cancels), None)
            if cancelling is not None:
                _cancel_pending(context, msgspec.structs.replace(facts, rule=cancelling.id))


def _hold_by_score(context: Context, rule: Hold, facts: Facts) -> None:
    held = _held(context)
    until_ms = context.now_ms + rule.days * DAY_MS
    if until_ms > held.verdict_ms:
        before_ms = context.core.hold_ms
        held.verdict_ms = until_ms
        _move_put_off(context, before_ms)
        post(context, "held", entry_id(context, "held", rule.id), [], facts)


def _held(context: Context) -> Held:
    core = context.core
    if core.held is None:
        core.held = Held()
    return core.held


def _move_put_off(context: Context, before_ms: int) -> None:
    """Let what was put off to the end of a hold, `before_ms`, wait for the end that it has now, or be due now."""
    core = context.core
    due_ms = max(core.hold_ms, context.now_ms)
    if before_ms <= context.now_ms:
        return
    awaiting = {awaited.lot for awaited in core.awaiting}
    for lot in core.pending:
        if lot.due_ms == before_ms and lot.lot not in awaiting:
            lot.due_ms = due_ms
    core.pending.sort(key=place_of)


def put_off(context: Context) -> bool:
    """Put the first pending lot off to the end of the hold; False where there is none."""
    core = context.core
    hold_ms = core.hold_ms
    if hold_ms <= context.now_ms:
        return False
    lot = core.pending.pop(0)
    lot.due_ms = hold_ms
    insort(core.pending, lot, key=place_of)
    context.account.core_changed = True
    return True


def verdict_objection(context: Context, action: Adjust) -> Rejection | None:
    """Why there is nothing to give a verdict on."""
    if action.data.verdict is None or context.core.hold_ms > context.now_ms:
        return None
    return Rejection("nothing_held", "no points of this member are held, so there is nothing to release or cancel")


def give_verdict(context: Context, action: Adjust) -> None:
    """End all holds by an operator's word: what is due by now becomes active, or all that is pending is cancelled."""
    data = action.data
    if data.verdict == "cancel":
        _cancel_pending(context, Facts("adjust", reason=data.reason, operator=data.operator))
    else:
        _end_holds(context)


def _end_holds(context: Context) -> None:
    before_ms, held = context.core.hold_ms, _held(context)
    held.misconduct_ms = held.verdict_ms = 0
    context.account.core_changed = True
    _move_put_off(context, before_ms)


def _cancel_pending(context: Context, facts: Facts) -> None:
    """Take all pending points, remember whose they were, and end all holds: nothing is left to be held."""
    core = context.core
    changes = void(core, list(core.pending), context.now_ms, context.policy.input.memory_ms)
    if changes:
        post(context, "cancelled", entry_id(context, "cancelled", "verdict"), changes, facts)
    _end_holds(context)


def _meets(rule: Hold, action: Misconduct, score: int) -> bool:
    data = action.data
    return (
        data.severity >= rule.severity_from and score >= rule.score_from and (not rule.kinds or data.kind in rule.kinds)
    )
