"""Milestones: points for what a member has done in all, such as the tenth review."""

from features.aggregates import Amounts
from features.table import ALL_TIME
from loyalty.account_rows import LOT_BYTES, PendingLot
from loyalty.context import Context
from loyalty.decisions import Factors
from loyalty.holds import due_or_held
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import add_active, add_pending
from loyalty.notices import notify, notify_progress
from loyalty.policy.earning import Milestone
from loyalty.policy.fields import BP
from loyalty.reminders import remind_ms

_COUNTER = "milestone/"
_AWARDS, _STEPS = 0, 1  # what is counted under it


def award_milestones(context: Context, amounts: Amounts) -> int:
    """Award the milestones that the action's amounts, which are in the windows by now, have reached; their points."""
    points = 0
    for measure, value in amounts:
        for milestone in context.compiled.milestones.get(measure, ()) if value > 0 else ():
            total = context.windows.total(measure, ALL_TIME)
            for number in range(_awarded(context, milestone) + 1, _reached(milestone, total) + 1):
                _award(context, milestone, number)
                points += milestone.points
            if milestone.steps > 1:
                _tell_progress(context, milestone, total)
    return points


def progress(context: Context, milestone: Milestone, measure: int) -> tuple[int, int]:
    """How far the member is towards the next award, and its target; both are the target where there is none left."""
    return progress_at(milestone, context.windows.total(measure, ALL_TIME), _awarded(context, milestone))


def progress_at(milestone: Milestone, total: int, awarded: int) -> tuple[int, int]:
    """The same for a total, where so many awards have been made.

    Example:
        >>> fan = Milestone(id="fan", measure="review_count", target=5, points=50, repeat="every")
        >>> progress_at(fan, 7, 1), progress_at(fan, 4, 1)  # a refund may have taken the total back
        ((7, 10), (4, 10))
    """
    if milestone.repeat == "once" and awarded:
        return milestone.target, milestone.target
    target = milestone.target * (awarded + 1)
    return min(total, target), target


def _tell_progress(context: Context, milestone: Milestone, total: int) -> None:
    """Tell the member of the last step that is done, each once; that of the award itself is told by it."""
    done = max(0, total) * milestone.steps // milestone.target
    if milestone.repeat == "once":
        done = min(done, milestone.steps)
    told = context.account.counters.get(_COUNTER + milestone.id, {}).get(_STEPS, 0)
    if done > told:
        context.account.counters.setdefault(_COUNTER + milestone.id, {})[_STEPS] = done
        context.account.counters_changed = True
        if done % milestone.steps:
            reached, target = progress_at(milestone, total, _awarded(context, milestone))
            notify_progress(context, milestone.id, milestone.points, reached, target)


def _reached(milestone: Milestone, total: int) -> int:
    times = max(0, total) // milestone.target
    return times if milestone.repeat == "every" else min(times, 1)


def _awarded(context: Context, milestone: Milestone) -> int:
    return context.account.counters.get(_COUNTER + milestone.id, {}).get(_AWARDS, 0)


def _award(context: Context, milestone: Milestone, number: int) -> None:
    policy, core = context.policy.points, context.core
    context.account.counters.setdefault(_COUNTER + milestone.id, {})[_AWARDS] = number
    context.account.counters_changed = True
    key = f"{milestone.id}/{number}"
    identity = entry_id(context, "earned", key)
    expires_ms = context.calendar.expires_ms(policy.expiry, context.time_ms)
    due_ms = due_or_held(context, context.time_ms, context.compiled.pending_ms)
    if due_ms:
        lot = bytes.fromhex(identity)[:LOT_BYTES]
        changes = [add_pending(core, PendingLot(due_ms, lot, milestone.points, expires_ms))]
    else:
        changes = add_active(core, expires_ms, milestone.points, remind_ms(context, expires_ms))
    points, rounding = milestone.points, context.policy.programme.rounding
    factors = Factors(1, points, 1, BP, BP, BP, desired=points, granted=points, rounding=rounding)
    post(context, "earned", identity, changes, Facts("milestone", milestone.id, factors=factors))
    notify(context, "milestone_reached", milestone.id, points=points)
