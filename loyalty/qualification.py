"""What counts for the tier: sums by local period, and the value on the ladder's scale that a window of them has."""

from features.event_time import add_months
from loyalty.account_rows import QualifyingPeriod
from loyalty.context import Context
from loyalty.decisions import Contribution
from loyalty.policy.fields import BP


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
    sums, weights = window_sums(context, day), context.scope.weights
    return tuple(
        Contribution(
            measure=term.measure,
            value=sums.get(term.key, 0),
            weight_bp=weights.score(term.measure) if term.learned else BP,
            points=term.points(sums.get(term.key, 0), weights),
        )
        for term in context.compiled.ladder.terms
    )
