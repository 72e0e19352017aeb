"""Joining: the first action makes a member, and a late one that is older makes one who joined earlier.

The day of joining is that of the oldest action, in whatever order actions arrive, since years of membership are counted
from it. An older action comes within the policy's lateness, so in the first of those years.
"""

from loyalty.context import Context
from loyalty.tiers import join, settle


def note_joining(context: Context) -> None:
    """Make a member of who is none yet, and let nobody have joined later than the action."""
    core = context.core
    if not core.member:
        core.member = context.member
        core.joined_ms = context.time_ms
        join(context)
    elif context.time_ms < core.joined_ms:
        core.joined_ms = context.time_ms
        context.account.core_changed = True
        if context.compiled.ladder.window == "anniversary" == core.tier.window:
            _move_years(context)


def _move_years(context: Context) -> None:
    """Count the same years of membership from an earlier day on."""
    state, period = context.core.tier, context.compiled.ladder.period
    context.joined_anew()
    state.anchor_day = context.cycle.span_of_day(period, state.anchor_day).day
    for each in state.periods:
        each.day = context.cycle.span_of_day(period, each.day).day
    settle(context, "late_activity")
