"""A member's sums over 1 h, 24 h, 7, 30 and 90 days and all time, exact under late events and refunds.

`as_of` is the latest event time seen, or later where the caller says so; it never goes back. A late event goes to the
bucket of its own time and counts in the windows that still cover that bucket; a refund is undone in the bucket of its
purchase. Totals are kept up to date as amounts enter and leave (`features.rings`), so reading them costs nothing.

How often an amount moves is how often a row is written (`features.window_rows`): most actions rewrite one small row,
the first one in an hour two, the first one in a day, late ones and refunds up to four.
"""

from collections.abc import Iterator

from features.aggregates import Amounts, take
from features.days import DayBuckets
from features.event_time import DAY_MS
from features.interests import Interests
from features.rings import Rings
from features.rows import Changes, Read, ReadWhenAsked, read_owed_row, read_row
from features.table import ALL_TIME, DAY_WINDOW, HOUR_WINDOW, TIMED_MEASURES, WEEK_WINDOW
from features.totals import PLACES, TOTALS_SIZE, base_sums, beyond, enter, enter_base_sums, total_at
from features.vector import NOT_YET_MS, FeatureVector, feature_vector
from features.window_rows import (
    BASE_DECODER,
    BASE_ROW,
    ENCODER,
    HOURS_DECODER,
    HOURS_ROW,
    RECENT_DECODER,
    RECENT_ROW,
    BaseRow,
    HoursRow,
    RecentRow,
    ages_of,
    by_age,
    by_number,
    times_of,
)


class ActivityWindows:
    """The windows of one member: a state part with the row suffixes `w`, `wh`, `wt`, `wd` + chunk, and `wi`.

    `interests` are the part's fading counters, fed by those who know what was bought and when, local time. The rows are
    read when something of them is first asked for, and then day chunks when they are needed.

    Example:
        >>> from features.table import SPEND
        >>> windows = ActivityWindows.load({}.get)
        >>> windows.observe(((SPEND, 500),), time_ms=0)
        >>> windows.observe(((SPEND, 70),), time_ms=2 * DAY_MS)
        >>> windows.total(SPEND, DAY_WINDOW), windows.total(SPEND, WEEK_WINDOW)
        (70, 570)
        >>> windows.undo(((SPEND, 500),), time_ms=0)
        >>> windows.total(SPEND, WEEK_WINDOW)
        70
    """

    __slots__ = (
        "_as_of_ms",
        "_first_changed",
        "_first_ms",
        "_last_ms",
        "_read",
        "_recent_changed",
        "_rings",
        "_totals",
        "interests",
    )
    interests: Interests
    _as_of_ms: int
    _rings: Rings
    _totals: list[int]
    _first_ms: list[int]
    _last_ms: list[int]

    def __init__(self, read: Read) -> None:
        self._read = read
        self._recent_changed = self._first_changed = False

    @staticmethod
    def load(read: Read) -> "ActivityWindows":
        """The windows as stored, or empty ones.

        What is asked of them raises CorruptStateError where a row is missing or cannot be what this class wrote.
        """
        return _UnreadWindows(read)

    def changed(self) -> Changes:
        """Rows changed since the last call: suffix and payload, None to delete."""
        rings = self._rings
        if self._recent_changed:
            self._recent_changed = False
            yield RECENT_ROW, ENCODER.encode(self._recent())
        if rings.hours_changed:
            rings.hours_changed = False
            yield HOURS_ROW, ENCODER.encode(self._hours())
        if rings.older_changed or self._first_changed:
            rings.older_changed = self._first_changed = False
            yield BASE_ROW, ENCODER.encode(self._base())
            yield from rings.days.changed()
        yield from self.interests.changed()

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows as they would be written now, changed or not: what the windows of another member can absorb."""
        if self._as_of_ms == NOT_YET_MS:
            return
        yield RECENT_ROW, ENCODER.encode(self._recent())
        yield HOURS_ROW, ENCODER.encode(self._hours())
        yield BASE_ROW, ENCODER.encode(self._base())
        yield from self._rings.days.rows()
        yield from self.interests.rows()

    @property
    def as_of_ms(self) -> int:
        """The instant at which the windows end; `NOT_YET_MS` before the first event."""
        return self._as_of_ms

    def total(self, measure: int, window: int) -> int:
        """One sum at `as_of_ms`, by measure index and window index."""
        return self._totals[total_at(window, measure)]

    def vector(self, as_of_ms: int) -> FeatureVector:
        """All features, in the order of `table.FEATURES`, after `advance(as_of_ms)`."""
        if as_of_ms > self._as_of_ms:
            self.advance(as_of_ms)
        fading = self.interests.features()
        return feature_vector(self._totals, self._as_of_ms, self._first_ms, self._last_ms, fading)

    def advance(self, as_of_ms: int) -> None:
        """Let the windows end at `as_of_ms`, if that is later than now."""
        if as_of_ms > self._as_of_ms:
            self._as_of_ms = as_of_ms
            self._recent_changed = True
            self._rings.turn(as_of_ms, self._totals)

    def observe(self, amounts: Amounts, time_ms: int) -> None:
        """Add what happened at `time_ms`; a later time than `as_of_ms` advances the windows first."""
        if time_ms > self._as_of_ms:
            self.advance(time_ms)
        self._recent_changed = True
        totals, last_ms, first_ms = self._totals, self._last_ms, self._first_ms
        window, bucket = self._rings.open(time_ms)
        places = PLACES[window]
        for measure, value in amounts:
            if measure < TIMED_MEASURES:
                if time_ms > last_ms[measure]:  # noqa: PLR1730 - a call of `max` takes seven times as long
                    last_ms[measure] = time_ms
                if time_ms < first_ms[measure] or first_ms[measure] == NOT_YET_MS:
                    first_ms[measure] = time_ms
                    self._first_changed = True
            if value:
                bucket[measure] = bucket.get(measure, 0) + value
                for at in places[measure]:
                    totals[at] += value

    def undo(self, amounts: Amounts, time_ms: int) -> None:
        """Take back what was observed at `time_ms`, from its bucket and from the windows that still cover it.

        No sum goes below zero: more than the bucket holds is not taken. First and last times stay.
        """
        self._recent_changed = True
        totals = self._totals
        window, bucket = self._rings.open(time_ms)
        if window == ALL_TIME:
            bucket = {measure: beyond(totals, measure) for measure, _ in amounts}
        for measure, value in amounts:
            taken = take(bucket, measure, value)
            for at in PLACES[window][measure]:
                totals[at] -= taken

    def absorb(self, other: "ActivityWindows") -> None:
        """Add what another member did, as if it had been observed here. `other` is used up by it.

        Sums are added, of first and last times the outer ones stay, and the windows end at the later of the two
        instants: all of it commutative and associative, so members may be merged in any order.

        >>> from features.table import SPEND
        >>> mine, theirs = ActivityWindows.load({}.get), ActivityWindows.load({}.get)
        >>> mine.observe(((SPEND, 500),), time_ms=0)
        >>> theirs.observe(((SPEND, 70),), time_ms=2 * DAY_MS)
        >>> mine.absorb(theirs)
        >>> mine.total(SPEND, DAY_WINDOW), mine.total(SPEND, WEEK_WINDOW)
        (70, 570)
        """
        if other.as_of_ms == NOT_YET_MS:
            return
        other.advance(self._as_of_ms)
        self.advance(other.as_of_ms)
        rings, totals, first_ms, last_ms = other.contents()
        self._rings.absorb(rings)
        self._totals = [mine + theirs for mine, theirs in zip(self._totals, totals, strict=True)]
        self._last_ms = [max(times) for times in zip(self._last_ms, last_ms, strict=True)]
        firsts = zip(self._first_ms, first_ms, strict=True)
        self._first_ms = [min((t for t in times if t != NOT_YET_MS), default=NOT_YET_MS) for times in firsts]
        self._recent_changed = self._first_changed = True
        self.interests.absorb(other.interests)

    def contents(self) -> tuple[Rings, list[int], list[int], list[int]]:
        """What another's `absorb` takes over: buckets, totals, first and last times."""
        return self._rings, self._totals, self._first_ms, self._last_ms

    def _recent(self) -> RecentRow:
        rings = self._rings
        return RecentRow(
            self._as_of_ms,
            ages_of(self._last_ms, self._as_of_ms),
            by_age(rings.slots, rings.slot),
            by_age(rings.open_hours(), rings.hour),
        )

    def _hours(self) -> HoursRow:
        rings = self._rings
        return HoursRow(by_age(rings.closed_hours(), rings.hour), by_age(rings.open_days, rings.day))

    def _base(self) -> BaseRow:
        rings = self._rings
        first_ms = [None if time_ms == NOT_YET_MS else time_ms for time_ms in self._first_ms]
        return BaseRow(first_ms, rings.days.stored_before(rings.day), base_sums(self._totals, rings.open_days))


class _UnreadWindows(ReadWhenAsked, ActivityWindows):
    __slots__ = ()

    def _restore(self) -> None:
        read = self._read
        self.interests = Interests.load(read)
        totals = self._totals = [0] * TOTALS_SIZE
        recent = read_row(read, RECENT_ROW, RECENT_DECODER)
        if recent is None:
            self._as_of_ms = NOT_YET_MS
            self._rings = Rings(NOT_YET_MS, DayBuckets(read))
            self._first_ms, self._last_ms = [NOT_YET_MS] * TIMED_MEASURES, [NOT_YET_MS] * TIMED_MEASURES
            return
        hours = read_row(read, HOURS_ROW, HOURS_DECODER)
        base = read_owed_row(read, BASE_ROW, BASE_DECODER)
        as_of_ms = self._as_of_ms = recent.as_of_ms
        self._first_ms = [NOT_YET_MS if time_ms is None else time_ms for time_ms in base.first_ms]
        self._last_ms = times_of(recent.last_age_ms, as_of_ms)
        rings = self._rings = Rings(as_of_ms, DayBuckets(read, as_of_ms // DAY_MS, base.chunks))
        enter_base_sums(totals, base.sums)
        if recent.slots:
            rings.slots = by_number(recent.slots, rings.slot)
            enter(totals, rings.slots, HOUR_WINDOW)
        if recent.hours:
            rings.hours = by_number(recent.hours, rings.hour)
        if hours is not None:
            rings.hours |= by_number(hours.hours, rings.hour)
            rings.open_days = by_number(hours.days, rings.day)
            enter(totals, rings.open_days, WEEK_WINDOW)
        enter(totals, rings.hours, DAY_WINDOW)
