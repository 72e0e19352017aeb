"""The running totals of one member: a flat list with one run of all measures per window, shortest window first.

Windows are nested: what a window covers, every longer one covers too. So an amount enters a window and all longer
ones, and leaves them one by one as time goes on.
"""

from itertools import accumulate
from typing import Final

from features.aggregates import Bucket
from features.table import (
    ALL_TIME,
    DAY_WINDOW,
    MEASURE_COUNT,
    QUARTER_WINDOW,
    WEEK_WINDOW,
    WINDOW_COUNT,
)

TOTALS_SIZE: Final = WINDOW_COUNT * MEASURE_COUNT

PLACES: Final = tuple(
    tuple(
        tuple(range(window * MEASURE_COUNT + measure, TOTALS_SIZE, MEASURE_COUNT)) for measure in range(MEASURE_COUNT)
    )
    for window in range(WINDOW_COUNT)
)
"""By window and measure: where the totals have the measure's sums of that window and of all longer ones."""

_EVER: Final = ALL_TIME * MEASURE_COUNT
_NO_SUMS: Final = (0,) * MEASURE_COUNT


def enter(totals: list[int], buckets: dict[int, Bucket], window: int) -> None:
    """Add buckets to a window and to all longer ones."""
    places = PLACES[window]
    for bucket in buckets.values():
        for measure, value in bucket.items():
            for at in places[measure]:
                totals[at] += value


def leave(totals: list[int], bucket: Bucket, window: int) -> None:
    """Subtract a bucket from one window only."""
    first = window * MEASURE_COUNT
    for measure, value in bucket.items():
        totals[first + measure] -= value


def clear(totals: list[int], window: int) -> None:
    """Empty one window."""
    totals[window * MEASURE_COUNT : (window + 1) * MEASURE_COUNT] = _NO_SUMS


def beyond(totals: list[int], measure: int) -> int:
    """The part of an all-time sum that no shorter window covers."""
    return totals[ALL_TIME * MEASURE_COUNT + measure] - totals[QUARTER_WINDOW * MEASURE_COUNT + measure]


def base_sums(totals: list[int], open_days: dict[int, Bucket]) -> dict[int, list[int]]:
    """The sums of closed days and before, by measure: of 7 days, then what 30, 90 days and all time add to it."""
    sums = {}
    places = PLACES[DAY_WINDOW]
    buckets = [bucket for bucket in open_days.values() if bucket]
    for measure in range(MEASURE_COUNT):
        if totals[_EVER + measure]:
            day, week, month, quarter, ever = [totals[at] for at in places[measure]]
            for bucket in buckets:
                day += bucket.get(measure, 0)
            if not day == week == month == quarter == ever:
                sums[measure] = [week - day, month - week, quarter - month, ever - quarter]
    return sums


def enter_base_sums(totals: list[int], sums: dict[int, list[int]]) -> None:
    """Add to the totals what `base_sums` gave."""
    places = PLACES[WEEK_WINDOW]
    for measure, steps in sums.items():
        for at, reached in zip(places[measure], accumulate(steps), strict=True):
            totals[at] += reached
