"""A member's sums over 1 h, 24 h, 7, 30 and 90 days and all time, exact under late and repeated-back events.

Each amount is stored once, in the finest bucket that a window still needs:

    all time   [ ....................................................... ]
    90 days        [day|day|day|day| ... |day|day|day]                     rolled up from hours as they leave 24 h
    24 hours                                     [h|h|h| ... |h|h]         rolled up from slots as they leave 1 h
    1 hour                                               [s|s|...|s]       5-minute slots; the last one holds `as_of`

`as_of` is the latest event time seen, or later where the caller says so; it never goes back. A late event goes to the
bucket of its own time and counts in the windows that still cover that bucket; older ones are left alone. Where an
amount is stored depends only on its time and on `as_of`, so the order of arrival leaves no trace.

A typical action rewrites one row, the recent buckets. Totals before today's hours and the day buckets change when an
hour is rolled up, for late events and for refunds.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from features.aggregates import Amounts, Bucket, merge, take
from features.days import DayBuckets, Read
from features.errors import CorruptStateError
from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS
from features.table import (
    ALL_TIME,
    DAY_WINDOW,
    HOUR_WINDOW,
    MEASURE_COUNT,
    MONTH_WINDOW,
    QUARTER_WINDOW,
    TIMED_MEASURES,
    WEEK_WINDOW,
    WINDOW_COUNT,
)
from features.vector import NOT_YET_MS, FeatureVector, feature_vector

SLOT_MS: Final = 5 * MINUTE_MS
SLOTS_PER_HOUR: Final = HOUR_MS // SLOT_MS
HOURS_PER_DAY: Final = DAY_MS // HOUR_MS

_DAYS_OF: Final = {WEEK_WINDOW: 7, MONTH_WINDOW: 30, QUARTER_WINDOW: 90}
_LONGEST_DAYS: Final = _DAYS_OF[QUARTER_WINDOW]
_DAY_BASED: Final = (*_DAYS_OF, ALL_TIME)

_RECENT_ROW: Final = b"w"
_BASE_ROW: Final = b"wt"
_TOTALS_SIZE: Final = WINDOW_COUNT * MEASURE_COUNT
_NO_SUMS: Final = (0,) * MEASURE_COUNT


class _Recent(msgspec.Struct, array_like=True, gc=False):
    """The row that every action rewrites. Buckets by age, 0 is the one that holds `as_of_ms`."""

    as_of_ms: int
    last_age_ms: list[int | None]
    slots: dict[int, Bucket]
    hours: dict[int, Bucket]


class _Base(msgspec.Struct, array_like=True, gc=False):
    """First times, which day chunks there are, and the sums of what is not in recent buckets, by window."""

    first_ms: list[int | None]
    chunks: int
    sums: list[Bucket]


_ENCODER = msgspec.msgpack.Encoder()
_RECENT_DECODER = msgspec.msgpack.Decoder(_Recent)
_BASE_DECODER = msgspec.msgpack.Decoder(_Base)


class ActivityWindows:
    """The windows of one member: a state part with the row suffixes `w`, `wt` and `wd` + chunk.

    Example:
        >>> windows = ActivityWindows.load({}.get)
        >>> windows.observe(((2, 500),), time_ms=0)
        >>> windows.observe(((2, 70),), time_ms=2 * DAY_MS)
        >>> windows.total(2, DAY_WINDOW), windows.total(2, WEEK_WINDOW)
        (70, 570)
        >>> windows.undo(((2, 500),), time_ms=0)
        >>> windows.total(2, WEEK_WINDOW)
        70
    """

    __slots__ = (
        "_as_of_ms",
        "_base_changed",
        "_day",
        "_days",
        "_first_ms",
        "_hour",
        "_hours",
        "_last_ms",
        "_recent_changed",
        "_slot",
        "_slots",
        "_totals",
    )

    def __init__(self, read: Read) -> None:
        self._as_of_ms = NOT_YET_MS
        self._slot = NOT_YET_MS // SLOT_MS
        self._hour = NOT_YET_MS // HOUR_MS
        self._day = NOT_YET_MS // DAY_MS
        self._slots: dict[int, Bucket] = {}
        self._hours: dict[int, Bucket] = {}
        self._days = DayBuckets(read)
        self._totals = [0] * _TOTALS_SIZE
        self._first_ms = [NOT_YET_MS] * TIMED_MEASURES
        self._last_ms = [NOT_YET_MS] * TIMED_MEASURES
        self._recent_changed = False
        self._base_changed = False

    @classmethod
    def load(cls, read: Read) -> "ActivityWindows":
        """The windows as stored, or empty ones. `read` is kept: day chunks are read when they are needed.

        Raises:
            CorruptStateError: a row cannot be what this class wrote.
        """
        windows = cls(read)
        recent, base = read(_RECENT_ROW), read(_BASE_ROW)
        if recent is None and base is None:
            return windows
        if recent is None or base is None:
            raise CorruptStateError("activity windows: one of the rows 'w' and 'wt' is missing; rebuild the store")
        try:
            windows._restore(_RECENT_DECODER.decode(recent), _BASE_DECODER.decode(base), read)
        except msgspec.DecodeError as error:
            raise CorruptStateError(f"activity windows: a row cannot be read ({error}); rebuild the store") from error
        return windows

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows changed since the last call: suffix and payload, None to delete."""
        if self._recent_changed:
            self._recent_changed = False
            yield _RECENT_ROW, _ENCODER.encode(self._recent())
        if self._base_changed:
            self._base_changed = False
            yield _BASE_ROW, _ENCODER.encode(self._base())
            yield from self._days.changed()

    @property
    def as_of_ms(self) -> int:
        """The instant at which the windows end; `NOT_YET_MS` before the first event."""
        return self._as_of_ms

    def total(self, measure: int, window: int) -> int:
        """One sum at `as_of_ms`, by measure index and window index."""
        return self._totals[window * MEASURE_COUNT + measure]

    def vector(self, as_of_ms: int) -> FeatureVector:
        """All features, in the order of `table.FEATURES`, after `advance(as_of_ms)`."""
        if as_of_ms > self._as_of_ms:
            self.advance(as_of_ms)
        return feature_vector(self._totals, self._as_of_ms, self._first_ms, self._last_ms)

    def advance(self, as_of_ms: int) -> None:
        """Let the windows end at `as_of_ms`, if that is later than now."""
        if as_of_ms <= self._as_of_ms:
            return
        self._as_of_ms = as_of_ms
        self._recent_changed = True
        slot = as_of_ms // SLOT_MS
        if slot != self._slot:
            self._turn(slot)

    def observe(self, amounts: Amounts, time_ms: int) -> None:
        """Add what happened at `time_ms`; a later time than `as_of_ms` advances the windows first."""
        if time_ms > self._as_of_ms:
            self.advance(time_ms)
        self._recent_changed = True
        totals = self._totals
        window, bucket = self._open(time_ms)
        for measure, value in amounts:
            if measure < TIMED_MEASURES:
                self._note_time(measure, time_ms)
            if value:
                bucket[measure] = bucket.get(measure, 0) + value
                for at in range(window * MEASURE_COUNT + measure, _TOTALS_SIZE, MEASURE_COUNT):
                    totals[at] += value

    def undo(self, amounts: Amounts, time_ms: int) -> None:
        """Take back what was observed at `time_ms`, from its bucket and the windows that still cover it.

        No sum goes below zero: more than the bucket holds is not taken. First and last times stay.
        """
        self._recent_changed = True
        window, bucket = self._open(time_ms)
        if window == ALL_TIME:
            newer = QUARTER_WINDOW * MEASURE_COUNT
            older = ALL_TIME * MEASURE_COUNT
            bucket = {measure: self._totals[older + measure] - self._totals[newer + measure] for measure, _ in amounts}
        for measure, value in amounts:
            taken = take(bucket, measure, value)
            for at in range(window * MEASURE_COUNT + measure, _TOTALS_SIZE, MEASURE_COUNT):
                self._totals[at] -= taken

    def _note_time(self, measure: int, time_ms: int) -> None:
        self._last_ms[measure] = max(self._last_ms[measure], time_ms)
        if time_ms < self._first_ms[measure] or self._first_ms[measure] == NOT_YET_MS:
            self._first_ms[measure] = time_ms
            self._base_changed = True

    def _open(self, time_ms: int) -> tuple[int, Bucket]:
        """The shortest window that covers the instant, and the bucket where its amounts are stored."""
        slot = time_ms // SLOT_MS
        if slot > self._slot - SLOTS_PER_HOUR:
            return HOUR_WINDOW, self._slots.setdefault(slot, {})
        hour = slot // SLOTS_PER_HOUR
        if hour > self._hour - HOURS_PER_DAY:
            return DAY_WINDOW, self._hours.setdefault(hour, {})
        self._base_changed = True
        day = hour // HOURS_PER_DAY
        for window, days in _DAYS_OF.items():
            if day > self._day - days:
                return window, self._days.open(day)
        return ALL_TIME, {}

    def _turn(self, slot: int) -> None:
        self._slot = slot
        self._roll_up_slots()
        hour = slot // SLOTS_PER_HOUR
        if hour != self._hour:
            self._hour = hour
            self._roll_up_hours()
            day = hour // HOURS_PER_DAY
            if day != self._day:
                self._turn_day(day)

    def _roll_up_slots(self) -> None:
        end = self._slot - SLOTS_PER_HOUR + 1
        for slot in [slot for slot in self._slots if slot < end]:
            bucket = self._slots.pop(slot)
            merge(self._hours.setdefault(slot // SLOTS_PER_HOUR, {}), bucket)
            self._leave(HOUR_WINDOW, bucket)

    def _roll_up_hours(self) -> None:
        end = self._hour - HOURS_PER_DAY + 1
        for hour in [hour for hour in self._hours if hour < end]:
            bucket = self._hours.pop(hour)
            merge(self._days.open(hour // HOURS_PER_DAY), bucket)
            self._leave(DAY_WINDOW, bucket)
            self._base_changed = True

    def _turn_day(self, day: int) -> None:
        """Days leave their windows. Hours that leave with them have been rolled up before."""
        before, self._day = self._day, day
        self._base_changed = True
        for window, days in _DAYS_OF.items():
            if day - before >= days:
                self._totals[window * MEASURE_COUNT : (window + 1) * MEASURE_COUNT] = _NO_SUMS
            else:
                for bucket in self._days.between(before - days + 1, day - days + 1):
                    self._leave(window, bucket)
        self._days.forget_before(day - _LONGEST_DAYS + 1)

    def _leave(self, window: int, bucket: Bucket) -> None:
        first = window * MEASURE_COUNT
        for measure, value in bucket.items():
            self._totals[first + measure] -= value

    def _recent(self) -> _Recent:
        slot, hour = self._slot, self._hour
        return _Recent(
            self._as_of_ms,
            [None if last_ms == NOT_YET_MS else self._as_of_ms - last_ms for last_ms in self._last_ms],
            {slot - at: bucket for at, bucket in self._slots.items() if bucket},
            {hour - at: bucket for at, bucket in self._hours.items() if bucket},
        )

    def _base(self) -> _Base:
        totals = self._totals
        recent = totals[DAY_WINDOW * MEASURE_COUNT : (DAY_WINDOW + 1) * MEASURE_COUNT]
        sums = []
        for window in _DAY_BASED:
            of_window = totals[window * MEASURE_COUNT : (window + 1) * MEASURE_COUNT]
            sums.append({m: total - recent[m] for m, total in enumerate(of_window) if total != recent[m]})
        first_ms = [None if first_ms == NOT_YET_MS else first_ms for first_ms in self._first_ms]
        return _Base(first_ms, self._days.stored_before(self._day), sums)

    def _restore(self, recent: _Recent, base: _Base, read: Read) -> None:
        as_of_ms = self._as_of_ms = recent.as_of_ms
        self._slot = as_of_ms // SLOT_MS
        self._hour = as_of_ms // HOUR_MS
        self._day = as_of_ms // DAY_MS
        self._first_ms = [NOT_YET_MS if first_ms is None else first_ms for first_ms in base.first_ms]
        self._last_ms = [NOT_YET_MS if age_ms is None else as_of_ms - age_ms for age_ms in recent.last_age_ms]
        self._slots = {self._slot - age: bucket for age, bucket in recent.slots.items()}
        self._hours = {self._hour - age: bucket for age, bucket in recent.hours.items()}
        self._days = DayBuckets(read, self._day, base.chunks)
        for bucket in self._slots.values():
            self._enter(range(HOUR_WINDOW, WINDOW_COUNT), bucket)
        for bucket in self._hours.values():
            self._enter(range(DAY_WINDOW, WINDOW_COUNT), bucket)
        for window, bucket in zip(_DAY_BASED, base.sums, strict=True):
            self._enter((window,), bucket)

    def _enter(self, windows: range | tuple[int, ...], bucket: Bucket) -> None:
        for measure, value in bucket.items():
            for window in windows:
                self._totals[window * MEASURE_COUNT + measure] += value
