"""What two ids of one person have both earned for one and the same event, so that it is taken back once.

    an order            both keep it for the refund horizon: the copy of which more was given back stands, else the one
                        that was delivered, else that of the canonical id; what is left of the other's grants is taken
                        back, its amounts are uncounted
    any other action    both remember its id for the policy's lateness: the alias's awards, noted beside the id, are
                        taken back, its amounts are uncounted; one that earned nothing has no note, and its amounts
                        stay counted twice
    a day's total       where both have had the award for one local day, the alias's is taken back

A redemption is no earning: the same request sent under both ids has bought two, of which the canonical's can be called
off. Points that are spent already are owed where the policy lets a balance become negative, else they are lost.
"""

from typing import NamedTuple

from features.dedupe import SeenIds
from features.table import ACTIVITY, BROWSE_MS, ITEMS, PURCHASES, SPEND
from loyalty.caps import give_back
from loyalty.conditions import DAY_TOTAL
from loyalty.context import Context
from loyalty.ledger import Facts
from loyalty.notes import Earning, Note, read_note
from loyalty.orders import Grant, Order
from loyalty.originals import review_measures
from loyalty.refunds import reclaim, undo_referral
from loyalty.tiers import add_up


class Side(NamedTuple):
    """One of the two: a context over the member's parts, and the ids of what was applied."""

    context: Context
    ids: SeenIds


class Double(NamedTuple):
    """A grant to take back, of which `points` are left."""

    grant: Grant
    points: int
    earned_ms: int
    order_id: str = ""


def find_doubles(mine: Side, theirs: Side) -> list[Double]:
    """Find what both have earned, and take it out of the features, the days' totals and the tier's sums of the loser.

    Awards for a day's total are not among them, since it is for both together: see `find_day_double`.
    """
    grants: list[Double] = []
    for order_id, order in list(theirs.context.orders.kept()):
        other = mine.context.orders.find(order_id)
        if other is not None and not order.debits:
            order.made_under(theirs.context.member)
            loser, copy = theirs.context, order
            if _is_ahead((theirs.context, order), (mine.context, other)):
                mine.context.orders.touch(order_id, order)
                loser, copy = mine.context, other
            grants += _of_order(loser, order_id, copy)
            undo_referral(mine.context, order_id, copy)
    for digest, raw in theirs.ids.items():
        if raw and mine.ids.seen(digest):
            grants += _of_action(theirs.context, read_note(raw))
    return grants


def _is_ahead(theirs: tuple[Context, Order], mine: tuple[Context, Order]) -> bool:
    """Whether more was given back of the alias's copy, or only it has been delivered."""
    copy, other = theirs[1], mine[1]
    if copy.refunded != other.refunded:
        return copy.refunded > other.refunded
    return _waits(*mine) and not _waits(*theirs)


def _waits(context: Context, order: Order) -> bool:
    lots = {grant.lot for grant in order.grants}
    return any(awaited.lot in lots for awaited in context.core.awaiting)


def _of_order(loser: Context, order_id: str, order: Order) -> list[Double]:
    """The grants of a copy that does not stand; `loser` has it no more in what is counted."""
    amounts = _amounts_of(order)
    left = [(grant, grant.granted - grant.taken) for grant in order.grants if grant.granted > grant.taken]
    points = sum(rest for grant, rest in left if not grant.qualifying)
    qualifying = sum(rest for grant, rest in left if grant.qualifying)
    _uncount(loser, tuple(amounts), order.time_ms, points, qualifying)
    return [Double(grant, rest, order.time_ms, order_id) for grant, rest in left]


def _amounts_of(order: Order) -> list[tuple[int, int]]:
    """What an order still adds to the measures; of a review the note tells that, but for what a refusal has undone."""
    if order.claim:
        return [(measure, -value) for measure, value in review_measures(order)] if order.closed else []
    amounts = [(ACTIVITY, 1), (SPEND, order.spend_minor - order.spend_refunded_minor), (ITEMS, order.pieces)]
    if not order.closed:
        amounts.insert(1, (PURCHASES, 1))
    return amounts


def _of_action(loser: Context, note: Note) -> list[Double]:
    by_day = {plan.rule.id for plans in loser.compiled.rules.values() for plan in plans if plan.day_over_ms}
    lost = [earning for earning in note.earnings if earning.rule not in by_day]
    _uncount(loser, note.amounts, note.time_ms, *_sums(lost))
    totals, day = loser.account.counters.get(DAY_TOTAL, {}), loser.calendar.zone.local_day(note.time_ms)
    if day in totals:
        totals[day] -= dict(note.amounts).get(BROWSE_MS, 0)
    return [_noted(note, earning) for earning in lost]


def _sums(earnings: list[Earning]) -> tuple[int, int]:
    """Points, and units that count for the tier alone."""
    points = sum(earning.granted for earning in earnings if not earning.qualifying)
    return points, sum(earning.granted for earning in earnings if earning.qualifying)


def _noted(note: Note, earning: Earning) -> Double:
    return Double(earning.as_grant(), earning.granted, note.time_ms)


def _uncount(
    loser: Context, amounts: tuple[tuple[int, int], ...], time_ms: int, points: int, qualifying: int = 0
) -> None:
    loser.windows.undo(amounts, time_ms)
    add_up(loser, tuple((measure, -value) for measure, value in amounts), time_ms, -points, -qualifying)


def paid_days(side: Side, rules: set[str]) -> set[tuple[str, int]]:
    """Which of these rules on a day's total have been paid, and for which local day."""
    zone = side.context.calendar.zone
    notes = [read_note(raw) for _, raw in side.ids.items() if raw] if rules else []
    return {
        (earning.rule, zone.local_day(note.time_ms))
        for note in notes
        for earning in note.earnings
        if earning.rule in rules
    }


def find_day_double(theirs: Side, rule: str, day: int) -> Double | None:
    """The award that `theirs` has had by a rule for a local day's total; it counts no more."""
    zone = theirs.context.calendar.zone
    for note in [read_note(raw) for _, raw in theirs.ids.items() if raw]:
        if zone.local_day(note.time_ms) != day:
            continue
        for earning in note.earnings:
            if earning.rule == rule:
                _uncount(theirs.context, (), note.time_ms, *_sums([earning]))
                return _noted(note, earning)
    return None


def take_back(context: Context, alias: str, double: Double) -> None:
    """Take a double grant back, now that its points have come over from `alias`."""
    grant = double.grant
    give_back(context, grant.rule, double.earned_ms, double.points)
    if not grant.qualifying:
        facts = Facts("link_identity", grant.rule, double.order_id, grant.entry.hex(), reason=f"{alias} had it too")
        reclaim(context, double.earned_ms, grant, double.points, facts)
