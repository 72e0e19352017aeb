"""The row `c` as bytes. Pending lots, of which a busy member has dozens, are packed by column.

in memory   [(due, lot, points, expires), ...]                                      31 bytes a lot
packed      first due, [expiry times], [due - first], [points], [expiry's place], lots   17 bytes a lot
"""

import msgspec

from features.errors import CorruptStateError
from loyalty.account_rows import LOT_BYTES, Core, PendingLot


class _Pending(msgspec.Struct, array_like=True, gc=False):
    """Pending lots by column. Most members have one or two different expiry times among them."""

    first_due_ms: int
    expiries_ms: list[int]
    after_ms: list[int]
    points: list[int]
    expiry_places: list[int]
    lots: bytes


class _Row(msgspec.Struct, array_like=True, gc=False):
    """The core without its pending lots, and these."""

    core: Core
    pending: _Pending | None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Row)


def encode_core(core: Core) -> bytes:
    """Payload of the core row.

    Example:
        >>> core = Core(member="m-42", pending=[PendingLot(86_400_000, b"01234567", 25, 31_536_000_000)])
        >>> decode_core(encode_core(core)) == core
        True
    """
    pending = core.pending
    if not pending:
        return _ENCODER.encode(_Row(core, None))
    packed = _pack(pending)
    core.pending = []
    payload = _ENCODER.encode(_Row(core, packed))
    core.pending = pending
    return payload


def decode_core(payload: bytes) -> Core:
    """Inverse of `encode_core`.

    Raises:
        CorruptStateError: the bytes cannot be what `encode_core` wrote.
    """
    try:
        row = _DECODER.decode(payload)
        core = row.core
        if row.pending is not None:
            core.pending = _unpack(row.pending)
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        raise CorruptStateError(f"account core row cannot be read ({error}); rebuild the store") from error
    return core


def _pack(pending: list[PendingLot]) -> _Pending:
    first_ms = pending[0].due_ms
    places: dict[int, int] = {}
    expiry_places = [places.setdefault(lot.expires_ms, len(places)) for lot in pending]
    return _Pending(
        first_ms,
        list(places),
        [lot.due_ms - first_ms for lot in pending],
        [lot.points for lot in pending],
        expiry_places,
        b"".join([lot.lot for lot in pending]),
    )


def _unpack(packed: _Pending) -> list[PendingLot]:
    columns = zip(packed.after_ms, packed.points, packed.expiry_places, strict=True)
    return [
        PendingLot(
            packed.first_due_ms + after_ms,
            packed.lots[number * LOT_BYTES : (number + 1) * LOT_BYTES],
            points,
            packed.expiries_ms[place],
        )
        for number, (after_ms, points, place) in enumerate(columns)
    ]
