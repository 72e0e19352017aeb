"""The rows of a member in pieces that each fit a record, and pieces that wait until the last one has come."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from features.rows import Changes, Read, read_owed_row, read_row
from loyalty.effects import IdentityMerge

# In base64 and with the attributes around it, a piece is well under the limit of 1 MiB of a record.
MAX_PIECE_BYTES: Final = 512 * 1024

_HEAD: Final = b"x"

_ROWS_DECODER = msgspec.msgpack.Decoder(dict[bytes, bytes])
_HEAD_DECODER = msgspec.msgpack.Decoder(dict[str, int])
_PIECE_DECODER = msgspec.msgpack.Decoder(IdentityMerge)
_ENCODER = msgspec.msgpack.Encoder()


def cut(rows: Iterable[tuple[bytes, bytes | None]]) -> list[bytes]:
    """All rows that have a payload, as pieces.

    Example:
        >>> join(cut([(b"c", b"core"), (b"l1", None)]))
        {b'c': b'core'}
    """
    raw = _ENCODER.encode({suffix: payload for suffix, payload in rows if payload is not None})
    return [raw[at : at + MAX_PIECE_BYTES] for at in range(0, len(raw), MAX_PIECE_BYTES)]


def join(pieces: list[bytes]) -> Mapping[bytes, bytes]:
    """Inverse of `cut`: payloads by row suffix."""
    return _ROWS_DECODER.decode(b"".join(pieces))


class Inbox:
    """Pieces of other ids' states that have come without the last one: rows `x`, read when they are needed.

    The row `x` says how many have come from which id, `x` + number + id holds each.

    Example:
        >>> from loyalty.decisions import Cause
        >>> inbox = Inbox({}.get)
        >>> inbox.put(IdentityMerge(alias="m-9", piece=0, pieces=2, rows=b"..", cause=Cause("shop", "l-1")))
        >>> [piece.piece for piece in inbox.take("m-9")], inbox.take("m-9")
        ([0], [])
    """

    __slots__ = ("_fresh", "_held", "_read", "_rows")

    def __init__(self, read: Read) -> None:
        self._read = read
        self._held: dict[str, int] | None = None
        self._rows: dict[bytes, bytes | None] = {}
        self._fresh: dict[bytes, None] = {}

    def changed(self) -> Changes:
        """Rows changed since the last call: suffix and payload, None to delete."""
        fresh, self._fresh = self._fresh, {}
        for suffix in fresh:
            yield suffix, self._rows[suffix]

    def put(self, piece: IdentityMerge) -> None:
        """Keep a piece that is not the last one."""
        held = self._counts()
        number = held.get(piece.alias, 0)
        held[piece.alias] = number + 1
        self._write(_suffix(piece.alias, number), _ENCODER.encode(piece))
        self._write_head()

    def take(self, alias: str) -> list[IdentityMerge]:
        """Hand over the pieces that have come from one id, in order."""
        count = self._counts().pop(alias, 0)
        pieces = []
        for number in range(count):
            suffix = _suffix(alias, number)
            pieces.append(read_owed_row(self._stored, suffix, _PIECE_DECODER))
            self._write(suffix, None)
        if count:
            self._write_head()
        return pieces

    def take_all(self) -> Iterator[IdentityMerge]:
        """Hand over all pieces."""
        for alias in list(self._counts()):
            yield from self.take(alias)

    def _counts(self) -> dict[str, int]:
        if self._held is None:
            self._held = read_row(self._read, _HEAD, _HEAD_DECODER) or {}
        return self._held

    def _write_head(self) -> None:
        held = self._counts()
        self._write(_HEAD, _ENCODER.encode(held) if held else None)

    def _write(self, suffix: bytes, payload: bytes | None) -> None:
        self._rows[suffix] = payload
        self._fresh[suffix] = None

    def _stored(self, suffix: bytes) -> bytes | None:
        return self._rows[suffix] if suffix in self._rows else self._read(suffix)


def _suffix(alias: str, number: int) -> bytes:
    return _HEAD + number.to_bytes(2, "big") + alias.encode()
