"""The header of every stored row, and how rows of earlier formats are read.

A row is: format (1 byte), the mark of the batch that wrote it (8 bytes, big-endian), payload. The mark lets recovery
keep, of two rows for one key, the later one, whoever's write landed last. It stands in the same place in every format.

A change that no default can bridge (fields at the end of an array may be added freely) makes a new format:

1. `ROW_FORMAT` grows by one, and `ROW_UPGRADES` gets a function under the old number: from a row's key and its payload
   as it was to the payload that this code would have written.
2. `tests/fixtures` keeps the rows that the old code wrote; the upgrade test reads them and goes on to the same digest.

Nothing is converted ahead of time: a row is read in whatever format it has, and written in the newest when it changes.
While workers are restarted one after another, one that does not know a format yet ends with a word, and its partitions
go on elsewhere.
"""

from collections.abc import Callable

from features.errors import CorruptStateError

ROW_FORMAT = 1
_FORMAT_BYTES = 1
MARK_BYTES = 8
_HEADER_BYTES = _FORMAT_BYTES + MARK_BYTES

Upgrade = Callable[[bytes, bytes], bytes]
"""From a row's key, and its payload in one format, to its payload in the next format."""

ROW_UPGRADES: dict[int, Upgrade] = {}
"""By the format that is read; format 1 is the first."""


def row_header(mark: int) -> bytes:
    """What stands before the payload of each row that the batch of this mark writes."""
    return bytes((ROW_FORMAT,)) + mark.to_bytes(MARK_BYTES, "big")


def pack_row(mark: int, payload: bytes) -> bytes:
    """Put the header before `payload`.

    Example:
        >>> row_mark(pack_row(41, b"x")), row_payload(b"P", pack_row(41, b"x"))
        (41, b'x')
    """
    return row_header(mark) + payload


def row_mark(row: bytes) -> int:
    """The source offset of the last record in the batch that wrote this row."""
    return int.from_bytes(row[_FORMAT_BYTES:_HEADER_BYTES], "big")


def row_payload(key: bytes, row: bytes) -> bytes:
    """The row without its header, in the format of this code.

    Raises:
        CorruptStateError: the row has a format that this code does not know.
    """
    payload = row[_HEADER_BYTES:]
    return payload if row[0] == ROW_FORMAT else _upgraded(key, payload, row[0])


def restamped(row: bytes, mark: int) -> bytes:
    """The row as of a later mark: what it says has held since.

    Example:
        >>> row_mark(restamped(pack_row(3, b"x"), 9))
        9
    """
    return row[:_FORMAT_BYTES] + mark.to_bytes(MARK_BYTES, "big") + row[_HEADER_BYTES:]


def _upgraded(key: bytes, payload: bytes, row_format: int) -> bytes:
    for read in range(row_format, ROW_FORMAT):
        if read not in ROW_UPGRADES:
            break
        payload = ROW_UPGRADES[read](key, payload)
    else:
        if row_format < ROW_FORMAT:
            return payload
    known = f"{min(ROW_UPGRADES, default=ROW_FORMAT)} to {ROW_FORMAT}"
    raise CorruptStateError(
        f"a stored row has format {row_format}, this code reads {known}: finish the upgrade, or roll it back"
    )
