"""The tiers of two ids of one person, made one: sums of each period are added up, and the tier follows from them.

What either had reached stays reached for its validity, as for one member. Periods that are final, whose sums are kept
no more, cannot be added up: of what the two had reached by then the higher counts. Under `anniversary`, years are
those of the id that joined first; a year of the other counts in the one that lies as many years back.

Of two overrides a fixed tier goes before a floor, then the higher one, then the one that lasts longer; the other one
ends, and is said to.
"""

from loyalty.account_rows import QualifyingPeriod, TierOverride, TierState
from loyalty.calendar import Calendar, Span
from loyalty.context import Context
from loyalty.cycles import Anniversaries
from loyalty.decisions import OverrideData
from loyalty.policy.ladder import MONTHS_KEY, Ladder
from loyalty.qualification import rank_of, sum_up
from loyalty.standing import walk
from loyalty.tier_events import announce

_Cycle = Calendar | Anniversaries


def absorb_tier(context: Context, theirs: Context) -> None:
    """Add up what counts for the tier; what becomes of it is for `tiers.settle` to find out."""
    mine, other, ladder = context.core.tier, theirs.core.tier, context.compiled.ladder
    before, after = context.cycle, theirs.cycle
    known = [each for each in (mine, other) if each.window == ladder.window]
    for side, state in ((context, mine), (theirs, other)):
        if state.window == ladder.window:
            walk(side, side.cycle.span(ladder.period, context.now_ms))
    context.core.joined_ms = min(context.core.joined_ms, theirs.core.joined_ms)
    context.joined_anew()
    _absorb_override(context, other.override)
    if len(known) < 2:  # noqa: PLR2004 - both of the two
        return
    if ladder.window == "anniversary":
        _move(context, mine, before)
        _move(context, other, after)
    _absorb_anchor(mine, other, ladder)
    _absorb_periods(mine, other, ladder)
    for period in mine.periods:
        reached = max(ladder.index.get(period.reached, 0), rank_of(context, period.day))
        period.reached = ladder.ids[reached]


def _absorb_anchor(mine: TierState, other: TierState, ladder: Ladder) -> None:
    def standing(state: TierState) -> tuple[int, int]:
        return ladder.index.get(state.anchor_tier, 0), state.anchor_valid_until_ms

    higher = max(mine, other, key=standing)
    mine.anchor_tier, mine.anchor_valid_until_ms = higher.anchor_tier, higher.anchor_valid_until_ms
    reached = (ladder.index.get(state.anchor_reached, 0) for state in (mine, other))
    mine.anchor_reached = ladder.ids[max(reached)]
    mine.anchor_day = min(mine.anchor_day, other.anchor_day)


def _absorb_periods(mine: TierState, other: TierState, ladder: Ladder) -> None:
    by_day = {period.day: period for period in mine.periods}
    for period in other.periods:
        known = by_day.setdefault(period.day, period)
        if known is not period:
            sum_up(known.sums, [pair for pair in period.sums.items() if pair[0] != MONTHS_KEY])
            known.reached = max(known.reached, period.reached, key=lambda tier: ladder.index.get(tier, 0))
    mine.periods = [by_day[day] for day in sorted(by_day)]


def _move(context: Context, state: TierState, before: _Cycle) -> None:
    """Let years that were counted by `before` count in the years by which they are counted from here on."""

    def moved(day: int) -> int:
        back, span = 0, before.span("year", context.now_ms)
        while span.day > day:
            back, span = back + 1, before.span_of_day("year", span.day - 1)
        target = context.cycle.span("year", context.now_ms)
        for _ in range(back):
            target = _before(context.cycle, target)
        return target.day

    state.anchor_day = moved(state.anchor_day)
    state.periods = [QualifyingPeriod(moved(period.day), period.reached, period.sums) for period in state.periods]


def _before(cycle: _Cycle, span: Span) -> Span:
    return cycle.span_of_day("year", span.day - 1)


def _absorb_override(context: Context, other: TierOverride | None) -> None:
    """Keep one of two overrides, and say which one has ended."""
    state, ladder = context.core.tier, context.compiled.ladder
    both = [each for each in (state.override, other) if each is not None]
    # One of them may have ended while the other id's rows were under way.
    both.sort(
        key=lambda each: (
            each.until_ms > context.now_ms,
            each.kind == "fix",
            ladder.index.get(each.tier, 0),
            each.until_ms,
        )
    )
    if both:
        state.override = both.pop()
    for ended in both:
        told = OverrideData(ended.kind, ended.tier, ended.until_ms)
        announce(context, "override_ended", (state.tier, state.tier), "linked", told)
