"""The state that a generation of topics starts from, brought in by the log itself.

A programme that moves to another number of partitions goes on with new topics. What its members have by then is written
as signed records at the head of each new partition: the first one has the versions and the counters, the others the
rows of members. Folding them is all that an import takes, so the log determines the ledger from its first record on,
and a replay, an audit and a recovery need to know nothing of it.

Pure. Nothing else is taken before the opening is complete: a partition that lacks a part of it must not begin.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby

from features.errors import ContractError
from streams.controls import CONTROL_PREFIX, OpeningData, OpeningRecord, decode_control
from streams.partition import Partition
from streams.records import LogRecord, RowStore
from streams.row_format import pack_row, row_payload

_CURE = (
    "delete the topics of the new generation, from which nothing was decided, and run `tierstream repartition` again"
)

OPENING_TYPE = f"{CONTROL_PREFIX}opening".encode()


class Books:
    """A `RowStore` over the stored rows and those that an opening has brought and that have not landed yet.

    Example:
        >>> from streams.memory_store import MemoryStore
        >>> from streams.row_format import pack_row
        >>> books = Books(MemoryStore())
        >>> books.add([(b"Ma", pack_row(0, b"1"))])
        >>> books.get(b"Ma") == pack_row(0, b"1"), list(books.scan(b"M", b"N"))
        (True, [b'Ma'])
        >>> books.take(mark=7) == [(b"Ma", pack_row(7, b"1"))], books.pending_bytes
        (True, 0)
    """

    def __init__(self, store: RowStore) -> None:
        self._store = store
        self._rows: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []
        self._new: list[tuple[bytes, bytes]] = []
        self._marks: list[tuple[int, list[bytes]]] = []
        self.pending_bytes = 0

    def add(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Bring in rows as they were stored elsewhere."""
        for key, row in rows:
            if key not in self._rows:
                insort(self._keys, key)
            self._rows[key] = row
            self._new.append((key, row_payload(key, row)))
            self.pending_bytes += len(key) + len(row)

    def take(self, mark: int) -> list[tuple[bytes, bytes | None]]:
        """The rows that came since the last call, as the batch of this mark writes them."""
        new, self._new, self.pending_bytes = self._new, [], 0
        if new:
            self._marks.append((mark, [key for key, _ in new]))
        return [(key, pack_row(mark, payload)) for key, payload in new]

    def landed(self, mark: int) -> None:
        """Rows up to `mark` are in the store."""
        while self._marks and self._marks[0][0] <= mark:
            for key in self._marks.pop(0)[1]:
                del self._rows[key]
                del self._keys[bisect_left(self._keys, key)]

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        if self._rows and (row := self._rows.get(key)) is not None:
            return row
        return self._store.get(key)

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order."""
        stored = self._store.scan(start, stop)
        if not self._rows:
            return stored
        brought = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, stop)]
        return (key for key, _ in groupby(merge(stored, brought)))


def take_opening(partition: Partition, books: Books, record: LogRecord, opening: OpeningData) -> None:
    """Take in the next record of an opening; one that is there again changes nothing.

    Raises:
        ContractError: a record is missing, or the partition has begun without an opening.
    """
    expected, _ = partition.row.opening
    where = f"partition {record.partition}, offset {record.offset}"
    if opening.number < expected:
        return
    if opening.number > expected:
        raise ContractError(f"{where}: the opening goes on with {opening.number}, {expected} is missing; {_CURE}")
    if opening.number == 0:
        if partition.versions.newest_policy is not None:
            raise ContractError(f"{where}: an opening in a log that has begun without one; {_CURE}")
        partition.begin(opening.rows)
    else:
        books.add(opening.rows)
    partition.row.opening = (opening.number + 1, opening.of)


def refuse_before_complete(partition: Partition, record: LogRecord) -> None:
    """Let nothing but the opening in before it is complete.

    Raises:
        ContractError: it is not.
    """
    taken, of = partition.row.opening
    if taken < of:
        raise ContractError(
            f"partition {record.partition}: offset {record.offset} comes before the opening is complete, {taken} of "
            f"{of} records are there; {_CURE}"
        )


def opened_rows(records: Iterable[LogRecord]) -> Iterator[tuple[bytes, bytes]]:
    """The rows of members that the openings among these records bring in."""
    for record in records:
        if record.value is None or OPENING_TYPE not in record.value:
            continue
        control = decode_control(record.value)
        if isinstance(control, OpeningRecord) and control.data.number:
            yield from control.data.rows
