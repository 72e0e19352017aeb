"""Local calendar periods and expiry times, with a memory of the last answer.

Actions come nearly in order of time, so the period that held the last one usually holds the next one too. The memory
changes how long an answer takes, never the answer.
"""

from typing import assert_never

import msgspec

from features.event_time import DAY_MS, Period, ZoneRules, period_end_day, period_start_day
from loyalty.policy.earning import Expiry

INACTIVE_MS = 253_402_300_799_000
"""Stands for the end of points that expire with the member's inactivity: 9999-12-31, the second last to come."""

NEVER_MS = 253_402_300_800_000
"""Stands for the end of points that never expire: the end of the year 9999, which sorts last."""

AWAITED_MS = NEVER_MS
"""When points become active that wait for an answer: not by time."""

_NEVER_FROM_MS = NEVER_MS - 365 * DAY_MS
_LIFETIME_DAY = 0


def given_expiry_ms(date_ms: int) -> int:
    """When points expire for which somebody names a date; a date in the year 9999 has always meant never.

    Example:
        >>> given_expiry_ms(1_546_300_800_000), given_expiry_ms(INACTIVE_MS) == NEVER_MS
        (1546300800000, True)
    """
    return NEVER_MS if date_ms >= _NEVER_FROM_MS else date_ms


class Span(msgspec.Struct, frozen=True, gc=False):
    """A local period: its first day's number, first instant, and first instant after it."""

    day: int
    start_ms: int
    end_ms: int


LIFETIME = Span(_LIFETIME_DAY, 0, NEVER_MS)
"""The one period of a window without end."""


class Calendar:
    """Local periods of one zone.

    Example:
        >>> calendar = Calendar(ZoneRules.utc())
        >>> calendar.span("day", 90_000_000)
        Span(day=1, start_ms=86400000, end_ms=172800000)
    """

    def __init__(self, zone: ZoneRules) -> None:
        self.zone = zone
        self._last: dict[Period, Span] = {}
        self._expiries: dict[Expiry, tuple[Span, int]] = {}

    def span(self, period: Period | None, time_ms: int) -> Span:
        """The period that holds `time_ms`; None asks for the lifetime."""
        if period is None:
            return LIFETIME
        span = self._last.get(period)
        if span is None or not span.start_ms <= time_ms < span.end_ms:
            span = self.span_of_day(period, self.zone.local_day(time_ms))
            self._last[period] = span
        return span

    def span_of_day(self, period: Period | None, day: int) -> Span:
        """The period that holds a day number."""
        if period is None:
            return LIFETIME
        start, end = period_start_day(period, day), period_end_day(period, day)
        return Span(start, self.zone.day_start_ms(start), self.zone.day_start_ms(end))

    def after(self, period: Period | None, span: Span, count: int) -> Span:
        """The period `count` after `span`."""
        for _ in range(count):
            if period is None:
                break
            span = self.span_of_day(period, period_end_day(period, span.day))
        return span

    def expires_ms(self, expiry: Expiry, time_ms: int) -> int:
        """When points that were earned at `time_ms` end; `NEVER_MS`, `INACTIVE_MS` where no date is set."""
        match expiry.kind:
            case "never":
                return NEVER_MS
            case "inactivity":
                return INACTIVE_MS
            case "after_days":
                return time_ms + expiry.days * DAY_MS
            case "end_of_month":
                return self._end_of("month", expiry, time_ms)
            case "end_of_quarter":
                return self._end_of("quarter", expiry, time_ms)
            case "end_of_year":
                return self._end_of("year", expiry, time_ms)
            case _:
                assert_never(expiry.kind)

    def _end_of(self, period: Period, expiry: Expiry, time_ms: int) -> int:
        known = self._expiries.get(expiry)
        if known is not None and known[0].start_ms <= time_ms < known[0].end_ms:
            return known[1]
        month = self.span("month", time_ms)
        last_month = self.after("month", month, expiry.after_months)
        end_ms = self.span_of_day(period, last_month.day).end_ms
        self._expiries[expiry] = (month, end_ms)
        return end_ms
