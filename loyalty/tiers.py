"""Tiers: what counts is summed by local period, and the tier follows from those sums and log time alone.

For each period (year, or month of a rolling window; one for a lifetime) there are the sums of what counts, and from
them the rank that its window's value reaches. The tier is a walk over the periods:

    period          2017        2018        2019
    value's rank    gold        base        base
    tier            gold        gold        silver      one_down, at the end of 2018
                    `-- valid to the end of 2018 --'`-- valid to the end of 2019

* at the start of a period, a tier whose validity and grace are over lapses: `one_down`, `balance_based`, `to_base`;
* within a period that has activity, a rank at or above the tier becomes the tier, at once, valid to the end of the
  period `valid_periods` later.

So it does not matter in which order actions arrived, nor when somebody looked. Periods that no late action and no
refund can reach any more are folded into the anchor from which the walk starts. A tier once reached stays for its
validity when weights or thresholds move; only a refund that itself takes the value below the threshold takes it away.
"""

from operator import itemgetter
from typing import Literal

from features.aggregates import Amounts
from loyalty.account_rows import QualifyingPeriod
from loyalty.calendar import NEVER_MS, Span
from loyalty.context import Context
from loyalty.decisions import OverrideData
from loyalty.policy.ladder import EARNED_KEY, MONTHS_KEY, QUALIFYING_KEY
from loyalty.qualification import month_of, period_of, rank_of, sum_up
from loyalty.standing import Standing, heading_for, overridden, walk
from loyalty.tier_events import announce

_BY_VALUE = itemgetter(1)

Reason = Literal["qualified", "late_activity", "refund", "cycle_end", "policy_change", "override", "linked"]


def join(context: Context) -> None:
    """Start the member in the ladder's first tier."""
    state, ladder = context.core.tier, context.compiled.ladder
    state.tier = ladder.ids[0]
    _start(context)
    announce(context, "joined", ("", state.tier), "joined")


def _start(context: Context) -> None:
    """Count from here on, from the oldest period that a late action can still reach."""
    state, ladder = context.core.tier, context.compiled.ladder
    oldest_ms = context.now_ms - context.policy.input.lateness_ms
    state.anchor_day = context.cycle.span(ladder.period, oldest_ms).day
    if state.override is None:  # else what was earned before it stays the start
        state.anchor_tier, state.anchor_valid_until_ms = state.tier, state.valid_until_ms
    state.anchor_reached = ladder.ids[0]
    state.periods = []
    state.window = ladder.window
    state.policy_version = context.scope.policy_version


def count(context: Context, amounts: Amounts, time_ms: int, earned: int = 0, qualifying: int = 0) -> None:
    """Add what happened at `time_ms` to what counts for the tier, and let the tier follow.

    A refund's amounts are negative; its `time_ms` is that of the purchase.
    """
    state = context.core.tier
    if context.scope.policy_version > state.policy_version:
        follow_policy(context)
    reason = add_up(context, amounts, time_ms, earned, qualifying)
    if reason is None:
        return
    if context.scope.policy_version < state.policy_version:  # decided anew, under the ladder that is in force by now
        state.due_ms = min(state.due_ms or context.now_ms, context.now_ms)
    else:
        settle(context, reason)


def add_up(context: Context, amounts: Amounts, time_ms: int, earned: int = 0, qualifying: int = 0) -> Reason | None:
    """Add to the sums, as `count` does, but leave the tier; returns why it might be another one now."""
    ladder, state = context.compiled.ladder, context.core.tier
    counted = ladder.counted
    adds = [pair for pair in amounts if pair[0] in counted]
    if earned and EARNED_KEY in counted:
        adds.append((EARNED_KEY, earned))
    if qualifying and QUALIFYING_KEY in counted:
        adds.append((QUALIFYING_KEY, qualifying))
    if MONTHS_KEY in counted:
        adds += month_of(context, amounts, time_ms)
    if not adds or state.window != ladder.window:
        return None
    span = context.cycle.span(ladder.period, time_ms)
    return _add(context, span, adds) if span.day >= state.anchor_day else None


def follow_policy(context: Context) -> None:
    """Let the tier follow from the ladder of a new policy version."""
    if context.core.tier.window != context.compiled.ladder.window:
        _start(context)
    settle(context, "policy_change")


def _add(context: Context, span: Span, adds: list[tuple[int, int]]) -> Reason | None:
    """Add to the sums of a period; returns why the tier might be another one now, None if it cannot be."""
    ladder, state = context.compiled.ladder, context.core.tier
    context.account.core_changed = True
    period = period_of(context, span.day)
    if min(adds, key=_BY_VALUE)[1] < 0:
        return _lower(context, period, adds)
    sum_up(period.sums, adds)
    if ladder.window_months == 1:
        rank = ladder.rank(ladder.value(period.sums, context.scope.weights))
    else:
        rank = rank_of(context, span.day)
    raised = rank > ladder.index.get(period.reached, 0)
    if raised:
        period.reached = ladder.ids[rank]
    if not raised and not ladder.holds_lower and (ladder.window_months == 1 or period is state.periods[-1]):
        return None
    return "qualified" if span.start_ms <= context.now_ms < span.end_ms else "late_activity"


def _lower(context: Context, period: QualifyingPeriod, adds: list[tuple[int, int]]) -> Reason | None:
    """After a refund: what the windows from `period` on had reached falls with their value, and no further."""
    ladder = context.compiled.ladder
    later = [other for other in context.core.tier.periods if other.day >= period.day]
    before = [rank_of(context, other.day) for other in later]
    sum_up(period.sums, adds)
    lowered = False
    for other, rank_before in zip(later, before, strict=True):
        rank = rank_of(context, other.day)
        if rank < rank_before and rank < ladder.index.get(other.reached, 0):
            other.reached = ladder.ids[rank]
            lowered = True
    return "refund" if lowered or ladder.window_months > 1 or ladder.holds_lower else None


def settle(context: Context, reason: Reason) -> None:
    """Let the tier be what follows from the sums at log time, and say so if it has changed."""
    state, ladder = context.core.tier, context.compiled.ladder
    context.account.core_changed = True
    state.policy_version = max(state.policy_version, context.scope.policy_version)
    current = context.cycle.span(ladder.period, context.now_ms)
    old, old_valid_ms = state.tier, state.valid_until_ms
    if state.override is not None and state.override.tier not in ladder.index:
        end_override(context, "policy_change")
    standing = overridden(context, walk(context, current))
    state.tier, state.valid_until_ms = ladder.ids[standing.rank], standing.valid_until_ms
    rank = ladder.index.get(old, 0)
    if standing.rank > rank:
        announce(context, "upgraded", (old, state.tier), reason)
    elif standing.rank < rank:
        announce(context, "downgraded", (old, state.tier), reason)
    elif standing.valid_until_ms > old_valid_ms:
        announce(context, "prolonged", (old, state.tier), reason)
    elif standing.valid_until_ms < old_valid_ms:
        announce(context, "expiration_changed", (old, state.tier), reason)
    _schedule(context, current)


def run_tier_due(context: Context) -> None:
    """Do the tier's due work: the end of a cycle, the start of a period that has activity already, or a warning."""
    state, ladder = context.core.tier, context.compiled.ladder
    if state.override is not None and state.override.until_ms <= context.now_ms:
        end_override(context, "override")
        settle(context, "override")
    else:
        settle(context, "cycle_end" if 0 < state.valid_until_ms <= context.now_ms else "qualified")
    rank = ladder.index.get(state.tier, 0)
    if rank and ladder.warn_ms and context.now_ms == state.valid_until_ms - ladder.warn_ms:
        current = context.cycle.span(ladder.period, context.now_ms)
        lower = heading_for(context, Standing(rank, state.valid_until_ms), current)
        if lower < rank:
            announce(context, "will_downgrade", (state.tier, ladder.ids[lower]), "cycle_end")


def end_override(context: Context, reason: Reason, note: tuple[str, str] = ("", "")) -> None:
    """Take an override away and say so; what becomes of the tier is for `settle` to find out."""
    state = context.core.tier
    if state.override is not None:
        ended, state.override = state.override, None
        told = OverrideData(ended.kind, ended.tier, ended.until_ms, *note)
        announce(context, "override_ended", (state.tier, state.tier), reason, told)


def _schedule(context: Context, current: Span) -> None:
    """When the tier is to be looked at again."""
    state, ladder = context.core.tier, context.compiled.ladder
    due: list[int] = []
    if ladder.index.get(state.tier, 0) and state.valid_until_ms < NEVER_MS:
        due.append(state.valid_until_ms)
        due.append(state.valid_until_ms + ladder.grace_ms)
        due.append(state.valid_until_ms - ladder.warn_ms)
    if state.override is not None:
        due.append(state.override.until_ms)
    due.extend(
        context.cycle.span_of_day(ladder.period, period.day).start_ms
        for period in state.periods
        if period.day > current.day
    )
    state.due_ms = min((due_ms for due_ms in due if due_ms > context.now_ms), default=0)
