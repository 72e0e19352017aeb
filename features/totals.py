"""The running totals of one member: a flat list of sums by window and measure, those that are features first.

Windows are nested: what a window covers, every longer one covers too. So an amount enters a window and all longer
ones, and leaves them one by one as time goes on. Sums that are features have the places of these features, so that the
first `WINDOWED_COUNT` totals are the beginning of the feature vector, as they are.
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
    WINDOWED,
)

TOTALS_SIZE: Final = WINDOW_COUNT * MEASURE_COUNT
WINDOWED_COUNT: Final = len(WINDOWED)

_ALL_SUMS: Final = tuple((window, measure) for window in range(WINDOW_COUNT) for measure in range(MEASURE_COUNT))
_PLACE: Final = {what: at for at, what in enumerate(dict.fromkeys((*WINDOWED, *_ALL_SUMS)))}

PLACES: Final = tuple(
    tuple(tuple(_PLACE[longer, measure] for longer in range(window, WINDOW_COUNT)) for measure in range(MEASURE_COUNT))
    for window in range(WINDOW_COUNT)
)
"""By window and measure: where the totals have the measure's sums of that window and of all longer ones."""

OWN_PLACES: Final = tuple(
    tuple(_PLACE[window, measure] for measure in range(MEASURE_COUNT)) for window in range(WINDOW_COUNT)
)
"""By window and measure: where the totals have the measure's sum of that window."""


def total_at(window: int, measure: int) -> int:
    """Where the totals have the sum of a measure over a window.

    >>> total_at(*WINDOWED[3])
    3
    """
    return OWN_PLACES[window][measure]


def enter(totals: list[int], buckets: dict[int, Bucket], window: int) -> None:
    """Add buckets to a window and to all longer ones."""
    places = PLACES[window]
    for bucket in buckets.values():
        for measure, value in bucket.items():
            for at in places[measure]:
                totals[at] += value


def leave(totals: list[int], bucket: Bucket, window: int) -> None:
    """Subtract a bucket from one window only."""
    places = OWN_PLACES[window]
    for measure, value in bucket.items():
        totals[places[measure]] -= value


def clear(totals: list[int], window: int) -> None:
    """Empty one window."""
    for at in OWN_PLACES[window]:
        totals[at] = 0


def beyond(totals: list[int], measure: int) -> int:
    """The part of an all-time sum that no shorter window covers."""
    return totals[total_at(ALL_TIME, measure)] - totals[total_at(QUARTER_WINDOW, measure)]


def base_sums(totals: list[int], open_days: dict[int, Bucket]) -> dict[int, list[int]]:
    """The sums of closed days and before, by measure: of 7 days, then what 30, 90 days and all time add to it."""
    sums = {}
    places = PLACES[DAY_WINDOW]
    buckets = [bucket for bucket in open_days.values() if bucket]
    for measure in range(MEASURE_COUNT):
        if totals[total_at(ALL_TIME, measure)]:
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
