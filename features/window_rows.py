"""How a member's windows are written down, in rows by how often they change.

* `w`, with nearly every action: times, the slots of the last hour, and the hours that slots still leave for;
* `wh`, about once in an hour with actions: the older hours, and the days that hours still leave for;
* `wt`, about once in a day with actions: first times and the sums of everything older;
* `wd` + number: eight closed days (`features.days`).

Recent buckets are keyed by age (0 is the bucket that holds `as_of_ms`), because an age takes one byte. Sums over the
days are written once per measure as differences between one window and the next longer one, because small numbers take
fewer bytes and most differences are zero or small.
"""

from typing import Final

import msgspec

from features.aggregates import Bucket
from features.vector import NOT_YET_MS

RECENT_ROW: Final = b"w"
HOURS_ROW: Final = b"wh"
BASE_ROW: Final = b"wt"


class RecentRow(msgspec.Struct, array_like=True, gc=False):
    """As-of time, times since the last timed measures (None: not yet), slots and open hours by age."""

    as_of_ms: int
    last_age_ms: list[int | None]
    slots: dict[int, Bucket]
    hours: dict[int, Bucket]


class HoursRow(msgspec.Struct, array_like=True, gc=False):
    """Closed hours and open days by age, seen from the hour and day of the recent row's as-of time."""

    hours: dict[int, Bucket]
    days: dict[int, Bucket]


class BaseRow(msgspec.Struct, array_like=True, gc=False):
    """First times, a bit mask of the day chunks by age, and by measure the sums of what is not in recent buckets.

    The four sums are those of 7 days, then what 30 days, 90 days and all time add to them.
    """

    first_ms: list[int | None]
    chunks: int
    sums: dict[int, list[int]]


RECENT_DECODER: Final = msgspec.msgpack.Decoder(RecentRow)
HOURS_DECODER: Final = msgspec.msgpack.Decoder(HoursRow)
BASE_DECODER: Final = msgspec.msgpack.Decoder(BaseRow)
ENCODER: Final = msgspec.msgpack.Encoder()


def by_age(buckets: dict[int, Bucket], newest: int) -> dict[int, Bucket]:
    """Buckets keyed by how far they are before the newest one, oldest first, empty ones left out.

    >>> by_age({7: {1: 2}, 9: {}, 10: {1: 1}}, newest=10)
    {3: {1: 2}, 0: {1: 1}}
    """
    return {newest - number: bucket for number, bucket in sorted(buckets.items()) if bucket}


def by_number(buckets: dict[int, Bucket], newest: int) -> dict[int, Bucket]:
    """The reverse of `by_age`."""
    return {newest - age: bucket for age, bucket in buckets.items()}


def ages_of(times_ms: list[int], as_of_ms: int) -> list[int | None]:
    """Times as milliseconds before `as_of_ms`.

    >>> ages_of([NOT_YET_MS, 3], as_of_ms=5)
    [None, 2]
    """
    return [None if time_ms == NOT_YET_MS else as_of_ms - time_ms for time_ms in times_ms]


def times_of(ages_ms: list[int | None], as_of_ms: int) -> list[int]:
    """The reverse of `ages_of`."""
    return [NOT_YET_MS if age_ms is None else as_of_ms - age_ms for age_ms in ages_ms]
