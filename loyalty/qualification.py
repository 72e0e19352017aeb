"""What counts for the tier: sums by local period, and the value on the ladder's scale that a window of them has."""

from features.aggregates import Amounts
from features.event_time import add_months, date_of
from features.table import PURCHASES
from loyalty.account_rows import QualifyingPeriod
from loyalty.context import Context
from loyalty.decisions import Contribution
from loyalty.policy.fields import BP
from loyalty.policy.ladder import MONTH_KEYS, MONTHS_KEY

_MONTHS_PER_YEAR = 12


def period_of(context: Context, day: int) -> QualifyingPeriod:
    """The sums of the period that starts with `day`, made if they are not there."""
    periods = context.core.tier.periods
    if periods and periods[-1].day == day:
        return periods[-1]
    at = len(periods)
    while at and periods[at - 1].day >= day:
        at -= 1
        if periods[at].day == day:
            return periods[at]
    period = QualifyingPeriod(day, context.compiled.ladder.ids[0], {})
    periods.insert(at, period)
    return period


def month_of(context: Context, amounts: Amounts, time_ms: int) -> list[tuple[int, int]]:
    """Purchases, or purchases taken back, under the key of their local month."""
    date = date_of(context.calendar.zone.local_day(time_ms))
    key = MONTH_KEYS - (date.year * _MONTHS_PER_YEAR + date.month)
    return [(key, value) for measure, value in amounts if measure == PURCHASES]


def sum_up(sums: dict[int, int], adds: list[tuple[int, int]]) -> None:
    """Add to sums, none of which falls below zero. A month counts while it has a purchase.

    Example:
        >>> sums = {}
        >>> sum_up(sums, [(MONTH_KEYS - 1, 2), (MONTH_KEYS - 2, 1)])
        >>> sum_up(sums, [(MONTH_KEYS - 2, -1)])
        >>> sums[MONTHS_KEY]
        1
    """
    for key, value in adds:
        before = sums.get(key, 0)
        after = sums[key] = max(0, before + value)
        if key <= MONTH_KEYS and bool(before) != bool(after):
            sums[MONTHS_KEY] = sums.get(MONTHS_KEY, 0) + (1 if after else -1)


def window_start_day(context: Context, day: int) -> int:
    """First day of the qualification window that ends with the period that starts with `day`."""
    months = context.compiled.ladder.window_months
    return add_months(day, 1 - months) if months > 1 else day


def window_sums(context: Context, day: int) -> dict[int, int]:
    """The sums of the qualification window that ends with the period that starts with `day`."""
    first = window_start_day(context, day)
    inside = [period.sums for period in context.core.tier.periods if first <= period.day <= day]
    if len(inside) == 1:
        return inside[0]
    return {key: sum(sums.get(key, 0) for sums in inside) for key in context.compiled.ladder.counted}


def value_of(context: Context, day: int) -> int:
    """The qualification value of that window."""
    return context.compiled.ladder.value(window_sums(context, day), context.scope.weights)


def rank_of(context: Context, day: int) -> int:
    """Index of the tier that this value reaches."""
    return context.compiled.ladder.rank(value_of(context, day))


def contributions(context: Context, day: int) -> tuple[Contribution, ...]:
    """What each measure adds to the qualification value, in the policy's order; they sum up to it."""
    sums, weights, ladder = window_sums(context, day), context.scope.weights, context.compiled.ladder
    return tuple(
        Contribution(
            measure=term.measure,
            value=sums.get(term.key, 0),
            weight_bp=weights.score(term.measure) if term.learned else BP,
            points=points,
        )
        for term, points in zip(ladder.terms, ladder.parts(sums, weights), strict=True)
    )
