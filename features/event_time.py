"""Event time as integers: units, the calendar on day numbers, and time zones without a time-zone database.

An instant is an `int` of milliseconds since 1970-01-01T00:00Z. A *day number* counts local dates from 1970-01-01, which
is 0. Every span is half-open, `[start, end)`: an instant belongs to the span that starts with it.

The rules of a zone travel as text in the policy record, because a decision must not change when the machine's
time-zone database does. `streams.zones` makes that text from an IANA name; nothing here reads a file or a clock.

Example:
    >>> zone = ZoneRules.from_text("Test/Zone;-18000;9849600:-14400,18144000:-18000;!#")
    >>> zone.offset_ms(9849600000 - 1) // HOUR_MS, zone.offset_ms(9849600000) // HOUR_MS
    (-5, -4)
    >>> zone.period_end_ms("month", 0)
    18000000
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, assert_never

from features.errors import ContractError

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MONTHS_PER_YEAR: Final = 12
DAYS_PER_WEEK: Final = 7

Period = Literal["day", "week", "month", "quarter", "year"]

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_MONTHS_PER_QUARTER: Final = 3
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday; Monday is 0

# No zone has ever been further east of Greenwich since 1970 (Samoa, Tonga, Line Islands and a day of slack).
_EARLIEST_MIDNIGHT_MS: Final = 26 * HOUR_MS

# One printable symbol per distinct (step, offset) of a zone; none of them needs escaping in JSON or ends a field.
_SYMBOLS: Final = "".join(
    c for c in (*map(chr, range(0x21, 0x7F)), *map(chr, range(0xC0, 0x180))) if c not in {'"', "\\", ";", ","}
)


def date_of(day: int) -> date:
    """The date of a day number.

    >>> date_of(59).isoformat()
    '1970-03-01'
    """
    return date.fromordinal(_EPOCH_ORDINAL + day)


def day_of(year: int, month: int, day_of_month: int) -> int:
    """The day number of a date.

    >>> day_of(1970, 3, 1)
    59
    """
    return date(year, month, day_of_month).toordinal() - _EPOCH_ORDINAL


def weekday(day: int) -> int:
    """The weekday of a day number, Monday is 0.

    >>> weekday(day_of(2017, 3, 4))
    5
    """
    return (day + _EPOCH_WEEKDAY) % DAYS_PER_WEEK


def add_months(day: int, months: int) -> int:
    """The day `months` later (or earlier); the last day of the month where the date does not exist there.

    An anniversary is `add_months(day, 12)`, always counted from the original day, so that 29 February comes back.

    >>> leap = day_of(2024, 2, 29)
    >>> date_of(add_months(leap, 12)).isoformat(), date_of(add_months(leap, 48)).isoformat()
    ('2025-02-28', '2028-02-29')
    """
    start = date_of(day)
    year, month = divmod(start.year * MONTHS_PER_YEAR + start.month - 1 + months, MONTHS_PER_YEAR)
    return day_of(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def period_start_day(period: Period, day: int) -> int:
    """The first day of the period that holds `day`. Weeks start on Monday.

    >>> date_of(period_start_day("quarter", day_of(2017, 6, 30))).isoformat()
    '2017-04-01'
    """
    match period:
        case "day":
            return day
        case "week":
            return day - weekday(day)
        case "month":
            return day - date_of(day).day + 1
        case "quarter":
            on = date_of(day)
            return day_of(on.year, on.month - (on.month - 1) % _MONTHS_PER_QUARTER, 1)
        case "year":
            return day_of(date_of(day).year, 1, 1)
        case _:
            assert_never(period)


def period_end_day(period: Period, day: int) -> int:
    """The first day after the period that holds `day`.

    >>> date_of(period_end_day("month", day_of(2017, 12, 5))).isoformat()
    '2018-01-01'
    """
    start = period_start_day(period, day)
    match period:
        case "day":
            return start + 1
        case "week":
            return start + DAYS_PER_WEEK
        case "month":
            return add_months(start, 1)
        case "quarter":
            return add_months(start, _MONTHS_PER_QUARTER)
        case "year":
            return add_months(start, MONTHS_PER_YEAR)
        case _:
            assert_never(period)


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """One time zone from 1970 on: `offsets_ms[i]` is added to an instant in `[instants_ms[i - 1], instants_ms[i])`.

    Local days are a partition of time: day `d` starts at the first instant whose local date is `d` or later. Where a
    clock goes back over midnight, the repeated end of the old date belongs to the new day; where it jumps over
    midnight, the day starts with the jump; a date that a zone skipped has no instants.
    """

    name: str
    instants_ms: tuple[int, ...]
    offsets_ms: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.offsets_ms) != len(self.instants_ms) + 1:
            raise ContractError(f"zone {self.name}: {len(self.instants_ms)} instants need one more offset")
        if any(a >= b for a, b in zip(self.instants_ms, self.instants_ms[1:], strict=False)):
            raise ContractError(f"zone {self.name}: the instants must increase")

    @classmethod
    def utc(cls) -> "ZoneRules":
        """Coordinated universal time.

        >>> ZoneRules.utc().local_day(DAY_MS)
        1
        """
        return cls("UTC", (), (0,))

    @classmethod
    def from_changes(cls, name: str, first_offset_s: int, changes: Iterable[tuple[int, int]]) -> "ZoneRules":
        """Rules from `(instant_s, new offset_s)` pairs in order of time, in seconds."""
        pairs = tuple(changes)
        return cls(
            name,
            tuple(instant_s * SECOND_MS for instant_s, _ in pairs),
            (first_offset_s * SECOND_MS, *(offset_s * SECOND_MS for _, offset_s in pairs)),
        )

    @classmethod
    def from_text(cls, text: str) -> "ZoneRules":
        """Read what `to_text` wrote.

        Raises:
            ContractError: the text is not of that form.
        """
        try:
            name, first, alphabet, path = text.split(";")
            steps = [tuple(map(int, pair.split(":"))) for pair in alphabet.split(",") if pair]
            changes, instant_s = [], 0
            for symbol in path:
                step_s, offset_s = steps[_SYMBOLS.index(symbol)]
                instant_s += step_s
                changes.append((instant_s, offset_s))
            return cls.from_changes(name, int(first), changes)
        except (ValueError, IndexError) as error:
            raise ContractError(
                f"zone rules {text[:40]!r} cannot be read ({error}); publish the policy again"
            ) from error

    def to_text(self) -> str:
        """`name;first offset;distinct step:offset pairs;one symbol per change`, in seconds: a few hundred characters.

        >>> ZoneRules.from_text(ZoneRules.utc().to_text()) == ZoneRules.utc()
        True
        """
        alphabet: dict[tuple[int, int], str] = {}
        path, before_s = [], 0
        for instant_ms, offset_ms in zip(self.instants_ms, self.offsets_ms[1:], strict=True):
            pair = (instant_ms // SECOND_MS - before_s, offset_ms // SECOND_MS)
            before_s = instant_ms // SECOND_MS
            path.append(alphabet.setdefault(pair, _SYMBOLS[len(alphabet)]))
        pairs = ",".join(f"{step_s}:{offset_s}" for step_s, offset_s in alphabet)
        return f"{self.name};{self.offsets_ms[0] // SECOND_MS};{pairs};{''.join(path)}"

    def offset_ms(self, time_ms: int) -> int:
        """What local clocks are ahead of UTC at the instant, in milliseconds (negative in the west)."""
        return self.offsets_ms[bisect_right(self.instants_ms, time_ms)]

    def minute_of_day(self, time_ms: int) -> int:
        """Minutes that the local clock shows after its midnight, 0 to 1439."""
        return (time_ms + self.offset_ms(time_ms)) % DAY_MS // MINUTE_MS

    def local_day(self, time_ms: int) -> int:
        """The day number that holds the instant. It never decreases as time goes on."""
        at = bisect_right(self.instants_ms, time_ms)
        day = (time_ms + self.offsets_ms[at]) // DAY_MS
        if at and self.offsets_ms[at] < self.offsets_ms[at - 1]:
            reached = (self.instants_ms[at - 1] - 1 + self.offsets_ms[at - 1]) // DAY_MS
            return max(day, reached)
        return day

    def day_start_ms(self, day: int) -> int:
        """The first instant of a day number."""
        local_ms = day * DAY_MS
        at = bisect_right(self.instants_ms, local_ms - _EARLIEST_MIDNIGHT_MS)
        while at < len(self.instants_ms):
            if local_ms - self.offsets_ms[at] < self.instants_ms[at]:
                break
            at += 1
        start_ms = local_ms - self.offsets_ms[at]
        return max(start_ms, self.instants_ms[at - 1]) if at else start_ms

    def period_start_ms(self, period: Period, time_ms: int) -> int:
        """The first instant of the local period that holds the instant."""
        return self.day_start_ms(period_start_day(period, self.local_day(time_ms)))

    def period_end_ms(self, period: Period, time_ms: int) -> int:
        """The first instant after the local period that holds the instant."""
        return self.day_start_ms(period_end_day(period, self.local_day(time_ms)))

    def add_days_ms(self, time_ms: int, days: int) -> int:
        """The start of the local day that comes `days` days after the instant's."""
        return self.day_start_ms(self.local_day(time_ms) + days)

    def add_months_ms(self, time_ms: int, months: int) -> int:
        """The start of the local day that comes `months` months after the instant's; 12 make an anniversary."""
        return self.day_start_ms(add_months(self.local_day(time_ms), months))
