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

from collections.abc import Iterator
from typing import Literal, NamedTuple

from features.aggregates import Amounts
from loyalty.account_rows import QualifyingPeriod
from loyalty.calendar import NEVER_MS, Span
from loyalty.context import Context
from loyalty.policy.compiled import EARNED_KEY, QUALIFYING_KEY
from loyalty.qualification import period_of, rank_of, window_start_day
from loyalty.tier_events import announce

Reason = Literal["qualified", "late_activity", "refund", "cycle_end", "policy_change"]


class Standing(NamedTuple):
    """A tier by its index, and how long it is valid; the base tier has no end, shown as 0."""

    rank: int
    valid_until_ms: int


def join(context: Context) -> None:
    """Start the member in the ladder's first tier."""
    state, ladder = context.core.tier, context.compiled.ladder
    state.tier = ladder.ids[0]
    _start(context)
    announce(context, "joined", "", state.tier, "joined")


def _start(context: Context) -> None:
    """Count from here on, from the oldest period that a late action can still reach."""
    state, ladder = context.core.tier, context.compiled.ladder
    oldest_ms = context.now_ms - context.policy.input.lateness_ms
    state.anchor_day = context.calendar.span(ladder.period, oldest_ms).day
    state.anchor_tier, state.anchor_valid_until_ms, state.anchor_reached = (
        state.tier,
        state.valid_until_ms,
        ladder.ids[0],
    )
    state.periods = []
    state.window = ladder.window
    state.policy_version = context.scope.policy_version


def count(context: Context, amounts: Amounts, time_ms: int, earned: int = 0, qualifying: int = 0) -> None:
    """Add what happened at `time_ms` to what counts for the tier, and let the tier follow.

    A refund's amounts are negative; its `time_ms` is that of the purchase.
    """
    ladder, state = context.compiled.ladder, context.core.tier
    counted = ladder.counted
    adds = [pair for pair in amounts if pair[0] in counted]
    if earned and EARNED_KEY in counted:
        adds.append((EARNED_KEY, earned))
    if qualifying and QUALIFYING_KEY in counted:
        adds.append((QUALIFYING_KEY, qualifying))
    reason: Reason | None = None
    if context.scope.policy_version > state.policy_version:
        if state.window != ladder.window:
            _start(context)
        reason = "policy_change"
    if adds and state.window == ladder.window:
        span = context.calendar.span(ladder.period, time_ms)
        if span.day >= state.anchor_day:
            reason = _add(context, span, adds) or reason
    if reason is not None:
        settle(context, reason)


def _add(context: Context, span: Span, adds: list[tuple[int, int]]) -> Reason | None:
    """Add to the sums of a period; returns why the tier might be another one now, None if it cannot be."""
    ladder, state = context.compiled.ladder, context.core.tier
    context.account.core_changed = True
    period = period_of(context, span.day)
    if any(value < 0 for _, value in adds):
        return _lower(context, period, adds)
    _sum_up(period, adds)
    if ladder.window_months == 1:
        rank = ladder.rank(ladder.value(period.sums, context.scope.weights))
    else:
        rank = rank_of(context, span.day)
    raised = rank > ladder.index.get(period.reached, 0)
    if raised:
        period.reached = ladder.ids[rank]
    if not raised and (ladder.window_months == 1 or period is state.periods[-1]):
        return None
    return "qualified" if span.start_ms <= context.now_ms < span.end_ms else "late_activity"


def _sum_up(period: QualifyingPeriod, adds: list[tuple[int, int]]) -> None:
    sums = period.sums
    for key, value in adds:
        sums[key] = max(0, sums.get(key, 0) + value)


def _lower(context: Context, period: QualifyingPeriod, adds: list[tuple[int, int]]) -> Reason | None:
    """After a refund: what the windows from `period` on had reached falls with their value, and no further."""
    ladder = context.compiled.ladder
    later = [other for other in context.core.tier.periods if other.day >= period.day]
    before = [rank_of(context, other.day) for other in later]
    _sum_up(period, adds)
    lowered = False
    for other, rank_before in zip(later, before, strict=True):
        rank = rank_of(context, other.day)
        if rank < rank_before and rank < ladder.index.get(other.reached, 0):
            other.reached = ladder.ids[rank]
            lowered = True
    return "refund" if lowered or ladder.window_months > 1 else None


def settle(context: Context, reason: Reason) -> None:
    """Let the tier be what follows from the sums at log time, and say so if it has changed."""
    state, ladder = context.core.tier, context.compiled.ladder
    context.account.core_changed = True
    state.policy_version = max(state.policy_version, context.scope.policy_version)
    current = context.calendar.span(ladder.period, context.now_ms)
    old, old_valid_ms = state.tier, state.valid_until_ms
    standing = _walk(context, current)
    state.tier, state.valid_until_ms = ladder.ids[standing.rank], standing.valid_until_ms
    rank = ladder.index.get(old, 0)
    if standing.rank > rank:
        announce(context, "upgraded", old, state.tier, reason)
    elif standing.rank < rank:
        announce(context, "downgraded", old, state.tier, reason)
    elif standing.valid_until_ms > old_valid_ms:
        announce(context, "prolonged", old, state.tier, reason)
    elif standing.valid_until_ms < old_valid_ms:
        announce(context, "expiration_changed", old, state.tier, reason)
    _schedule(context, current)


def run_tier_due(context: Context) -> None:
    """Do the tier's due work: the end of a cycle, the start of a period that has activity already, or a warning."""
    state, ladder = context.core.tier, context.compiled.ladder
    settle(context, "cycle_end" if 0 < state.valid_until_ms <= context.now_ms else "qualified")
    rank = ladder.index.get(state.tier, 0)
    if rank and ladder.warn_ms and context.now_ms == state.valid_until_ms - ladder.warn_ms:
        current = context.calendar.span(ladder.period, context.now_ms)
        lapsed = _lapsed(context, rank, rank_of(context, current.day), current)
        if lapsed.rank < rank:
            announce(context, "will_downgrade", state.tier, ladder.ids[lapsed.rank], "cycle_end")


def _walk(context: Context, current: Span) -> Standing:
    """Follow the periods from the anchor to `current`, and move the anchor over those that are final."""
    state, ladder, calendar = context.core.tier, context.compiled.ladder, context.calendar
    limits = context.policy.input
    open_ms = max(limits.lateness_ms + limits.max_skew_ms, limits.refund_horizon_ms, ladder.grace_ms)
    reached = {period.day: ladder.index.get(period.reached, 0) for period in state.periods}
    standing = Standing(ladder.index.get(state.anchor_tier, 0), state.anchor_valid_until_ms)
    balance = ladder.index.get(state.anchor_reached, 0)
    for span in _spans(context, state.anchor_day, current):
        lapses_ms = standing.valid_until_ms + ladder.grace_ms
        if standing.rank and standing.valid_until_ms <= span.start_ms and lapses_ms <= context.now_ms:
            standing = _lapsed(context, standing.rank, balance, span)
        balance = max(rank_of(context, span.day), reached.get(span.day, 0))
        if balance and balance >= standing.rank and span.day in reached:
            standing = Standing(balance, calendar.after(ladder.period, span, ladder.valid_periods).end_ms)
        if span.end_ms + open_ms <= context.now_ms:
            _settle_anchor(context, span, standing, balance)
    return standing


def _spans(context: Context, day: int, current: Span) -> Iterator[Span]:
    period, calendar = context.compiled.ladder.period, context.calendar
    span = calendar.span_of_day(period, day)
    while span.day < current.day:
        yield span
        span = calendar.after(period, span, 1)
    yield current


def _lapsed(context: Context, rank: int, balance: int, span: Span) -> Standing:
    """Where a member goes whose tier was not reached again; the new tier is valid for at least the period `span`."""
    ladder = context.compiled.ladder
    match ladder.downgrade:
        case "to_base":
            lower = 0
        case "one_down":
            lower = max(rank - 1, min(rank, balance))
        case "balance_based":
            lower = min(rank, balance)
    if not lower:
        return Standing(0, 0)
    return Standing(lower, context.calendar.after(ladder.period, span, max(ladder.valid_periods - 1, 0)).end_ms)


def _settle_anchor(context: Context, span: Span, standing: Standing, balance: int) -> None:
    """The period `span` is final: start all further walks after it."""
    state, ladder = context.core.tier, context.compiled.ladder
    day = state.anchor_day = context.calendar.after(ladder.period, span, 1).day
    state.anchor_tier, state.anchor_valid_until_ms = ladder.ids[standing.rank], standing.valid_until_ms
    state.anchor_reached = ladder.ids[balance]
    first = window_start_day(context, day)
    state.periods = [period for period in state.periods if period.day >= first]


def _schedule(context: Context, current: Span) -> None:
    """When the tier is to be looked at again."""
    state, ladder = context.core.tier, context.compiled.ladder
    due: list[int] = []
    if ladder.index.get(state.tier, 0) and state.valid_until_ms < NEVER_MS:
        due.append(state.valid_until_ms)
        due.append(state.valid_until_ms + ladder.grace_ms)
        due.append(state.valid_until_ms - ladder.warn_ms)
    due.extend(
        context.calendar.span_of_day(ladder.period, period.day).start_ms
        for period in state.periods
        if period.day > current.day
    )
    state.due_ms = min((due_ms for due_ms in due if due_ms > context.now_ms), default=0)
