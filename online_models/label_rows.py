"""How open labels are written down: `l` holds the calendar and the sums, `l` + t the vector of the label of time t.

The row `l` is rewritten with every purchase, so it says nothing twice: labels stand in columns, times of opening as the
gaps between them, categories once each. Of a vector only what is not zero is kept, less than half of it.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import msgspec

SUFFIX = b"l"

Interests = tuple[tuple[str, int], ...]
"""Categories with their shares in basis points, the heaviest first: see `features.interests`."""


class View(NamedTuple):
    """The feature vector at a moment, with the member's interests, arm in the trial, and newest offer.

    `as_of_ms` is the moment, or the newest event time in the vector if later.
    """

    as_of_ms: int
    vector: Sequence[int]
    interests: Interests = ()
    arm: str = ""
    offer: tuple[str, int] | msgspec.UnsetType = msgspec.UNSET


class OpenLabel(msgspec.Struct, gc=False):
    """An open label. `next_after_ms` and `next_category` tell of the first purchase that names a category."""

    opened_ms: int
    matures_ms: int
    spent_minor: int = 0
    week_minor: int = 0
    earned_points: int = 0
    redeemed_points: int = 0
    next_after_ms: int = 0
    next_category: str = ""

    def learns_at(self, time_ms: int) -> bool:
        """Whether a purchase at this time tells the next category: it is in the span, and the first one so far."""
        if not self.opened_ms < time_ms <= self.matures_ms:
            return False
        return not self.next_category or time_ms - self.opened_ms < self.next_after_ms


class LabelsRow(msgspec.Struct):
    """The row `l`. `earned_points` and `redeemed_points` are all there were since the calendar began."""

    next_ms: int | None = None
    open: list[OpenLabel] = []
    issued_from_ms: int = 0
    issued: dict[str, int] = {}
    earned_points: int = 0
    redeemed_points: int = 0


class StoredVector(msgspec.Struct, gc=False, frozen=True):
    """A row `l` + t: what was known at t, and the mark of the feature table that the vector was made by."""

    table: str
    vector: tuple[int, ...]
    interests: Interests = ()
    earned_points: int = 0
    redeemed_points: int = 0


class _Columns(msgspec.Struct, array_like=True, gc=False):
    """Labels by column. `spans_ms` is one number where all labels have the same, `places` are those of `categories`."""

    first_ms: int
    gaps_ms: list[int]
    spans_ms: list[int]
    spent_minor: list[int]
    week_minor: list[int]
    earned_points: list[int]
    redeemed_points: list[int]
    next_after_ms: list[int]
    places: list[int]
    categories: list[str]


class _Labels(msgspec.Struct, array_like=True, gc=False):
    next_ms: int | None
    columns: _Columns | None
    issued_from_ms: int
    issued: dict[str, int]
    earned_points: int
    redeemed_points: int


class _Vector(msgspec.Struct, array_like=True, gc=False):
    table: str
    size: int
    features: dict[int, int]
    interests: Interests
    earned_points: int
    redeemed_points: int


_LABELS_DECODER = msgspec.msgpack.Decoder(_Labels)
_VECTOR_DECODER = msgspec.msgpack.Decoder(_Vector)
_ENCODER = msgspec.msgpack.Encoder()


def vector_suffix(opened_ms: int) -> bytes:
    """Suffix of the row with the vector of the label opened then."""
    return SUFFIX + opened_ms.to_bytes(8, "big", signed=True)


def encode_labels(row: LabelsRow) -> bytes:
    """Payload of the row `l`.

    Example:
        >>> row = LabelsRow(9, [OpenLabel(5, 35, 2_599, next_category="wine"), OpenLabel(8, 38)], 7, {"purchase": 26})
        >>> decode_labels(encode_labels(row)) == row
        True
    """
    columns = _columns(row.open) if row.open else None
    stored = _Labels(row.next_ms, columns, row.issued_from_ms, row.issued, row.earned_points, row.redeemed_points)
    return _ENCODER.encode(stored)


def decode_labels(payload: bytes) -> LabelsRow:
    """Inverse of `encode_labels`."""
    row = _LABELS_DECODER.decode(payload)
    labels = [] if row.columns is None else _labels(row.columns)
    return LabelsRow(row.next_ms, labels, row.issued_from_ms, row.issued, row.earned_points, row.redeemed_points)


def encode_vector(stored: StoredVector) -> bytes:
    """Payload of a row `l` + t.

    Example:
        >>> stored = StoredVector("ab12", (0, 0, 7, 0), (("wine", 10_000),), 25, 0)
        >>> decode_vector(encode_vector(stored)) == stored
        True
    """
    features = {index: value for index, value in enumerate(stored.vector) if value}
    points = (stored.earned_points, stored.redeemed_points)
    return _ENCODER.encode(_Vector(stored.table, len(stored.vector), features, stored.interests, *points))


def decode_vector(payload: bytes) -> StoredVector:
    """Inverse of `encode_vector`."""
    row = _VECTOR_DECODER.decode(payload)
    vector = [0] * row.size
    for index, value in row.features.items():
        vector[index] = value
    return StoredVector(row.table, tuple(vector), row.interests, row.earned_points, row.redeemed_points)


def _columns(labels: list[OpenLabel]) -> _Columns:
    opened_ms = [label.opened_ms for label in labels]
    spans_ms = [label.matures_ms - label.opened_ms for label in labels]
    places: dict[str, int] = {}
    return _Columns(
        opened_ms[0],
        [after - before for before, after in pairwise(opened_ms)],
        spans_ms[:1] if spans_ms.count(spans_ms[0]) == len(spans_ms) else spans_ms,
        [label.spent_minor for label in labels],
        [label.week_minor for label in labels],
        [label.earned_points for label in labels],
        [label.redeemed_points for label in labels],
        [label.next_after_ms for label in labels],
        [places.setdefault(label.next_category, len(places)) for label in labels],
        list(places),
    )


def _labels(columns: _Columns) -> list[OpenLabel]:
    opened_ms = list(accumulate(columns.gaps_ms, initial=columns.first_ms))
    spans_ms = columns.spans_ms if len(columns.spans_ms) > 1 else columns.spans_ms * len(opened_ms)
    rest = zip(
        columns.spent_minor,
        columns.week_minor,
        columns.earned_points,
        columns.redeemed_points,
        columns.next_after_ms,
        [columns.categories[place] for place in columns.places],
        strict=True,
    )
    return [
        OpenLabel(opened, opened + span, *values)
        for opened, span, values in zip(opened_ms, spans_ms, rest, strict=True)
    ]
