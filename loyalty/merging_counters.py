"""Counters of two ids of one person, added up: caps, quotas and limits are used by both from here on.

A streak's periods are those of either, and so are offers. Totals of a local day are added up too: where only both
together pass a rule's threshold its award is made now, where both have had it one is taken back.
"""

from typing import NamedTuple

from loyalty.campaigns import OFFER
from loyalty.conditions import DAY_TOTAL, Basis
from loyalty.context import Context
from loyalty.doubles import Double, Side, find_day_double, paid_days
from loyalty.earning import grant_basis
from loyalty.offers import OFFERS
from loyalty.policy.compiled import RulePlan
from loyalty.streaks import STREAK
from loyalty.tiers import count

_OF_EITHER = (STREAK, OFFER, OFFERS)

_BROWSE = "browse"  # the one action that has a duration


class DayAward(NamedTuple):
    """A day's award that neither had earned alone."""

    plan: RulePlan
    day: int


def reached_days(side: Side) -> set[tuple[str, int]]:
    """Each rule on a day's total with each local day that has passed its threshold, or is noted to have been paid."""
    context = side.context
    totals = context.account.counters.get(DAY_TOTAL, {})
    plans = _day_rules(context)
    reached = {(plan.rule.id, day) for plan in plans for day in totals if totals[day] > plan.day_over_ms}
    return reached | paid_days(side, {plan.rule.id for plan in plans})


def absorb_counters(mine: Side, theirs: Side, reached: set[tuple[str, int]]) -> tuple[list[Double], list[DayAward]]:
    """Add up all counters; returns what days have been paid twice, and what days are to be paid now.

    `reached` are the days that `theirs` had reached before what both have counted was taken out of its totals.
    """
    counters, other = mine.context.account.counters, theirs.context.account.counters
    mine_reached = reached_days(mine)
    for key in sorted(other):
        counter = counters.setdefault(key, {})
        for day, value in other[key].items():
            held = counter.get(day, 0)
            counter[day] = max(held, value) if key.startswith(_OF_EITHER) else held + value
    mine.context.account.counters_changed = True
    doubles = [find_day_double(theirs, rule, day) for rule, day in sorted(mine_reached & reached)]
    now = reached_days(mine) - mine_reached - reached
    awards = [
        DayAward(plan, day) for plan in _day_rules(mine.context) for rule, day in sorted(now) if rule == plan.rule.id
    ]
    return [double for double in doubles if double is not None], awards


def _day_rules(context: Context) -> list[RulePlan]:
    return [plan for plan in context.compiled.rules.get(_BROWSE, ()) if plan.day_over_ms]


def award_days(context: Context, days: list[DayAward]) -> None:
    """Make the awards for days whose total only the two together have reached.

    Rules on certain items, and awards by duration, ask for the action that completed the day: they wait for the next.
    """
    for plan, day in days:
        if plan.by_line or plan.by_duration or not _meets(context, plan):
            continue
        start_ms = context.calendar.span_of_day("day", day).start_ms
        grant, _ = grant_basis(context, plan, _BROWSE, Basis(1, (), start_ms, day), {})
        if grant is not None:
            points, qualifying = (0, grant.granted) if grant.qualifying else (grant.granted, 0)
            count(context, (), start_ms, points, qualifying)


def _meets(context: Context, plan: RulePlan) -> bool:
    if plan.tiers and context.core.tier.tier not in plan.tiers:
        return False
    return not plan.segments or context.in_segments(plan.segments)
