"""The member table as Faust sees it.

Faust assigns the table's changelog together with the actions topic and knows standby copies; reading and writing the
rows is ours (`streams.stores`).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faust
from faust.stores.base import SerializedStore
from faust.tables.table import Table
from faust.types import TP

from features.errors import ContractError
from streams.stores import NOTHING_READ, MemoryPartition, PartitionStore, RocksPartition
from streams.topics import MEMBERS_TABLE


class MemberStore(SerializedStore):
    """Faust's view of the partitions' stores.

    `open` and `close` follow the assignment; Faust itself only reads, for routed look-ups and its web views.
    """

    def __init__(self, *args: Any, block_cache_bytes: int, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's
        super().__init__(*args, **kwargs)
        self.partitions: dict[int, PartitionStore] = {}
        self.block_cache_bytes = block_cache_bytes

    def open(self, partition: int, identity: bytes) -> PartitionStore:
        """Open a partition's store, or return it if it is open."""
        if partition not in self.partitions:
            self.partitions[partition] = self._new_partition(partition, identity)
        return self.partitions[partition]

    def _new_partition(self, partition: int, identity: bytes) -> PartitionStore:
        if not self.is_on_disk:
            return MemoryPartition()
        return RocksPartition(self.folder_of(partition), identity, self.block_cache_bytes)

    @property
    def is_on_disk(self) -> bool:
        """Whether there is anything to come back to."""
        return bool(self.url.scheme != "memory")

    def folder_of(self, partition: int) -> Path:
        """Where a partition's store is, if it is on disk."""
        return Path(self.app.conf.tabledir / f"{self.table_name}-{partition}")

    def close(self, partition: int) -> None:
        """Close a partition's store, if it is open."""
        store = self.partitions.pop(partition, None)
        if store is not None:
            store.close()

    def close_all(self) -> None:
        """Close every partition's store."""
        for partition in list(self.partitions):
            self.close(partition)

    def persisted_offset(self, tp: TP) -> int | None:
        """Faust asks how far a store is; ours tells its recovery, so Faust's is not in use."""
        store = self.partitions.get(tp.partition)
        return None if store is None or store.changelog_offset == NOTHING_READ else store.changelog_offset

    def reset_state(self) -> None:
        """Forget everything that is kept locally; the changelog has it."""
        self.close_all()
        shutil.rmtree(self.app.conf.tabledir, ignore_errors=True)

    def _get(self, key: bytes) -> bytes | None:
        return next((row for store in self.partitions.values() if (row := store.get(key)) is not None), None)

    def _contains(self, key: bytes) -> bool:
        return self._get(key) is not None

    def _iterkeys(self) -> Iterator[bytes]:
        for store in self.partitions.values():
            yield from store.scan(b"", b"\xff")

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        for store in self.partitions.values():
            yield from ((key, row) for key in store.scan(b"", b"\xff") if (row := store.get(key)) is not None)

    def _itervalues(self) -> Iterator[bytes]:
        return (row for _, row in self._iteritems())

    def _size(self) -> int:
        return sum(1 for _ in self._iterkeys())

    def _set(self, key: bytes, value: bytes | None) -> None:
        raise _elsewhere(f"{key!r} = {value!r}")

    def _del(self, key: bytes) -> None:
        raise _elsewhere(f"del {key!r}")

    def _clear(self) -> None:
        raise _elsewhere("clear")

    async def backup_partition(self, tp: TP | int, *, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Refuse: the changelog is the backup."""
        raise _elsewhere(f"backup of {tp} (flush={flush}, purge={purge}, keep={keep})")

    def restore_backup(self, tp: TP | int, *, latest: bool = True, backup_id: int = 0) -> None:
        """Refuse: the changelog is the backup."""
        raise _elsewhere(f"restore of {tp} (latest={latest}, backup_id={backup_id})")


def _elsewhere(what: str) -> ContractError:
    return ContractError(f"{what}: rows are written by streams.commit only, together with the changelog offset")


class MemberTable(Table):
    """The Faust table `members`, bytes to bytes, over a `MemberStore`."""

    def __init__(self, *args: Any, block_cache_bytes: int, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's
        super().__init__(*args, key_type=bytes, value_type=bytes, **kwargs)
        self._block_cache_bytes = block_cache_bytes

    def _new_store_by_url(self, url: object) -> MemberStore:
        return MemberStore(
            url,
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            block_cache_bytes=self._block_cache_bytes,
        )

    @property
    def store(self) -> MemberStore:
        """The stores of the partitions that this worker has."""
        store: MemberStore = self.data
        return store


def member_table(app: faust.App, block_cache_bytes: int) -> MemberTable:
    """Declare the table; its changelog is declared in `streams.topics`."""
    table = MemberTable(app, name=MEMBERS_TABLE, block_cache_bytes=block_cache_bytes)
    app.tables.add(table)
    return table
