"""Caps of earning rules, per member and local calendar period.

A counter belongs to the period of the event time, so a late action uses up what its own day had left. Counters are kept
as long as a late action can still reach their period; an action that a link has sent on for longer than that finds its
cap used up, since nobody knows any more what is left of it.
"""

from loyalty.context import Context
from loyalty.policy.compiled import CapPlan, RulePlan


def within_caps(context: Context, plan: RulePlan, desired: int) -> tuple[int, str]:
    """What of `desired` the rule's caps leave, and the cap that cut it, as `points a day`; counts what is granted."""
    granted, cut = desired, ""
    for cap in plan.caps:
        used = context.account.counters.get(cap.key, {}).get(_day(context, cap, context.time_ms))
        room = 0 if used is None and _is_forgotten(context, cap) else _room(cap, used or 0, granted)
        if room < granted:
            granted, cut = room, cap.name
    if granted:
        for cap in plan.caps:
            _use(context, cap, context.time_ms, granted if cap.times is None else 1)
    return granted, cut


def give_back(context: Context, rule: str, time_ms: int, points: int) -> None:
    """Make room again in the caps of a rule: `points` that were granted at `time_ms` have been taken back."""
    for cap in context.compiled.rule_caps.get(rule, ()):
        counter = context.account.counters.get(cap.key)
        day = _day(context, cap, time_ms)
        if counter is not None and cap.points is not None and day in counter:
            counter[day] = max(0, counter[day] - points)
            context.account.counters_changed = True


def _room(cap: CapPlan, used: int, wanted: int) -> int:
    if cap.points is not None:
        return max(0, min(wanted, cap.points - used))
    return wanted if cap.times is None or used < cap.times else 0


def _day(context: Context, cap: CapPlan, time_ms: int) -> int:
    return context.calendar.span(cap.period, time_ms).day


def _oldest(context: Context, cap: CapPlan) -> int:
    """The oldest period that a late action can reach."""
    return _day(context, cap, context.now_ms - context.policy.input.lateness_ms)


def _is_forgotten(context: Context, cap: CapPlan) -> bool:
    return _day(context, cap, context.time_ms) < _oldest(context, cap)


def _use(context: Context, cap: CapPlan, time_ms: int, used: int) -> None:
    counter = context.account.counters.setdefault(cap.key, {})
    day = _day(context, cap, time_ms)
    if day not in counter:
        oldest = _oldest(context, cap)
        for past in [past for past in counter if past < oldest]:
            del counter[past]
    counter[day] = counter.get(day, 0) + used
    context.account.counters_changed = True
