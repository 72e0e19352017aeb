"""Local calendar arithmetic in the standard library's own words."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from features.actions import Action
from loyalty.policy import Expiry

DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)
ON_INACTIVITY = NEVER - DAY


class LocalTime:
    """The calendar of a programme's time zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def midnight(self, year: int, month: int, day: int = 1) -> datetime:
        return datetime(year, month, day, tzinfo=self.zone).astimezone(UTC)

    def month_start(self, at: datetime, later: int) -> datetime:
        local = self.local(at)
        months = local.year * 12 + local.month - 1 + later
        return self.midnight(months // 12, months % 12 + 1)

    def first_day(self, period: str, day: date) -> date:
        """First day of the period of a cap or a streak that a local day is in."""
        match period:
            case "day":
                return day
            case "week":
                return day - day.weekday() * DAY
            case "month":
                return day.replace(day=1)
            case "quarter":
                return day.replace(month=day.month - (day.month - 1) % 3, day=1)
            case "year":
                return day.replace(month=1, day=1)
        return date.min  # ever

    def period(self, period: str, at: datetime) -> date:
        return self.first_day(period, self.local(at).date())

    def expires(self, expiry: Expiry, since: datetime) -> datetime:
        match expiry.kind:
            case "never":
                return NEVER
            case "after_days":
                return since + expiry.days * DAY
            case "end_of_month":
                return self.month_start(since, expiry.after_months + 1)
            case "end_of_quarter":
                last = self.local(self.month_start(since, expiry.after_months))
                return self.month_start(last, 3 - (last.month - 1) % 3)
            case "end_of_year":
                last = self.local(self.month_start(since, expiry.after_months))
                return self.midnight(last.year + 1, 1)
            case "inactivity":
                return ON_INACTIVITY

    def given_until(self, expiry: Expiry, adjustment: Action) -> datetime:
        """When points end that are given by hand."""
        data: Any = adjustment.data
        if data.expires is not None:
            end: datetime = data.expires
            return NEVER if end.year == NEVER.year else end
        return self.expires(expiry, data.earned or adjustment.time)
