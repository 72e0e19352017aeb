"""What a partition knows beside its members: its place in the log, log time, versions and counters."""

from collections.abc import Iterable

from features.errors import ContractError
from loyalty.budgets import Slices
from streams.controls import PolicyData, WeightsData
from streams.records import LogRecord, RowStore
from streams.row_format import row_mark, row_payload
from streams.state import PARTITION_KEY, PartitionRow, decode_partition_row, encode_partition_row
from streams.version_rows import (
    POLICY_KEYS,
    AdoptedWeights,
    decode_policy,
    decode_weights,
    encode_version,
    policy_key,
    weights_key,
)
from streams.versions import Versions


class Partition:
    """The partition row and the version rows of one partition.

    `mark` is the offset of the last record applied, -1 before the first.

    Raises:
        ContractError: the stored rows belong to another topic than the one with `topic_id`, or it had another number of
            `partitions`.
    """

    def __init__(self, number: int, topic_id: bytes, store: RowStore, partitions: int = 1) -> None:
        self.number = number
        self.mark = -1
        self.row = PartitionRow(topic_id, partitions=partitions)
        self._store = store
        self._changed_versions: list[tuple[bytes, bytes]] = []
        stored = store.get(PARTITION_KEY)
        if stored is not None:
            self.mark = row_mark(stored)
            self.row = decode_partition_row(row_payload(PARTITION_KEY, stored))
            self._check_topic(topic_id, partitions)
        self.slices = Slices(self.row.slices, partitions)
        self.versions = Versions(self.slices)
        if stored is not None:
            self._load_versions()

    @classmethod
    def stored(cls, number: int, store: RowStore) -> "Partition":
        """The partition as its rows have it, whatever topic they belong to."""
        stored = store.get(PARTITION_KEY)
        row = PartitionRow(b"") if stored is None else decode_partition_row(row_payload(PARTITION_KEY, stored))
        return cls(number, row.topic_id, store, row.partitions)

    def _check_topic(self, topic_id: bytes, partitions: int) -> None:
        if self.row.topic_id != topic_id:
            raise ContractError(
                f"partition {self.number} holds the state of another actions topic (id {self.row.topic_id.hex()}, now "
                f"{topic_id.hex()}): the topic was made anew; start with an empty changelog and data folder"
            )
        if self.row.partitions != partitions:
            raise ContractError(
                f"partition {self.number} holds the state of a topic with {self.row.partitions} partitions, now there "
                f"are {partitions}, and members live elsewhere: `tierstream repartition` makes a new generation"
            )

    def _load_versions(self) -> None:
        for key in self._store.scan(policy_key(0), policy_key(2**32 - 1)):
            data = decode_policy(self._stored(key))
            self.versions.add_policy(data, self.row.adopted_ms.get(data.version, 0))
        for key in self._store.scan(weights_key(0), weights_key(2**32 - 1)):
            self.versions.add_weights(decode_weights(self._stored(key)))

    def begin(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Begin with the partition row and the versions of an opening."""
        opened = dict(rows)
        row = decode_partition_row(row_payload(PARTITION_KEY, opened.pop(PARTITION_KEY)))
        row.topic_id, row.partitions = self.row.topic_id, self.row.partitions
        row.log_time_ms = max(row.log_time_ms, self.row.log_time_ms)
        self.row = row
        for key, stored in sorted(opened.items()):
            payload = row_payload(key, stored)
            if key.startswith(POLICY_KEYS):
                data = decode_policy(payload)
                self.versions.add_policy(data, row.adopted_ms.get(data.version, 0))
            else:
                self.versions.add_weights(decode_weights(payload))
            self._changed_versions.append((key, payload))

    def _stored(self, key: bytes) -> bytes:
        row = self._store.get(key)
        if row is None:
            raise ContractError(f"partition {self.number}: row {key.hex()} is listed but not stored; rebuild the store")
        return row_payload(key, row)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter of `streams.accounting`."""
        counts = self.row.counts
        counts[name] = counts.get(name, 0) + by

    def advance(self, time_ms: int) -> None:
        """Log time never runs back."""
        self.row.log_time_ms = max(self.row.log_time_ms, time_ms)

    def adopt_weights(self, data: WeightsData) -> bool:
        """Let `data` decide from here on; False where this version or a later one does already."""
        if data.weights.version <= self.row.weights_version:
            return False
        adopted = AdoptedWeights(self.row.log_time_ms, data)
        self.versions.add_weights(adopted)
        self.row.weights_version = data.weights.version
        self._changed_versions.append((weights_key(data.weights.version), encode_version(adopted)))
        return True

    def adopt_policy(self, data: PolicyData) -> bool:
        """Let `data` decide on event times from its own start; False where it was read already."""
        if data.version <= self.row.policy_version:
            return False
        self.versions.add_policy(data, self.row.log_time_ms)
        if len(self.versions.edits):
            self.row.adopted_ms[data.version] = self.row.log_time_ms
        self.row.policy_version = data.version
        self._changed_versions.append((policy_key(data.version), encode_version(data)))
        return True

    def next_edit(self) -> int:
        """The policy version in force that not all members' tiers have been looked at under; 0 for none."""
        row = self.row
        if not row.edit_target and self.versions.edits:
            due = self.versions.edit_due(row.log_time_ms)
            if due > row.edit_swept:
                row.edit_target = due
        return row.edit_target

    def edit_swept_to(self, cursor: bytes | None) -> None:
        """Members up to the key `cursor` have been looked at, or all of them with None."""
        row = self.row
        if cursor is None:
            row.edit_swept, row.edit_target, row.edit_cursor = row.edit_target, 0, b""
        else:
            row.edit_cursor = cursor

    def take_changed(self) -> list[tuple[bytes, bytes]]:
        """Key and payload of the version rows that changed since the last call, and of the partition row."""
        rows, self._changed_versions = self._changed_versions, []
        return [*rows, (PARTITION_KEY, encode_partition_row(self.row))]


def no_policy(record: LogRecord) -> ContractError:
    """The partition has no policy to take the record by."""
    return ContractError(
        f"partition {record.partition}: offset {record.offset} comes before any policy; make the topics with "
        "`tierstream topics`, which writes the first policy into each partition"
    )
