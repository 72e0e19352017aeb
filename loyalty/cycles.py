"""Tier cycles that begin on the day a member joined, beside those of the calendar."""

from features.event_time import Period, ZoneRules, add_months, date_of
from loyalty.calendar import Span

_MONTHS = 12


class Anniversaries:
    """The years of one member, from one anniversary of the joining day to the next, in local days.

    It answers what `Calendar` answers, so that tiers need not know which of the two they run by. Someone who joined on
    29 February has their day on 28 February in a common year.

    Example:
        >>> from features.event_time import day_of
        >>> years = Anniversaries(ZoneRules.utc(), day_of(2016, 2, 29))
        >>> date_of(years.span("year", years.zone.day_start_ms(day_of(2017, 2, 27))).day).isoformat()
        '2016-02-29'
        >>> date_of(years.span("year", years.zone.day_start_ms(day_of(2017, 2, 28))).day).isoformat()
        '2017-02-28'
    """

    def __init__(self, zone: ZoneRules, joined_day: int) -> None:
        self.zone = zone
        self._joined_day = joined_day

    def span(self, period: Period | None, time_ms: int) -> Span:
        """The member's year that holds `time_ms`."""
        return self.span_of_day(period, self.zone.local_day(time_ms))

    def span_of_day(self, period: Period | None, day: int) -> Span:
        """The member's year that holds a day number."""
        del period  # there is but one kind
        number = date_of(day).year - date_of(self._joined_day).year
        if self._start(number) > day:
            number -= 1
        start, end = self._start(number), self._start(number + 1)
        return Span(start, self.zone.day_start_ms(start), self.zone.day_start_ms(end))

    def after(self, period: Period | None, span: Span, count: int) -> Span:
        """The year `count` after `span`."""
        for _ in range(count):
            span = self.span(period, span.end_ms)
        return span

    def _start(self, number: int) -> int:
        return add_months(self._joined_day, _MONTHS * number)
