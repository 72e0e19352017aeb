"""One store of rows per partition, on disk or in memory.

The rows of a batch and the changelog offset they were acknowledged at go into RocksDB as one write batch,
so a store is always the state at some changelog offset, and says which.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import rocksdict

from features.errors import CorruptStateError
from streams.logs import fields, log
from streams.memory_store import MemoryStore
from streams.store_age import remove_outdated
from streams.store_options import store_options

Rows = Iterable[tuple[bytes, bytes | None]]

NOTHING_READ = -1  # changelog offset of an empty store

# Beside the rows, in a namespace that no row key begins with (see `streams.state`).
_OFFSET_KEY = b"\xffchangelog-offset"
_IDENTITY_KEY = b"\xffchangelog-identity"

# A file of this name beside a database says that it is damaged.
_TORN_SUFFIX = ".torn"

# The changelog is the log: what a killed process had only in memory is read from there again. Buffers reach the disk
# whole and in order, so a store is always that of one changelog offset. A log of RocksDB's own costs as much again as
# the rows do (`docs/performance.md`).
_WITHOUT_LOG = rocksdict.WriteOptions()
_WITHOUT_LOG.disable_wal = True

# How long a row stays in memory alone: a killed process reads no more than that again.
_FLUSH_EVERY_S = 300.0

# A worker that was just killed holds the directory's lock until the kernel has taken it down.
LOCK_WAIT_S = 30.0
_LOCK_POLL_S = 0.25


class PartitionStore(Protocol):
    """The rows of one partition, as of one changelog offset."""

    @property
    def changelog_offset(self) -> int:
        """Offset of the last changelog record applied, `NOTHING_READ` when empty."""
        ...

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        ...

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order."""
        ...

    def write(self, rows: Rows, changelog_offset: int) -> None:
        """Apply rows (None deletes) and move the changelog offset, both or neither."""
        ...

    def close(self) -> None:
        """Give the files back, so that another worker may open them."""
        ...


class MemoryPartition:
    """A partition in memory; it starts empty and is gone with the process.

    Example:
        >>> rows = MemoryPartition()
        >>> rows.write([(b"a", b"1"), (b"b", b"2")], changelog_offset=7)
        >>> rows.get(b"a"), list(rows.scan(b"a", b"b")), rows.changelog_offset
        (b'1', [b'a'], 7)
    """

    def __init__(self) -> None:
        self.rows = MemoryStore()
        self._offset = NOTHING_READ
        self.get = self.rows.get
        self.scan = self.rows.scan

    @property
    def changelog_offset(self) -> int:
        """Offset of the last changelog record applied."""
        return self._offset

    def write(self, rows: Rows, changelog_offset: int) -> None:
        """Apply rows and move the changelog offset."""
        self.rows.write(list(rows))
        self._offset = changelog_offset

    def close(self) -> None:
        """Nothing to give back."""


class RocksPartition:
    """A partition on disk (RocksDB).

    Args:
        path: Directory of this partition's database.
        identity: Which changelog the rows come from; a store of another one is deleted and built anew.
        block_cache_bytes: Memory for blocks that were read; Faust's default would be 2 GiB.

    A database that is damaged is deleted, too: the changelog has everything. Damage that opening it shows is mended
    there and then. A torn block of rows shows when it is read: that ends the process; the next start builds anew.
    """

    def __init__(self, path: Path, identity: bytes, block_cache_bytes: int) -> None:
        self._path = path
        # Beside the database, because the next start deletes that.
        self._torn = path.with_name(path.name + _TORN_SUFFIX)
        self._block_cache_bytes = block_cache_bytes
        self._flushed_s = time.monotonic()
        remove_outdated(path)
        self._db = self._open_whole()
        if self._torn.exists() or self._get_or_none(_IDENTITY_KEY) != identity:
            if self._torn.exists() or self._get_or_none(_OFFSET_KEY) is not None:
                log("store").warning(
                    "the store is torn or belongs to another changelog: building it anew", extra=fields(folder=path)
                )
            self._db.close()
            shutil.rmtree(path)
            self._db = rocksdict.Rdict(str(path), options=store_options(block_cache_bytes))
            self._db.put(_IDENTITY_KEY, identity)  # with a log: what is on disk says whose it is from the start
            self._torn.unlink(missing_ok=True)
        stored = self._db.get(_OFFSET_KEY)
        self._offset = NOTHING_READ if stored is None else int.from_bytes(stored, "big", signed=True)

    def _get_or_none(self, key: bytes) -> bytes | None:
        """One of the store's own entries; None too where its block is torn."""
        try:
            return self.get(key)
        except CorruptStateError:
            return None

    def _open_whole(self) -> "rocksdict.Rdict":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                return rocksdict.Rdict(str(self._path), options=store_options(self._block_cache_bytes))
            # rocksdict raises bare Exception for everything; a "block checksum mismatch" has a lock in it, too.
            except Exception as failure:
                text = str(failure).lower()
                if "corruption" in text or "no such file" in text:
                    log("store").warning(
                        "the store is damaged: building it anew", extra=fields(folder=self._path, cause=str(failure))
                    )
                    shutil.rmtree(self._path)
                elif "lock" in text:
                    if time.monotonic() > deadline:
                        raise CorruptStateError(
                            f"store {self._path} is in use by another process; give each worker its own data directory"
                        ) from failure
                    time.sleep(_LOCK_POLL_S)
                else:
                    raise

    @property
    def changelog_offset(self) -> int:
        """Offset of the last changelog record applied."""
        return self._offset

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None.

        Raises:
            CorruptStateError: the store is damaged.
        """
        try:
            row: bytes | None = self._db.get(key)
        # rocksdict raises bare Exception for everything.
        except Exception as failure:
            self._refuse_if_torn(failure)
            raise
        return row

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield the keys in `[start, stop)` in byte order.

        Raises:
            CorruptStateError: the store is damaged.
        """
        found = self._db.iter()
        found.seek(start)
        while found.valid():
            key: bytes = found.key()
            if key >= stop:
                return
            yield key
            found.next()
        # An iterator is at its end, too, where it comes to a torn block; only its status tells the two apart. Without
        # this look a damaged store passes for one with fewer members.
        try:
            found.status()
        except Exception as failure:
            self._refuse_if_torn(failure)
            raise

    def write(self, rows: Rows, changelog_offset: int) -> None:
        """Apply rows and move the changelog offset, as one write batch.

        Raises:
            CorruptStateError: the store is damaged; RocksDB finds that out by itself when it merges files.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_OFFSET_KEY, changelog_offset.to_bytes(8, "big", signed=True))
        try:
            self._db.write(batch, _WITHOUT_LOG)
        except Exception as failure:
            self._refuse_if_torn(failure)
            raise
        self._offset = changelog_offset
        if time.monotonic() - self._flushed_s > _FLUSH_EVERY_S:
            self._db.flush(wait=False)
            self._flushed_s = time.monotonic()

    def _refuse_if_torn(self, failure: Exception) -> None:
        """Leave word for the next start, if the store is damaged.

        Raises:
            CorruptStateError: it is.
        """
        if "corruption" in str(failure).lower():
            self._torn.touch()
            raise CorruptStateError(
                f"store {self._path} is damaged ({failure}): it is built anew at the next start"
            ) from failure

    def close(self) -> None:
        """Close the database; its lock is free when this returns."""
        self._db.close()
