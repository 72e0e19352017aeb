"""What a state part needs to know about its rows: how it reads them, and what to say when one is not as written.

A part owns some row suffixes below a member's key. It is loaded through `Read`, changed in memory, and gives its
changed rows back; where they are stored is not its concern.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from features.errors import CorruptStateError

Read = Callable[[bytes], bytes | None]
"""From a row suffix to the row's payload, or None where there is no such row."""

Changes = Iterator[tuple[bytes, bytes | None]]
"""Row suffixes with new payloads, None to delete the row."""

Row = TypeVar("Row")


class ReadWhenAsked(ABC):
    """Mixed into a part's class: what is asked of the part first lets it read its rows. Most sweeps ask other parts.

    `class _Unread(ReadWhenAsked, Part)` begins with empty slots, and Python asks `__getattr__` for what an empty slot
    holds. Once they are filled the object is a plain `Part`, whose attributes Python reads at full speed: 3.11
    specialises no attribute read of a class that has a `__getattr__`. A part that cannot be read ends its process, as
    every failure does, so nobody asks it again.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        """Fill the empty slots, and be a plain part from then on.

        Raises:
            CorruptStateError: a row is missing or cannot be what was written there.
        """
        part = type(self).__base__
        if part is None or name not in getattr(part, "__slots__", ()):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        self._restore()
        object.__setattr__(self, "__class__", part)
        return object.__getattribute__(self, name)

    @abstractmethod
    def _restore(self) -> None:
        """Set the slots that `__init__` has left empty; the others, such as flags, may have been set since."""

    def changed(self) -> Changes:
        """Nothing has changed."""
        return iter(())


def read_row(read: Read, suffix: bytes, decoder: msgspec.msgpack.Decoder[Row]) -> Row | None:
    """One row, or None where there is none.

    Raises:
        CorruptStateError: the payload cannot be what was written there.
    """
    payload = read(suffix)
    return None if payload is None else _decoded(suffix, payload, decoder)


def _decoded(suffix: bytes, payload: bytes, decoder: msgspec.msgpack.Decoder[Row]) -> Row:
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
    return read_owed_payload(read, suffix, decoder)[1]


def read_owed_payload(read: Read, suffix: bytes, decoder: msgspec.msgpack.Decoder[Row]) -> tuple[bytes, Row]:
    """The same, with the payload that the row was read from.

    Raises:
        CorruptStateError: as `read_owed_row`.
    """
    payload = read(suffix)
    if payload is None:
        raise CorruptStateError(
            f"member row {suffix!r} is missing; delete the local store, it is rebuilt from the changelog"
        )
    return payload, _decoded(suffix, payload, decoder)
