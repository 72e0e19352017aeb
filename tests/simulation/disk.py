"""What a machine keeps when a process dies: the stores of its partitions, and the trainer's checkpoint."""

import random
from collections.abc import Iterable, Iterator

import msgspec

from online_models.training import Trainer
from streams.memory_store import MemoryStore
from streams.stores import NOTHING_READ
from streams.trainer import CheckpointFile, TrainerCheckpoint

Rows = list[tuple[bytes, bytes | None]]

_TORN = 0.15


class DiskPartition:
    """A store as RocksDB keeps it: write batches, each whole; a power failure takes the last ones, never a middle one.

    It is a `streams.stores.PartitionStore`.
    """

    def __init__(self) -> None:
        self.writes: list[tuple[Rows, int]] = []
        self._rows = MemoryStore()
        self._offset = NOTHING_READ

    @property
    def changelog_offset(self) -> int:
        """Offset of the last changelog record applied."""
        return self._offset

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        return self._rows.get(key)

    def scan(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Yield keys in order."""
        return self._rows.scan(start, stop)

    def write(self, rows: Iterable[tuple[bytes, bytes | None]], changelog_offset: int) -> None:
        """Apply rows and move the offset."""
        batch = list(rows)
        self.writes.append((batch, changelog_offset))
        self._rows.write(batch)
        self._offset = changelog_offset

    def close(self) -> None:
        """Files are given back."""

    def older(self, writes: int) -> "DiskPartition":
        """The store as it was after its first `writes` writes."""
        older = DiskPartition()
        for rows, offset in self.writes[:writes]:
            older.write(rows, offset)
        return older


class Disk:
    """The data folder of one machine."""

    def __init__(self) -> None:
        self.stores: dict[int, DiskPartition] = {}
        self.checkpoints: list[bytes] = []

    def lose(self) -> None:
        """The folder is deleted."""
        self.stores.clear()
        self.checkpoints.clear()

    def lose_power(self, draw: random.Random) -> None:
        """What was not on the platter yet is gone, from each file as much as it likes; some are torn.

        A torn end of RocksDB's log is cut off when it is opened, so the store is an older one. Torn anywhere else, the
        store is refused and built anew, as is a torn checkpoint.
        """
        for partition, store in self.stores.items():
            kept = 0 if draw.random() < _TORN else draw.randint(0, len(store.writes))
            self.stores[partition] = store.older(kept)
        del self.checkpoints[draw.randint(0, len(self.checkpoints)) :]
        if self.checkpoints and draw.random() < _TORN:
            self.checkpoints.append(self.checkpoints[-1][: draw.randrange(len(self.checkpoints[-1]))])


class Stores:
    """The open stores of one process; stands in for `streams.stores.MemberStore`."""

    def __init__(self, disk: Disk, *, in_memory: bool) -> None:
        self.partitions: dict[int, DiskPartition] = {}
        self._disk = Disk() if in_memory else disk

    def open(self, partition: int, _identity: bytes) -> DiskPartition:
        """Open a partition's store, or return it if it is open."""
        if partition not in self.partitions:
            self.partitions[partition] = self._disk.stores.setdefault(partition, DiskPartition())
        return self.partitions[partition]

    def close(self, partition: int) -> None:
        """Close a partition's store."""
        self.partitions.pop(partition, None)

    def close_all(self) -> None:
        """Close every partition's store."""
        self.partitions.clear()


class Table:
    """Stands in for `streams.tables.MemberTable`."""

    def __init__(self, changelog: str, stores: Stores) -> None:
        self.changelog_topic_name = changelog
        self.store = stores


class DiskCheckpoints(CheckpointFile):
    """The trainer's checkpoint on a simulated disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def write(self, checkpoint: TrainerCheckpoint) -> None:
        """Replace the checkpoint; the older ones are what a power failure brings back."""
        self._disk.checkpoints.append(msgspec.msgpack.encode(checkpoint))

    def read(self, identity: bytes) -> tuple[Trainer, int]:
        """The newest checkpoint; a torn one is refused, as `CheckpointFile` does."""
        if not self._disk.checkpoints:
            return Trainer(), -1
        try:
            checkpoint = msgspec.msgpack.decode(self._disk.checkpoints[-1], type=TrainerCheckpoint)
        except msgspec.DecodeError:
            return Trainer(), -1
        assert checkpoint.identity == identity
        return Trainer.from_checkpoint(checkpoint.trainer), checkpoint.offset
