"""Many small choices out of one draw: Hypothesis takes longer to draw each of them than the engine to act on them."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

_BYTES = 2  # of each choice: more than any range here needs


class Picks:
    """Choices that follow from some bytes; zeros, and whatever lies behind their end, pick the first and the least.

    Example:
        >>> picks = Picks(bytes((2, 0, 9, 0)))
        >>> picks.one_of("abc"), picks.below(7), picks.below(7)
        ('c', 2, 0)
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def below(self, end: int) -> int:
        """From 0 to `end` - 1."""
        part = self._raw[self._at : self._at + _BYTES]
        self._at += _BYTES
        return int.from_bytes(part, "little") % end

    def up_to(self, most: int) -> int:
        """From 0 to `most`, and the two ends of it more often than others."""
        return (0, most, self.below(most + 1))[min(2, self.below(10))]

    def one_of(self, values: Sequence[T]) -> T:
        """One of the values."""
        return values[self.below(len(values))]


def picks(choices: int) -> st.SearchStrategy[Picks]:
    """Picks for so many choices."""
    size = _BYTES * choices
    return st.binary(min_size=size, max_size=size).map(Picks)
