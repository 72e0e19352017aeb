"""The row of a member's interests: counters in whole numbers that fade by a sixteenth a week."""

from typing import Final

import msgspec

INTERESTS_ROW: Final = b"wi"

_KEPT, _KEPT_SHIFT = 15, 4

# After so many weeks nothing is left of a counter of any size that occurs.
_LONGEST_WEEKS = 400


def _three() -> list[int]:
    return [0, 0, 0]


class InterestsRow(msgspec.Struct, array_like=True):
    """`last_ms` is the latest purchase; `gaps` are their number, sum and sum of squares, in hours, fading."""

    week: int = 0
    categories: dict[str, int] = {}
    purchases: int = 0
    dayparts: list[int] = msgspec.field(default_factory=_three)
    last_ms: int | None = None
    gaps: list[int] = msgspec.field(default_factory=_three)

    def fade(self, week: int) -> None:
        """Let the counters fade to a week, if that is later than theirs."""
        weeks, self.week = max(0, week - self.week), max(self.week, week)
        if weeks and (self.purchases or self.categories):
            categories = {name: faded(weight, weeks) for name, weight in self.categories.items()}
            self.categories = {name: weight for name, weight in categories.items() if weight}
            self.purchases = faded(self.purchases, weeks)
            self.dayparts = [faded(part, weeks) for part in self.dayparts]
            self.gaps = [faded(gap, weeks) for gap in self.gaps]


INTERESTS_DECODER: Final = msgspec.msgpack.Decoder(InterestsRow)
INTERESTS_ENCODER: Final = msgspec.msgpack.Encoder()


def faded(value: int, weeks: int) -> int:
    """What is left of a counter after some weeks.

    >>> faded(4_096, 1), faded(4_096, 11)
    (3840, 2013)
    """
    if not value or not weeks:
        return value
    weeks = min(weeks, _LONGEST_WEEKS)
    return int(value * _KEPT**weeks) >> (_KEPT_SHIFT * weeks)
