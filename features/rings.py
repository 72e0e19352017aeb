"""Where the amounts of one member are stored: each once, in the finest bucket that a window still needs.

    90 days        [day|day|day|day| ... |day|day]                         closed days, in chunks of eight
    open days                                   [day|day]                  yesterday and today, less what follows
    24 hours                                     [h|h|h| ... |h|h]         closed hours and two open ones
    1 hour                                               [s|s|...|s]       5-minute slots; the last one holds as-of

As time goes on, slots are rolled up into hours, hours into open days, open days into closed ones. Where an amount is
stored depends only on its own time and on the as-of time, so the order of arrival leaves no trace. Roll-ups go from
old to new, so that rows have the same bytes whether a member was kept in memory or reloaded in between.
"""

from typing import Final

from features.aggregates import Bucket, merge
from features.days import DayBuckets
from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS
from features.table import ALL_TIME, DAY_WINDOW, HOUR_WINDOW, MONTH_WINDOW, QUARTER_WINDOW, WEEK_WINDOW
from features.totals import OWN_PLACES, clear, leave

SLOT_MS: Final = 5 * MINUTE_MS
SLOTS_PER_HOUR: Final = HOUR_MS // SLOT_MS
HOURS_PER_DAY: Final = DAY_MS // HOUR_MS

# Slots that leave 1 h belong to this hour or the one before. The hours before these are closed: written in a row of
# their own, so that it changes once an hour and not with every action.
OPEN_HOURS: Final = 2

# Likewise, hours that leave 24 h belong to yesterday or today; the days before are closed into chunks, once a day.
OPEN_DAYS: Final = 2

_DAYS_OF: Final = {WEEK_WINDOW: 7, MONTH_WINDOW: 30, QUARTER_WINDOW: 90}
_LONGEST_DAYS: Final = _DAYS_OF[QUARTER_WINDOW]


class Rings:
    """Buckets of slots, hours and days up to `as_of_ms`. `hours_changed` and `older_changed` say what to write down."""

    __slots__ = ("day", "days", "hour", "hours", "hours_changed", "older_changed", "open_days", "slot", "slots")

    def __init__(self, as_of_ms: int, days: DayBuckets) -> None:
        self.slot = as_of_ms // SLOT_MS
        self.hour = as_of_ms // HOUR_MS
        self.day = as_of_ms // DAY_MS
        self.slots: dict[int, Bucket] = {}
        self.hours: dict[int, Bucket] = {}
        self.open_days: dict[int, Bucket] = {}
        self.days = days
        self.hours_changed = False
        self.older_changed = False

    def open(self, time_ms: int) -> tuple[int, Bucket]:
        """The shortest window that covers the instant, and the bucket of its amounts, to change.

        What is older than every bucket is in the all-time sums only, and gets a bucket that is kept nowhere.
        """
        slot = time_ms // SLOT_MS
        if slot > self.slot - SLOTS_PER_HOUR:
            return HOUR_WINDOW, self.slots.setdefault(slot, {})
        hour = slot // SLOTS_PER_HOUR
        if hour > self.hour - HOURS_PER_DAY:
            if hour <= self.hour - OPEN_HOURS:
                self.hours_changed = True
            return DAY_WINDOW, self.hours.setdefault(hour, {})
        day = hour // HOURS_PER_DAY
        if day > self.day - OPEN_DAYS:
            self.hours_changed = True
            return WEEK_WINDOW, self.open_days.setdefault(day, {})
        self.older_changed = True
        for window, days in _DAYS_OF.items():
            if day > self.day - days:
                return window, self.days.open(day)
        return ALL_TIME, {}

    def turn(self, as_of_ms: int, totals: list[int]) -> None:
        """Let time go on to `as_of_ms`, not before the present one; what leaves a window leaves its totals."""
        slot = as_of_ms // SLOT_MS
        if slot == self.slot:
            return
        self.slot = slot
        if self.slots:
            _roll_up(self.slots, slot - SLOTS_PER_HOUR, SLOTS_PER_HOUR, self.hours, totals, HOUR_WINDOW)
        hour = slot // SLOTS_PER_HOUR
        if hour == self.hour:
            return
        self.hour = hour
        # An emptied bucket counts for nothing: a reloaded member has none, and must write the same rows.
        if any(self.hours.values()) or any(self.open_days.values()):
            self.hours_changed = True
        _roll_up(self.hours, hour - HOURS_PER_DAY, HOURS_PER_DAY, self.open_days, totals, DAY_WINDOW)
        day = hour // HOURS_PER_DAY
        if day != self.day:
            self._turn_day(day, totals)

    def absorb(self, other: "Rings") -> None:
        """Add the buckets of `other`, which stand at the same instant, so that each has the same place here."""
        for mine, theirs in ((self.slots, other.slots), (self.hours, other.hours), (self.open_days, other.open_days)):
            for number, bucket in theirs.items():
                merge(mine.setdefault(number, {}), bucket)
        for day, bucket in other.days.items():
            merge(self.days.open(day), bucket)
        self.hours_changed = self.older_changed = True

    def open_hours(self) -> dict[int, Bucket]:
        """The hours that slots still leave for."""
        return {hour: bucket for hour, bucket in self.hours.items() if hour > self.hour - OPEN_HOURS}

    def closed_hours(self) -> dict[int, Bucket]:
        """The hours before those."""
        return {hour: bucket for hour, bucket in self.hours.items() if hour <= self.hour - OPEN_HOURS}

    def _turn_day(self, day: int, totals: list[int]) -> None:
        """Close open days, then let days leave their windows."""
        before, self.day = self.day, day
        self.older_changed = True
        for closed in [open_day for open_day in self.open_days if open_day <= day - OPEN_DAYS]:
            bucket = self.open_days.pop(closed)
            if bucket:
                merge(self.days.open(closed), bucket)
        for window, days in _DAYS_OF.items():
            if day - before >= days:
                clear(totals, window)
            else:
                for bucket in self.days.between(before - days + 1, day - days + 1):
                    leave(totals, bucket, window)
        self.days.forget_before(day - _LONGEST_DAYS + 1)


def _roll_up(
    buckets: dict[int, Bucket], last: int, per: int, into: dict[int, Bucket], totals: list[int], window: int
) -> None:
    """Move the buckets up to number `last` into those `per` times as long, out of the totals of their own window."""
    places = OWN_PLACES[window]
    while buckets and (number := min(buckets)) <= last:
        bucket = buckets.pop(number)
        held = into.get(number // per)
        if held:
            for measure, value in bucket.items():  # `leave` and `merge` in one, since nothing is done more often
                totals[places[measure]] -= value
                held[measure] = held.get(measure, 0) + value
        else:
            leave(totals, bucket, window)
            into[number // per] = bucket
