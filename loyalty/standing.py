"""What tier follows from the sums of the periods: the walk, and what an operator's override makes of its end."""

from collections.abc import Iterator
from typing import NamedTuple

from loyalty.calendar import Span
from loyalty.context import Context
from loyalty.qualification import value_of, window_start_day


class Standing(NamedTuple):
    """A tier by its index, and how long it is valid; the base tier has no end, shown as 0."""

    rank: int
    valid_until_ms: int


def walk(context: Context, current: Span) -> Standing:
    """Follow the periods from the anchor to `current`, and move the anchor over those that are final."""
    state, ladder, calendar = context.core.tier, context.compiled.ladder, context.cycle
    limits = context.policy.input
    open_ms = max(limits.lateness_ms + limits.max_skew_ms, limits.refund_horizon_ms, ladder.grace_ms)
    reached = {period.day: ladder.index.get(period.reached, 0) for period in state.periods}
    standing = Standing(ladder.index.get(state.anchor_tier, 0), state.anchor_valid_until_ms)
    balance = ladder.index.get(state.anchor_reached, 0)
    for span in _spans(context, state.anchor_day, current):
        lapses_ms = standing.valid_until_ms + ladder.grace_ms
        if standing.rank and standing.valid_until_ms <= span.start_ms and lapses_ms <= context.now_ms:
            standing = lapsed(context, standing.rank, balance, span)
        value = value_of(context, span.day)
        balance = max(ladder.rank(value), reached.get(span.day, 0))
        held = max(balance, standing.rank if value >= ladder.hold_thresholds[standing.rank] else 0)
        if held and held >= standing.rank and span.day in reached:
            standing = Standing(held, calendar.after(ladder.period, span, ladder.valid_periods).end_ms)
        if span.end_ms + open_ms <= context.now_ms:
            _settle_anchor(context, span, standing, balance)
    return standing


def _spans(context: Context, day: int, current: Span) -> Iterator[Span]:
    period, calendar = context.compiled.ladder.period, context.cycle
    span = calendar.span_of_day(period, day)
    while span.day < current.day:
        yield span
        span = calendar.after(period, span, 1)
    yield current


def lapsed(context: Context, rank: int, balance: int, span: Span) -> Standing:
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
    return Standing(lower, context.cycle.after(ladder.period, span, max(ladder.valid_periods - 1, 0)).end_ms)


def _settle_anchor(context: Context, span: Span, standing: Standing, balance: int) -> None:
    """The period `span` is final: start all further walks after it."""
    state, ladder = context.core.tier, context.compiled.ladder
    day = state.anchor_day = context.cycle.after(ladder.period, span, 1).day
    state.anchor_tier, state.anchor_valid_until_ms = ladder.ids[standing.rank], standing.valid_until_ms
    state.anchor_reached = ladder.ids[balance]
    first = window_start_day(context, day)
    state.periods = [period for period in state.periods if period.day >= first]


def overridden(context: Context, earned: Standing) -> Standing:
    """What an operator's override makes of the tier that the member has earned."""
    state = context.core.tier
    if state.override is None:
        return earned
    rank = context.compiled.ladder.index[state.override.tier]
    if state.override.kind == "fix" or rank > earned.rank:
        return Standing(rank, state.override.until_ms)
    if rank and rank == earned.rank:
        return Standing(rank, max(earned.valid_until_ms, state.override.until_ms))
    return earned


def heading_for(context: Context, standing: Standing, current: Span) -> int:
    """Index of the tier that the member goes to when the validity of `standing` ends, if nothing more happens."""
    state, ladder = context.core.tier, context.compiled.ladder
    earned = walk(context, current)
    override = state.override
    if override is not None and override.until_ms == standing.valid_until_ms and earned.rank < standing.rank:
        return earned.rank
    rank = lapsed(context, earned.rank, ladder.rank(value_of(context, current.day)), current).rank
    if override is not None and override.until_ms > standing.valid_until_ms:
        rank = max(rank, ladder.index[override.tier])
    return rank
