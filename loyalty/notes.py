"""What an action that is no order has earned, noted beside its id for as long as that is remembered.

One that has earned nothing has no note, unless it adds to a day's total that a rule is about. Should the same action
turn out to have been applied to two ids of one person, what it earned the second time is taken back, and this is where
it stands. Orders need no note: what they earned is kept with them.
"""

from collections.abc import Mapping, Sequence

import msgspec

from features.aggregates import Amounts
from features.errors import CorruptStateError
from loyalty.orders import Grant


class Earning(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One award: the id of its entry, and its pending `lot`, empty where the points became active at once."""

    entry: bytes
    rule: str
    granted: int
    expires_ms: int = 0
    lot: bytes = b""
    qualifying: bool = False

    def as_grant(self) -> Grant:
        """The award as a refund would see it."""
        return Grant(
            self.entry, self.rule, 0, self.granted, expires_ms=self.expires_ms, lot=self.lot, qualifying=self.qualifying
        )


class Note(msgspec.Struct, array_like=True, frozen=True):
    """When an action happened, what it added to the member's measures, and its awards."""

    time_ms: int
    amounts: Amounts
    earnings: tuple[Earning, ...]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Note)


def note_of(time_ms: int, amounts: Amounts, grants: Sequence[Grant]) -> bytes:
    """The note on an action.

    Example:
        >>> note = read_note(note_of(0, ((0, 1),), [Grant(b"", "review", 1, 40, lot=b"01234567")]))
        >>> note.amounts, note.earnings[0].as_grant().lot
        (((0, 1),), b'01234567')
    """
    earnings = tuple(
        Earning(grant.entry, grant.rule, grant.granted, grant.expires_ms, grant.lot, grant.qualifying)
        for grant in grants
    )
    return _ENCODER.encode(Note(time_ms, amounts, earnings))


def read_note(raw: bytes) -> Note:
    """Inverse of `note_of`.

    Raises:
        CorruptStateError: the bytes cannot be what `note_of` wrote.
    """
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise CorruptStateError(f"the note on an id cannot be read ({error}); rebuild the store") from error


def moved_note(moved_ms: Mapping[int, int], raw: bytes) -> bytes:
    """A note after expiry dates have moved, each to its new one.

    Example:
        >>> raw = note_of(0, (), [Grant(b"", "review", 1, 40, expires_ms=1_000)])
        >>> read_note(moved_note({1_000: 3_000}, raw)).earnings[0].expires_ms, moved_note({2_000: 3_000}, raw) == raw
        (3000, True)
    """
    note = read_note(raw)
    earnings = tuple(
        msgspec.structs.replace(earning, expires_ms=moved_ms.get(earning.expires_ms, earning.expires_ms))
        for earning in note.earnings
    )
    return _ENCODER.encode(Note(note.time_ms, note.amounts, earnings))
