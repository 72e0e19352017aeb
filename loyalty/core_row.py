"""The row `c` as bytes. Pending lots, of which a busy member has dozens, are packed by column.

in memory   [(due, lot, points, expires), ...]                                               29 bytes a lot
packed      first due, unit, [gap / unit], [points], [(expiry, how many with it), ...], lots   10 bytes a lot

Gaps are between one due time and the next, in the largest unit that divides them all: tills print whole seconds.
"""

from itertools import accumulate, chain, groupby, pairwise, repeat
from math import gcd

import msgspec

from features.errors import CorruptStateError
from loyalty.account_rows import LOT_BYTES, Core, PendingLot


class _Pending(msgspec.Struct, array_like=True, gc=False):
    """Pending lots by column, in order of their due time. `expiries_ms`: expiry times in a row, and of how many lots.

    Most members have one or two different ones.
    """

    first_due_ms: int
    unit_ms: int
    gaps: list[int]
    points: list[int]
    expiries_ms: list[tuple[int, int]]
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
    due_ms = [lot.due_ms for lot in pending]
    gaps = [after - before for before, after in pairwise(due_ms)]
    unit_ms = gcd(*gaps) or 1
    return _Pending(
        due_ms[0],
        unit_ms,
        gaps if unit_ms == 1 else [gap // unit_ms for gap in gaps],
        [lot.points for lot in pending],
        [(expires_ms, len(list(those))) for expires_ms, those in groupby([lot.expires_ms for lot in pending])],
        b"".join([lot.lot for lot in pending]),
    )


def _unpack(packed: _Pending) -> list[PendingLot]:
    gaps_ms = [gap * packed.unit_ms for gap in packed.gaps]
    due_ms = accumulate(gaps_ms, initial=packed.first_due_ms)
    expires_ms = chain.from_iterable(repeat(each_ms, count) for each_ms, count in packed.expiries_ms)
    names = packed.lots
    return [
        PendingLot(due, names[at : at + LOT_BYTES], points, expires)
        for at, due, points, expires in zip(
            range(0, len(names), LOT_BYTES), due_ms, packed.points, expires_ms, strict=True
        )
    ]
