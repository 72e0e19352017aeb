"""What a state part needs to know about its rows: how it reads them, and what to say when one is not as written.

A part owns some row suffixes below a member's key. It is loaded through `Read`, changed in memory, and gives its
changed rows back; where they are stored is not its concern.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from features.errors import CorruptStateError

Read = Callable[[bytes], bytes | None]
"""From a row suffix to the row's payload, or None where there is no such row."""

Changes = Iterator[tuple[bytes, bytes | None]]
"""Row suffixes with new payloads, None to delete the row."""

Row = TypeVar("Row")


def read_row(read: Read, suffix: bytes, decoder: msgspec.msgpack.Decoder[Row]) -> Row | None:
    """One row, or None where there is none.

    Raises:
        CorruptStateError: the payload cannot be what was written there.
    """
    payload = read(suffix)
    if payload is None:
        return None
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise CorruptStateError(
            f"member row {suffix!r} cannot be read ({error}); delete the local store, it is rebuilt from the changelog"
        ) from error


def read_owed_row(read: Read, suffix: bytes, decoder: msgspec.msgpack.Decoder[Row]) -> Row:
    """One row that another row says there is.

    Raises:
        CorruptStateError: the row is missing, or the payload cannot be what was written there.
    """
    row = read_row(read, suffix, decoder)
    if row is None:
        raise CorruptStateError(
            f"member row {suffix!r} is missing; delete the local store, it is rebuilt from the changelog"
        )
    return row
