"""Cohorts of the liability book over time: what was there at the start of each month, and when it had been issued."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from loyalty.liability import Flow, Flows

Issued = dict[int, int]
"""Points by the month in which they were issued."""


class CohortMonth(NamedTuple):
    """A month of a cohort: what it held as the month began, and what happened in it."""

    cohort: int
    month: int
    opening: int
    flow: Flow


_NOTHING = Flow()


def cohort_months(flows: Flows, before: int) -> Iterator[CohortMonth]:
    """Each cohort's months from its first one on, as far as they begin before the month `before`.

    Months in which it holds nothing and nothing happens are left out.
    """
    for cohort in sorted(flows):
        months = flows[cohort]
        held = 0
        for month in range(min(months), before):
            flow = months.get(month, _NOTHING)
            if held or flow is not _NOTHING:
                yield CohortMonth(cohort, month, held, flow)
            held += flow.change


def outstanding(flows: Flows, before: int) -> dict[int, int]:
    """What each cohort holds at the start of the month `before`; cohorts that hold nothing are left out."""
    held = {
        cohort: sum(flow.change for month, flow in months.items() if month < before) for cohort, months in flows.items()
    }
    return {cohort: points for cohort, points in sorted(held.items()) if points}


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Split `total`, at least 0, in proportion to weights, into whole numbers that add up to it.

    Rounded down, and what is left goes to the largest remainders, the first of equal ones first (Hamilton's method).
    Where all weights are 0 everything goes to the last.

    Example:
        >>> apportion(10, [1, 1, 1]), apportion(7, [0, 0])
        ([4, 3, 3], [0, 7])
    """
    whole = sum(weights)
    if not whole:
        return [0] * (len(weights) - 1) + [total]
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda at: -(total * weights[at] % whole))
    for at in order[: total - sum(parts)]:
        parts[at] += 1
    return parts


def by_issue_month(flows: Flows, before: int) -> Issued:
    """What is outstanding at the start of the month `before`, by the month in which it was issued.

    The ledger does not say which of a lot's equal points was spent, so what leaves a cohort leaves its issue months in
    proportion. Points whose expiry is moved, or that go over to another id, keep their issue month.
    """
    held: dict[int, Issued] = {cohort: {} for cohort in flows}
    first = min((min(months) for months in flows.values()), default=before)
    for month in range(first, before):
        now = {cohort: months[month] for cohort, months in sorted(flows.items()) if month in months}
        for cohort, flow in now.items():
            _add(held[cohort], month, flow.issued)
        _move(held, month, now)
        for cohort, flow in now.items():
            _leave(held[cohort], month, flow.redeemed + flow.taken + flow.expired)
    total: Issued = {}
    for issued, points in chain.from_iterable(months.items() for months in held.values()):
        _add(total, issued, points)
    return dict(sorted(total.items()))


def _move(held: Mapping[int, Issued], month: int, now: Mapping[int, Flow]) -> None:
    """Move points between cohorts; what comes from nowhere counts as issued now."""
    on_the_way: Issued = {}
    for cohort, flow in now.items():
        if flow.moved < 0:
            gone = _take(held[cohort], -flow.moved)
            _add(held[cohort], month, flow.moved + sum(points for _, points in gone))
            for issued, points in gone:
                _add(on_the_way, issued, points)
    for cohort, flow in now.items():
        if flow.moved > 0:
            known = _take(on_the_way, flow.moved)
            _add(held[cohort], month, flow.moved - sum(points for _, points in known))
            for issued, points in known:
                _add(held[cohort], issued, points)


def _add(held: Issued, month: int, points: int) -> None:
    if points:
        held[month] = held.get(month, 0) + points
        if not held[month]:
            del held[month]


def _take(held: Issued, points: int) -> list[tuple[int, int]]:
    """Take up to so many points of all issue months in proportion; tells what was taken of each."""
    months = sorted(month for month, here in held.items() if here > 0)
    there = [held[month] for month in months]
    parts = apportion(min(points, sum(there)), there) if months else []
    for month, part in zip(months, parts, strict=True):
        _add(held, month, -part)
    return list(zip(months, parts, strict=True))


def _leave(held: Issued, month: int, points: int) -> None:
    """Let points leave; where more come back than leave they are of the oldest issue month, as far as one is known.

    What leaves before it has come, since the entry that brings it is late, is owed by the month that it leaves in.
    """
    if points <= 0:
        _add(held, min(held, default=month), -points)
    else:
        _add(held, month, sum(part for _, part in _take(held, points)) - points)
