"""How open labels are written down: `l` holds the calendar and the sums, `l` + t the vector of the label of time t."""

import msgspec

SUFFIX = b"l"

Interests = tuple[tuple[str, int], ...]
"""Categories with their shares in basis points, the heaviest first: see `features.interests`."""


class OpenLabel(msgspec.Struct, array_like=True, gc=False):
    """An open label. `next_after_ms` and `next_category` tell of the first purchase that names a category."""

    opened_ms: int
    matures_ms: int
    spent_minor: int = 0
    week_minor: int = 0
    earned_points: int = 0
    redeemed_points: int = 0
    next_after_ms: int = 0
    next_category: str = ""


class LabelsRow(msgspec.Struct, array_like=True):
    """The row `l`. `earned_points` and `redeemed_points` are all there were since the calendar began."""

    next_ms: int | None = None
    open: list[OpenLabel] = []
    issued_from_ms: int = 0
    issued: dict[str, int] = {}
    earned_points: int = 0
    redeemed_points: int = 0


class StoredVector(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A row `l` + t: what was known at t, and the mark of the feature table that the vector was made by."""

    table: str
    vector: tuple[int, ...]
    interests: Interests = ()
    earned_points: int = 0
    redeemed_points: int = 0


ROW_DECODER = msgspec.msgpack.Decoder(LabelsRow)
VECTOR_DECODER = msgspec.msgpack.Decoder(StoredVector)
ENCODER = msgspec.msgpack.Encoder()


def vector_suffix(opened_ms: int) -> bytes:
    """Suffix of the row with the vector of the label opened then."""
    return SUFFIX + opened_ms.to_bytes(8, "big", signed=True)
