"""The liability report: what is outstanding, how it came about, what will become of it, in points and in money.

Pure, and the shape of `tierstream liability --json`. In money the parts of a whole add up to it, as they do in points.
"""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

import msgspec

from features.event_time import MONTHS_PER_YEAR, day_of
from loyalty.cohorts import apportion, by_issue_month, outstanding
from loyalty.decisions import instant
from loyalty.liability import DayLine, LiabilityBook, Side, month_name, month_of
from loyalty.point_value import PointValue
from online_models.breakage import Estimate, Evidence, Fates, Forecast, forecast
from online_models.breakage_paths import Moment
from streams.liability import LedgerReading


class Balance(msgspec.Struct, frozen=True):
    """What members hold: `pending + active - owed = net`, the sum of all balances. `owed` are debts of members."""

    pending: int
    active: int
    owed: int
    net: int


class Amount(msgspec.Struct, frozen=True, omit_defaults=True):
    """Points, and what they are worth in minor units where the policy says what a point is worth."""

    points: int
    minor: int | None = None


class Held(msgspec.Struct, frozen=True):
    """Points of one month, `yyyy-mm`; of an expiry also `never`, `inactivity`, or `undated` for pending ones."""

    month: str
    points: int


class Expected(msgspec.Struct, frozen=True, omit_defaults=True):
    """An expected number of points, the interval that holds it nine times in ten, and both in minor units."""

    points: int
    low: int
    high: int
    minor: int | None = None
    low_minor: int | None = None
    high_minor: int | None = None


class Becomes(msgspec.Struct, frozen=True):
    """What becomes of points within a time; `left` is what is still outstanding at its end."""

    redeemed: Expected
    breakage: Expected
    taken_back: Amount
    left: Amount


class MonthAhead(Becomes, frozen=True):
    """What becomes of points within a month, `yyyy-mm`; the first one is what is left of the running month."""

    month: str


class Outlook(msgspec.Struct, frozen=True):
    """The forecast of what is outstanding now; see `online_models.breakage.Forecast` for `evidence`."""

    outstanding: Amount
    evidence: Evidence
    credibility_bp: int
    total: Becomes
    months: list[MonthAhead]


class LiabilityReport(msgspec.Struct, frozen=True):
    """Everything at the effective time of the newest entry.

    `incomplete_members` have entries that cannot be taken in, since an earlier one has not come. `since_the_beginning`
    is the roll-forward from 0 to `points.net`, by side.
    """

    as_of: str
    time_zone: str
    entries: int
    members: int
    incomplete_members: int
    points: Balance
    since_the_beginning: dict[Side, int]
    by_expiry_month: list[Held]
    by_issue_month: list[Held]
    forecast: Outlook
    point_value: PointValue | None


def report_of(reading: LedgerReading, value: PointValue | None) -> LiabilityReport:
    """The report on what has been read."""
    book, now = reading.book, moment_of(reading.book)
    total = book.balance()
    after = now.month + 1
    return LiabilityReport(
        as_of=instant(book.as_of_ms).isoformat(),
        time_zone=book.zone.name,
        entries=book.entries,
        members=reading.members,
        incomplete_members=reading.incomplete,
        points=Balance(total.pending, total.active, -total.debt, total.pending + total.active + total.debt),
        since_the_beginning=dict(sorted(total.sides.items())),
        by_expiry_month=_by_month(outstanding(book.flows, after).items()),
        by_issue_month=_by_month(by_issue_month(book.flows, after).items()),
        forecast=_outlook(forecast(book.flows, now), value),
        point_value=value,
    )


def moment_of(book: LiabilityBook) -> Moment:
    """The moment just after the newest entry."""
    zone, after_ms = book.zone, book.as_of_ms + 1
    month = month_of(zone.local_day(book.as_of_ms))
    start_ms, end_ms = (zone.day_start_ms(_first_day(each)) for each in (month, month + 1))
    return Moment(month, min(1.0, (after_ms - start_ms) / (end_ms - start_ms)))


def _first_day(month: int) -> int:
    return day_of(month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1)


def _by_month(found: Iterable[tuple[int, int]]) -> list[Held]:
    return [Held(month_name(month), points) for month, points in found]


def _outlook(made: Forecast, value: PointValue | None) -> Outlook:
    money = None if value is None else value.minor(made.outstanding)
    total = _becomes(made.total, value, _parts(made.total, money))
    months: list[MonthAhead] = []
    for number, (fates, minor) in enumerate(zip(made.months, _monthly(made, total), strict=True)):
        month = _becomes(fates, value, minor)
        name = month_name(made.month + number)
        months.append(MonthAhead(month.redeemed, month.breakage, month.taken_back, month.left, name))
    return Outlook(Amount(made.outstanding, money), made.evidence, made.credibility_bp, total, months)


_Minor = tuple[int, int, int, int] | None
"""Minor units of what is redeemed, expires, is taken back and is left; None where a point has no value."""


def _parts(fates: Fates, money: int | None) -> _Minor:
    if money is None:
        return None
    redeemed, breakage, taken_back, left = apportion(
        money, [fates.redeemed.points, fates.breakage.points, fates.taken_back, fates.left]
    )
    return redeemed, breakage, taken_back, left


def _monthly(made: Forecast, total: Becomes) -> Sequence[_Minor]:
    """The money of each month: of each way to end, the months add up to the total."""
    whole = (total.redeemed.minor, total.breakage.minor, total.taken_back.minor)
    left = sum(minor or 0 for minor in (*whole, total.left.minor))
    if total.left.minor is None:
        return [None] * len(made.months)
    redeemed, breakage, taken = (
        apportion(minor or 0, points)
        for minor, points in zip(
            whole,
            (
                [month.redeemed.points for month in made.months],
                [month.breakage.points for month in made.months],
                [month.taken_back for month in made.months],
            ),
            strict=True,
        )
    )
    found: list[_Minor] = []
    for parts in zip(redeemed, breakage, taken, strict=True):
        left -= sum(parts)
        found.append((*parts, left))
    return found


def _becomes(fates: Fates, value: PointValue | None, minor: _Minor) -> Becomes:
    redeemed, breakage, taken_back, left = (None,) * 4 if minor is None else minor
    return Becomes(
        redeemed=_expected(fates.redeemed, value, redeemed),
        breakage=_expected(fates.breakage, value, breakage),
        taken_back=Amount(fates.taken_back, taken_back),
        left=Amount(fates.left, left),
    )


def _expected(said: Estimate, value: PointValue | None, minor: int | None) -> Expected:
    if value is None or minor is None:
        return Expected(said.points, said.low, said.high)
    low, high = min(minor, value.minor(said.low)), max(minor, value.minor(said.high))
    return Expected(said.points, said.low, said.high, minor, low, high)


def daily_csv(lines: Iterable[DayLine]) -> bytes:
    """The roll-forward as CSV, with a head.

    Example:
        >>> daily_csv([]).decode().split(",")[:3]
        ['day', 'opening', 'issued']
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(DayLine.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(line) for line in lines)
    return text.getvalue().encode()


def daily_json(lines: Iterable[DayLine]) -> bytes:
    """The roll-forward as a JSON list."""
    return msgspec.json.format(msgspec.json.encode(list(lines)), indent=2)
