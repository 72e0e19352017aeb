"""The core as rows. Pending lots, of which a busy member has dozens, are packed by column.

in memory   [(due, lot, points, expires), ...]                                               29 bytes a lot
packed      first due, unit, [gap / unit], [points], [(expiry, how many with it), ...], lots   10 bytes a lot

Gaps are between one due time and the next, in the largest unit that divides them all: tills print whole seconds. A few
lots are in the row `c` itself. More are in rows of their own by due time, `cp` + chunk, so that a purchase does not
write down again what waits already.
"""

from collections.abc import Iterator
from itertools import accumulate, chain, groupby, pairwise, repeat
from math import gcd
from typing import Final

import msgspec

from features.errors import CorruptStateError
from features.event_time import DAY_MS
from features.rows import Read, read_owed_payload
from loyalty.account_rows import LOT_BYTES, Core, PendingLot

CORE_ROW: Final = b"c"
_PENDING_ROW: Final = b"cp"

# A row of its own costs about 30 bytes, three lots.
_MOST_INSIDE: Final = 12
_CHUNK_MS: Final = 4 * DAY_MS
_CHUNK_BYTES: Final = 4


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
    """The core without its pending lots, and these: all of them, or the numbers of the chunks that they are in."""

    core: Core
    pending: _Pending | None
    chunks: list[int] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Row)
_PENDING_DECODER = msgspec.msgpack.Decoder(_Pending)

Chunks = dict[int, bytes]
"""Chunk number -> payload of its row, as it was last read or written."""


def encode_core(core: Core, chunks: Chunks) -> Iterator[tuple[bytes, bytes | None]]:
    """The row `c`, and the chunks that are others than in `chunks`, which follows: suffix and payload, None to delete.

    Example:
        >>> core = Core(member="m-42", pending=[PendingLot(86_400_000, b"012345", 25, 31_536_000_000)])
        >>> rows = dict(encode_core(core, {}))
        >>> decode_core(rows[CORE_ROW], rows.get) == (core, {})
        True
    """
    pending, now = core.pending, Chunks()
    inside: _Pending | None = None
    if len(pending) > _MOST_INSIDE:
        for chunk, those in groupby(pending, key=_chunk_of):
            now[chunk] = _ENCODER.encode(_pack(list(those)))
    elif pending:
        inside = _pack(pending)
    core.pending = []
    yield CORE_ROW, _ENCODER.encode(_Row(core, inside, list(now)))
    core.pending = pending
    for chunk, payload in now.items():
        if chunks.get(chunk) != payload:
            yield _suffix(chunk), payload
    for chunk in chunks:
        if chunk not in now:
            yield _suffix(chunk), None
    chunks.clear()
    chunks.update(now)


def decode_core(payload: bytes, read: Read) -> tuple[Core, Chunks]:
    """Inverse of `encode_core`; chunks are read as far as there are any.

    Raises:
        CorruptStateError: the bytes cannot be what `encode_core` wrote, or a chunk is missing.
    """
    try:
        row = _DECODER.decode(payload)
        core, chunks = row.core, Chunks()
        if row.pending is not None:
            core.pending = _unpack(row.pending)
        for chunk in row.chunks:
            chunks[chunk], packed = read_owed_payload(read, _suffix(chunk), _PENDING_DECODER)
            core.pending += _unpack(packed)
    except (msgspec.DecodeError, ValueError) as error:
        raise CorruptStateError(f"account core row cannot be read ({error}); rebuild the store") from error
    return core, chunks


def decode_inside(payload: bytes) -> tuple[Core, bool]:
    """The core from the row `c` alone, and whether that is all of it: False where pending lots are in other rows.

    Raises:
        CorruptStateError: the bytes cannot be what `encode_core` wrote.
    """
    try:
        row = _DECODER.decode(payload)
        if row.pending is not None:
            row.core.pending = _unpack(row.pending)
    except (msgspec.DecodeError, ValueError) as error:
        raise CorruptStateError(f"account core row cannot be read ({error}); rebuild the store") from error
    return row.core, not row.chunks


def _chunk_of(lot: PendingLot) -> int:
    return lot.due_ms // _CHUNK_MS


def _suffix(chunk: int) -> bytes:
    return _PENDING_ROW + chunk.to_bytes(_CHUNK_BYTES, "big", signed=True)


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
