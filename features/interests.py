"""What a member buys and when: decayed counters of a few categories, of dayparts and of the gaps between purchases.

One row of its own, `wi`, that only a purchase, or a browse that names a category, rewrites. All counters fade by a
sixteenth a week (half in about 11 weeks), whole numbers only. Every figure read from them is a ratio, and a ratio does
not change when all counters fade alike: so nothing needs to fade before the next purchase, and time alone changes no
row (forward decay, Cormode et al. 2009, "Forward decay: a practical time decay model for streaming systems", ICDE).

A member has room for `MOST_CATEGORIES`. A newcomer that finds none takes what it weighs off the lightest one, and its
place once nothing is left of that (the counters of Misra and Gries, 1982, "Finding repeated elements"). Returns do not
undo interests: who bought something was interested in it.
"""

from collections.abc import Iterable, Iterator
from math import isqrt, log2
from typing import Final

from features.actions import LineItem
from features.interests_row import INTERESTS_DECODER, INTERESTS_ENCODER, INTERESTS_ROW, InterestsRow, faded
from features.rows import Changes, Read, ReadWhenAsked, read_row

MOST_CATEGORIES: Final = 8

WEEKEND, MORNING, EVENING = range(3)
"""Dayparts that are counted: Saturday and Sunday, from 6 to noon, from 18 to midnight. All in local time."""

_BP = 10_000

# What one purchase adds. Large, so that what is cut off as counters fade is small beside it.
_PURCHASE = 4_096

# A view says little: a sixteenth of a purchase.
_VIEW = 256

_DAYS_PER_WEEK = 7
_FIRST_THURSDAY = 3  # 1970-01-01 was one; weeks begin on Monday
_SATURDAY = 5
_HOUR_MS = 3_600_000
_DAYPART_OF_HOUR = dict.fromkeys(range(6, 12), MORNING) | dict.fromkeys(range(18, 24), EVENING)

# Thousandths of a bit that a share of n / 1024 adds to the entropy; rounded, so every machine has the same table.
_SHARES = 1_024
_ENTROPY_MILLIBITS: Final = tuple(
    round(1_000 * share / _SHARES * log2(_SHARES / share)) if share else 0 for share in range(_SHARES + 1)
)


def main_category(items: Iterable[LineItem]) -> str:
    """The category that most is paid for, the first of equal ones; empty where none is named.

    Example:
        >>> main_category([LineItem(item_id="a", amount=200, category="dairy"), LineItem(item_id="b", amount=300)])
        'dairy'
    """
    amounts = _amounts(items)
    return max(amounts, key=amounts.__getitem__) if amounts else ""


def _amounts(items: Iterable[LineItem]) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for item in items:
        if item.category is not None:
            amounts[item.category] = amounts.get(item.category, 0) + item.amount
    return amounts


class Interests:
    """The interests and habits of one member.

    Example:
        >>> interests = Interests.load(lambda _: None)
        >>> interests.bought([LineItem(item_id="a", amount=300, category="dairy")], 0, 0, 9 * _HOUR_MS)
        >>> interests.bought([LineItem(item_id="b", amount=300, category="wine")], 86_400_000, 1, 20 * _HOUR_MS)
        >>> interests.shares()
        (('dairy', 5000), ('wine', 5000))
        >>> interests.features()
        (2, 1000, 5000, 0, 5000, 5000, 0)
    """

    __slots__ = ("_changed", "_features", "_read", "_row")
    _row: InterestsRow

    def __init__(self, read: Read) -> None:
        self._read = read
        self._changed = False
        self._features: tuple[int, ...] | None = None

    @staticmethod
    def load(read: Read) -> "Interests":
        """The interests as stored, or none; the row is read when it is first needed: most actions do without."""
        return _UnreadInterests(read)

    def changed(self) -> Changes:
        """The row, if it changed since the last call."""
        if self._changed:
            self._changed = False
            yield INTERESTS_ROW, INTERESTS_ENCODER.encode(self._row)

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """The row as it would be written now, changed or not."""
        yield INTERESTS_ROW, INTERESTS_ENCODER.encode(self._row)

    def absorb(self, other: "Interests") -> None:
        """Add another member's counters, both faded to the later week; near enough, as the counters are."""
        row, theirs = self._row, other.faded_to(self._row.week)
        row.fade(theirs.week)
        row.purchases += theirs.purchases
        row.dayparts = [mine + more for mine, more in zip(row.dayparts, theirs.dayparts, strict=True)]
        row.gaps = [mine + more for mine, more in zip(row.gaps, theirs.gaps, strict=True)]
        row.last_ms = max((at for at in (row.last_ms, theirs.last_ms) if at is not None), default=None)
        for name, weight in sorted(theirs.categories.items()):
            self._add(row.categories, name, weight)
        self._changed, self._features = True, None

    def faded_to(self, week: int) -> InterestsRow:
        """The counters, faded to a week if that is later than theirs."""
        self._row.fade(week)
        return self._row

    def viewed(self, category: str, local_day: int) -> None:
        """A view of something in a category."""
        row = self._row
        unit = self._faded(row, local_day, _VIEW)
        self._add(row.categories, category, unit)

    def bought(self, items: Iterable[LineItem], time_ms: int, local_day: int, local_ms: int) -> None:
        """A purchase at `time_ms`, which is `local_ms` after the start of the local day with this number."""
        row = self._row
        unit = self._faded(row, local_day, _PURCHASE)
        row.purchases += unit
        if (local_day + _FIRST_THURSDAY) % _DAYS_PER_WEEK >= _SATURDAY:
            row.dayparts[WEEKEND] += unit
        # `WEEKEND`, which is 0, is no part of a day and not among them.
        if daypart := _DAYPART_OF_HOUR.get(local_ms // _HOUR_MS):
            row.dayparts[daypart] += unit
        if (last_ms := row.last_ms) is None:
            row.last_ms = time_ms
        elif time_ms > last_ms:
            hours = (time_ms - last_ms) // _HOUR_MS
            count, total_hours, squares = row.gaps
            row.gaps = [count + unit, total_hours + unit * hours, squares + unit * hours * hours]
            row.last_ms = time_ms
        amounts = _amounts(items)
        if total := sum(amounts.values()):
            for name, amount in amounts.items():
                self._add(row.categories, name, unit * amount // total)

    def shares(self) -> tuple[tuple[str, int], ...]:
        """Categories with their shares in basis points, the heaviest first, equal ones by name."""
        categories = self._row.categories
        total = sum(categories.values())
        if not total:
            return ()
        ordered = sorted(categories.items(), key=lambda item: (-item[1], item[0]))
        return tuple((name, weight * _BP // total) for name, weight in ordered)

    def features(self) -> tuple[int, ...]:
        """The last entries of the feature vector, in the order of `features.table`."""
        features = self._features
        if features is None:
            features = self._features = self._read_off(self._row)
        return features

    def _read_off(self, row: InterestsRow) -> tuple[int, ...]:
        weights = row.categories.values()
        total = sum(weights)
        entropy = sum([_ENTROPY_MILLIBITS[weight * _SHARES // total] for weight in weights]) if total else 0
        heaviest = max(weights) * _BP // total if total else 0
        bought = row.purchases or 1  # where there are none, dayparts have none either
        weekend, morning, evening = row.dayparts
        count, hours, squares = row.gaps
        # The standard deviation of the gaps over their mean: root(n x squares - hours^2) / hours.
        irregular = isqrt(max(0, count * squares - hours * hours)) * _BP // hours if hours else 0
        return (
            len(weights),
            entropy,
            heaviest,
            weekend * _BP // bought,
            morning * _BP // bought,
            evening * _BP // bought,
            irregular,
        )

    def _faded(self, row: InterestsRow, local_day: int, unit: int) -> int:
        """What `unit` weighs in the row's week; a later week than that fades the row first."""
        self._changed = True
        self._features = None
        week = (local_day + _FIRST_THURSDAY) // _DAYS_PER_WEEK
        if week <= row.week:
            return faded(unit, row.week - week)
        row.fade(week)
        return unit

    @staticmethod
    def _add(categories: dict[str, int], name: str, weight: int) -> None:
        if name in categories:
            categories[name] += weight
        elif len(categories) < MOST_CATEGORIES:
            if weight:
                categories[name] = weight
        else:
            lightest = min(categories, key=lambda held: (categories[held], held))
            rest = weight - categories[lightest]
            if rest > 0:
                del categories[lightest]
                categories[name] = rest
            else:
                categories[lightest] = -rest
                if not rest:
                    del categories[lightest]


class _UnreadInterests(ReadWhenAsked, Interests):
    __slots__ = ()

    def _restore(self) -> None:
        self._row = read_row(self._read, INTERESTS_ROW, INTERESTS_DECODER) or InterestsRow()
