"""Streaks: days, weeks or months in a row with an action that a rule is about.

What is kept are the periods that had one and whether a streak has used them up. So a late action can fill a gap, and a
period never counts twice.
"""

from loyalty.context import Context
from loyalty.policy.earning import Streak

STREAK = "streak/"
"""What the counters of streaks begin with."""

_SEEN = 1
_USED = 2


def completes_streak(context: Context, rule: str, streak: Streak) -> bool:
    """Note the action's period; whether it completes a streak, whose periods are used up with that."""
    periods = context.account.counters.setdefault(STREAK + rule, {})
    calendar = context.calendar
    span = calendar.span(streak.per, context.time_ms)
    if span.day in periods:
        return False
    _forget(context, streak, periods)
    periods[span.day] = _SEEN
    context.account.counters_changed = True
    row = [span.day]
    before = calendar.span_of_day(streak.per, span.day - 1)
    while periods.get(before.day) == _SEEN:
        row.insert(0, before.day)
        before = calendar.span_of_day(streak.per, before.day - 1)
    after = calendar.after(streak.per, span, 1)
    while periods.get(after.day) == _SEEN:
        row.append(after.day)
        after = calendar.after(streak.per, after, 1)
    if len(row) < streak.length:
        return False
    for day in row[: streak.length]:
        periods[day] = _USED
    return True


def _forget(context: Context, streak: Streak, periods: dict[int, int]) -> None:
    """Drop periods that lie further back than a streak reaches from the oldest action that may still come."""
    calendar = context.calendar
    oldest = calendar.span(streak.per, context.now_ms - context.policy.input.lateness_ms)
    for _ in range(streak.length):
        oldest = calendar.span_of_day(streak.per, oldest.day - 1)
    for day in [day for day in periods if day < oldest.day]:
        del periods[day]
