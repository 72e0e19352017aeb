"""Many members at once: copies of real households as they stand after two weeks, and what those do next.

A million members by way of actions would take an hour. So 4,000 actions of the Complete Journey households are folded,
and each household's rows are written again and again under other member ids: rows as the engine writes them, of
households of all sorts, in the numbers in which they are there. What happens next is what happened next to the same
households: each basket goes to one of the copies, and time passes as much more quickly as there are more of them. So
activity keeps its skew, and the work that is due by log time (activations, labels) stays the same per action.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from zlib import crc32

import msgspec

from benchmarks.memory import batches
from benchmarks.workloads import WorkloadName, actions_of, log_of
from features.actions import Envelope, decode_action
from loyalty.account_rows import Core
from loyalty.core_row import CORE_ROW, encode_core
from loyalty.decisions import instant
from streams.controls import tick_record
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.replay import REPLAY_KEY
from streams.row_format import pack_row, row_payload
from streams.state import (
    ALL_MEMBERS,
    PARTITION_KEY,
    Member,
    decode_partition_row,
    due_key,
    encode_partition_row,
    member_of,
    member_prefix,
)
from streams.version_rows import policy_key

HISTORY_ACTIONS = 4_000
TOPIC_ID = b"bench"
# Offset of the record that all rows were written by: a partition's first one, its policy.
_MARK = 0
_encode = msgspec.json.Encoder().encode


class Household(NamedTuple):
    """A household to copy: its rows by suffix, its core apart since that has the member's id in it, its due time."""

    name: str
    core: Core
    rows: list[tuple[bytes, bytes]]
    due_ms: int | None


class Population:
    """The households of the first actions, to be copied.

    `log_time_ms` is when their history ends.
    """

    def __init__(self) -> None:
        store = MemoryStore()
        fold = PartitionFold(0, TOPIC_ID, store)
        log = log_of(actions_of("baskets", HISTORY_ACTIONS))
        for some in batches(log, fold):
            batch = fold.fold(some)
            store.write(batch.rows)
            fold.landed(batch.mark)
        self.log_time_ms = fold.log_time_ms
        self.policy_record = log[0].value
        self._sweep(fold, store)
        self._store = store
        self.households = _households(store)
        self._index = {household.name: index for index, household in enumerate(self.households)}

    def _sweep(self, fold: PartitionFold, store: MemoryStore) -> None:
        """Do what is due by now, or every copy would have it to do at once."""
        tick = tick_record(self.log_time_ms, REPLAY_KEY)
        while True:
            batch = fold.fold([LogRecord(0, fold.mark + 1, self.log_time_ms, None, tick)])
            store.write(batch.rows)
            fold.landed(batch.mark)
            if not fold.sweeping:
                return

    @staticmethod
    def member_id(number: int) -> str:
        """Ids in the order of their numbers, so that rows can be written in the order of their keys."""
        return f"member-{number:07d}"

    def member_rows(self, number: int) -> Iterator[tuple[bytes, bytes]]:
        """Keys and rows of one member, in order of the keys, its due row left out."""
        household = self.households[number % len(self.households)]
        member_id = self.member_id(number)
        prefix = member_prefix(member_id)
        household.core.member = member_id
        core_row = dict(encode_core(household.core, {}))[CORE_ROW]  # chunks of pending lots name no member
        yield prefix + CORE_ROW, pack_row(_MARK, core_row or b"")
        for suffix, row in household.rows:
            yield prefix + suffix, row

    def due_row(self, number: int) -> tuple[bytes, bytes] | None:
        """Key and row that say when there is work for the member."""
        due_ms = self.households[number % len(self.households)].due_ms
        return None if due_ms is None else (due_key(due_ms, self.member_id(number)), pack_row(_MARK, b""))

    def due_rows(self, members: int) -> Iterator[tuple[bytes, bytes]]:
        """The due rows of all members, in order of the keys."""
        step = len(self.households)
        due = sorted((one.due_ms, index) for index, one in enumerate(self.households) if one.due_ms is not None)
        groups: dict[int, list[int]] = defaultdict(list)
        for due_ms, index in due:
            groups[due_ms].append(index)
        for due_ms, indexes in groups.items():
            for number in sorted(number for index in indexes for number in range(index, members, step)):
                yield due_key(due_ms, self.member_id(number)), pack_row(_MARK, b"")

    def partition_rows(self, topic_id: bytes, partitions: int = 1) -> list[tuple[bytes, bytes]]:
        """The policy's row and the partition row, of a partition whose only record was the policy."""
        policy = self._store.get(policy_key(1))
        partition = self._store.get(PARTITION_KEY)
        if policy is None or partition is None:
            raise LookupError("the history has no policy")
        row = decode_partition_row(row_payload(PARTITION_KEY, partition))
        row.topic_id, row.partitions = topic_id, partitions
        return [
            (policy_key(1), pack_row(_MARK, row_payload(policy_key(1), policy))),
            (PARTITION_KEY, pack_row(_MARK, encode_partition_row(row))),
        ]

    def upcoming(self, workload: WorkloadName, members: int) -> Iterator[tuple[int, str, bytes]]:
        """Log time, member id and bytes of the actions that come next, for ever new ones up to the end of the year."""
        step = len(self.households)
        copies = max(1, members // step)
        for line in actions_of(workload):
            action = decode_action(line)
            index = self._index.get(action.subject)
            if action.time_ms <= self.log_time_ms or index is None:
                continue
            # All lines of a basket stand at one time, and belong to one member.
            copy = crc32(f"{action.subject}/{action.time}".encode()) % copies
            member_id = self.member_id(index + copy * step)
            time_ms = self.log_time_ms + (action.time_ms - self.log_time_ms) // copies
            yield time_ms, member_id, _moved(action, member_id, time_ms)


def _moved(action: Envelope, member_id: str, time_ms: int) -> bytes:
    return _encode(msgspec.structs.replace(action, subject=member_id, time=instant(time_ms)))


def _households(store: MemoryStore) -> list[Household]:
    rows: Mapping[str, list[tuple[bytes, bytes]]] = defaultdict(list)
    members: dict[str, Member] = {}
    for key in store.scan(*ALL_MEMBERS):
        name = member_of(key)
        suffix, payload = key[len(member_prefix(name)) :], row_payload(key, store.get(key) or b"")
        if suffix == CORE_ROW:
            members[name] = Member(name, store.get)
        else:
            rows[name].append((suffix, pack_row(_MARK, payload)))
    return [Household(name, one.account.core, rows[name], one.next_due_ms()) for name, one in members.items()]


def first_of(actions: Iterator[tuple[int, str, bytes]], count: int) -> Sequence[tuple[int, str, bytes]]:
    """The next `count` actions."""
    return list(islice(actions, count))
