"""The members of a partition, in memory while they are busy, and the index of who has work due.

A member that was opened stays in memory, changed or not, until its rows have landed and room is wanted: it is the
overlay that the next fold runs on while the last batch is still on its way to the broker.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice

from sortedcontainers import SortedSet

from streams.records import RowStore
from streams.state import ALL_MEMBERS, DUE, Member, due_key, member_of, member_prefix, split_due_key

# 4 to 10 KB each in memory; enough that a batch's members are usually there, little beside a million on disk.
DEFAULT_CACHED_MEMBERS = 20_000
# Of all partitions together, should one worker have to serve every one of them: a worker stays under 1 GiB.
_MOST_CACHED_MEMBERS = 40_000
_FEWEST_CACHED_MEMBERS = 500

# First guess of what a changed member adds to a state batch; corrected by each batch that is written.
_FIRST_MEMBER_BYTES = 1_500

# Follows every row of a member: no part's suffix begins with it.
_AFTER_PARTS = b"\xff"


def members_to_keep(partitions: int) -> int:
    """How many members a partition keeps in memory, one of so many that one worker may have to serve.

    Example:
        >>> members_to_keep(1), members_to_keep(8), members_to_keep(1_000)
        (20000, 5000, 500)
    """
    return max(_FEWEST_CACHED_MEMBERS, min(DEFAULT_CACHED_MEMBERS, _MOST_CACHED_MEMBERS // partitions))


class Members:
    """Opens members from a store, remembers which changed, keeps the due rows in step."""

    def __init__(self, store: RowStore, cached_members: int = DEFAULT_CACHED_MEMBERS) -> None:
        self._get: Callable[[bytes], bytes | None] = store.get
        self._store = store
        self._cached_members = cached_members
        self._open: dict[str, Member] = {}
        self._changed: dict[str, Member] = {}
        self._due_rows: dict[bytes, bool] = {}
        self._due_added = SortedSet()
        self._due_removed: set[bytes] = set()
        self._joined = SortedSet()
        self._joined_marks: list[tuple[int, list[bytes]]] = []
        self._due_marks: list[tuple[int, list[bytes]]] = []
        # No due row stands below it. A sweep need not pass again over the rows that were removed since the last batch
        # landed: with ticks four times a day that is 4 to 6% of the fold's time (docs/performance.md).
        self._due_floor = DUE
        self._landed = -1
        self._member_bytes = _FIRST_MEMBER_BYTES

    @property
    def changed_bytes_estimate(self) -> int:
        """About how large the rows of the changed members will be."""
        return len(self._changed) * self._member_bytes

    def open(self, member_id: str) -> Member:
        """Return the member, from memory or from its rows; an unknown id is a member without any."""
        member = self._open.pop(member_id, None) or Member(member_id, self._get)
        self._open[member_id] = member  # last in the dict is last to be evicted
        return member

    def touch(self, member: Member) -> None:
        """Note that `member` has changed, and reschedule its due work."""
        self._changed[member.id] = member
        # Also one who is no member yet, but whom something has been noted about, such as who referred them: the store
        # will list that row, so memory must.
        if member.unstored and (member.account.core_changed or not member.account.is_new):
            member.unstored = False
            self._joined.add(member.prefix)
        due_ms = member.next_due_ms()
        if due_ms == member.scheduled_ms:
            return
        if member.scheduled_ms is not None:
            self._set_due(due_key(member.scheduled_ms, member.id), present=False)
        if due_ms is not None:
            self._set_due(due_key(due_ms, member.id), present=True)
        member.scheduled_ms = due_ms

    def due(self, until_ms: int, most: int) -> list[tuple[int, str]]:
        """Due time and id of at most `most` members with work due at or before `until_ms`, in that order."""
        stop = due_key(until_ms + 1, "")
        found = list(islice(self._merged(self._due_floor, stop), most))
        self._due_floor = found[0] if found else max(self._due_floor, stop)
        return [split_due_key(key) for key in found]

    def after(self, cursor: bytes, most: int) -> list[str]:
        """Ids of at most `most` members whose rows come after those of the member with the prefix `cursor`."""
        start, stop = ALL_MEMBERS
        if cursor:
            start = cursor + _AFTER_PARTS
        found: list[str] = []
        while len(found) < most:
            stored = next(iter(self._store.scan(start, stop)), None)
            joined = next(self._joined.irange(start, stop, inclusive=(True, False)), None)
            first = min((key for key in (stored, joined) if key is not None), default=None)
            if first is None:
                break
            found.append(member_of(first))
            start = member_prefix(found[-1]) + _AFTER_PARTS
        return found

    def drop_stale(self, due_ms: int, member: Member) -> None:
        """Remove a due row that stands for nothing, such as one that a dead worker wrote after its successor."""
        if due_ms != member.scheduled_ms:
            self._set_due(due_key(due_ms, member.id), present=False)

    def take_changed(self, mark: int) -> list[tuple[bytes, bytes | None]]:
        """Key and payload of every row that changed since the last call, due rows included."""
        changed, self._changed = self._changed, {}
        rows: list[tuple[bytes, bytes | None]] = []
        for member in changed.values():
            member.last_mark = mark
            rows += member.changed()
        if changed:
            total = sum([len(key) + len(payload or b"") for key, payload in rows])
            self._member_bytes = max(64, (self._member_bytes + total // len(changed)) // 2)
        due_rows, self._due_rows = self._due_rows, {}
        rows += [(key, b"" if present else None) for key, present in due_rows.items()]
        self._due_marks.append((mark, list(due_rows)))
        joined = self._joined
        self._joined_marks.append((mark, [m.prefix for m in changed.values() if m.prefix in joined] if joined else []))
        return rows

    def landed(self, mark: int) -> None:
        """Rows up to `mark` are in the store: the overlay need not hold them any longer."""
        self._landed = mark
        while self._due_marks and self._due_marks[0][0] <= mark:
            for key in self._due_marks.pop(0)[1]:
                if key not in self._due_rows and not self._is_pending(key):
                    self._due_added.discard(key)
                    self._due_removed.discard(key)
        while self._joined_marks and self._joined_marks[0][0] <= mark:
            self._joined.difference_update(self._joined_marks.pop(0)[1])
        self._evict()

    def _is_pending(self, key: bytes) -> bool:
        return any(key in keys for _, keys in self._due_marks)

    def _evict(self) -> None:
        excess = len(self._open) - self._cached_members
        if excess <= 0:
            return
        idle = (
            member_id
            for member_id, member in self._open.items()
            if member.last_mark <= self._landed and member_id not in self._changed
        )
        for member_id in list(islice(idle, excess)):  # those that were not used for longest stand first
            del self._open[member_id]

    def _set_due(self, key: bytes, *, present: bool) -> None:
        self._due_rows[key] = present
        if present:
            self._due_added.add(key)
            self._due_removed.discard(key)
            self._due_floor = min(self._due_floor, key)
        else:
            self._due_added.discard(key)
            self._due_removed.add(key)

    def _merged(self, start: bytes, stop: bytes) -> Iterator[bytes]:
        """Keys of the store and of the overlay in order, each once, removed ones left out."""
        removed = self._due_removed
        stored = (key for key in self._store.scan(start, stop) if key not in removed)
        previous = b""
        for key in merge(stored, self._due_added.irange(start, stop, inclusive=(True, False))):
            if key != previous:
                yield key
            previous = key
