"""Rows in memory, in key order: for replays, the simulator and the embedded broker's demo."""

from collections.abc import Iterator

from sortedcontainers import SortedDict


class MemoryStore:
    """A `RowStore` that holds everything in one sorted dict.

    Example:
        >>> store = MemoryStore()
        >>> store.write([(b"b", b"2"), (b"a", b"1"), (b"c", b"3")])
        >>> store.write([(b"b", None)])
        >>> list(store.scan(b"a", b"c")), store.get(b"c")
        ([b'a'], b'3')
    """

    def __init__(self) -> None:
        self._rows: SortedDict[bytes, bytes] = SortedDict()

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        row: bytes | None = self._rows.get(key)
        return row

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order."""
        return iter(list(self._rows.irange(start, stop, inclusive=(True, False))))

    def write(self, rows: list[tuple[bytes, bytes | None]]) -> None:
        """Apply changed rows; None deletes."""
        for key, value in rows:
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value
