"""The rows of a partition: keys, headers, and a member put together from its parts.

All state of a partition stands in one table of bytes to bytes, under six kinds of keys, told apart by the first byte:

    P                               the partition row: log time, versions, counters
    Y <version>                     a policy version, as its record
    W <version>                     a weights version, and the log time it was adopted at
    D <due, 8 bytes> <member>       this member has work at that log time; ordered, so a sweep is a scan
    M <length, 2 bytes> <member> <part>   one part's row of a member
    O <owner>                       what members share, such as the stock of a reward

Each value starts with a header: see `streams.row_format`.
"""

from collections.abc import Callable, Iterator
from typing import Protocol, Self

import msgspec

from features.dedupe import SeenIds
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.budgets import Slice
from loyalty.core_row import CORE_ROW
from loyalty.engine import Edits, next_due_ms
from loyalty.orders import Orders
from online_models.labels import OpenLabels
from streams.pieces import Inbox
from streams.row_format import row_payload

PARTITION_KEY = b"P"
DUE = b"D"
_MEMBER = b"M"
_OWNER = b"O"


class Part(Protocol):
    """Some rows of a member, under suffixes that are the part's own."""

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """Build the part from its stored rows."""
        ...

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the rows that changed since the last call."""
        ...


class PartitionRow(msgspec.Struct, array_like=True):
    """What a partition knows beside its members.

    `sweeping` says that members with due work may be left from the last tick; `examples` is the number of training
    examples and sightings sent, so the next one is numbered `examples`. `counts` are the totals of the accounting.
    `adopted_ms` has the log time at which each policy after the first was read. All members' tiers have been looked at
    under policy version `edit_swept`; they are being looked at under `edit_target`, up to the key `edit_cursor`.
    `partitions` is how many the topic has. `effects_out` has, per receiving partition, the number of the next effect to
    it, and `effects_in`, per sending partition, the number of the next effect that is accepted from it.
    Of the opening that the partition began with, `opening` has how many records were taken, and how many there are.
    `slices` is what it holds of the campaigns' budgets.
    """

    topic_id: bytes
    log_time_ms: int = 0
    policy_version: int = 0
    weights_version: int = 0
    sweeping: bool = False
    examples: int = 0
    counts: dict[str, int] = {}
    adopted_ms: dict[int, int] = {}
    edit_swept: int = 0
    edit_target: int = 0
    edit_cursor: bytes = b""
    partitions: int = 1
    effects_out: dict[int, int] = {}
    effects_in: dict[int, int] = {}
    opening: tuple[int, int] = (0, 0)
    slices: dict[str, Slice] = {}


def encode_partition_row(row: PartitionRow) -> bytes:
    """Payload of the partition row."""
    return msgspec.msgpack.encode(row)


_PARTITION_DECODER = msgspec.msgpack.Decoder(PartitionRow)


def decode_partition_row(payload: bytes) -> PartitionRow:
    """Inverse of `encode_partition_row`."""
    return _PARTITION_DECODER.decode(payload)


def due_key(due_ms: int, member_id: str) -> bytes:
    """Key of a due row.

    Example:
        >>> split_due_key(due_key(1_000, "m-42"))
        (1000, 'm-42')
    """
    return DUE + due_ms.to_bytes(8, "big") + member_id.encode()


def split_due_key(key: bytes) -> tuple[int, str]:
    """Inverse of `due_key`."""
    return int.from_bytes(key[1:9], "big"), key[9:].decode()


def member_prefix(member_id: str) -> bytes:
    """What all rows of a member start with; the length keeps one member from being a prefix of another."""
    raw = member_id.encode()
    return _MEMBER + len(raw).to_bytes(2, "big") + raw


ALL_MEMBERS = (_MEMBER, bytes((_MEMBER[0] + 1,)))
"""Where the rows of all members begin, and where they end."""


def member_of(key: bytes) -> str:
    """The member that a row of `member_prefix` or below it belongs to.

    Example:
        >>> member_of(member_prefix("m-42") + b"c")
        'm-42'
    """
    length = int.from_bytes(key[1:3], "big")
    return key[3 : 3 + length].decode()


def is_member_row(key: bytes) -> bool:
    """Whether a row is one of a member's parts."""
    return key[:1] == _MEMBER


def core_member(key: bytes) -> str | None:
    """The member whose account's core row has this key, None for any other row.

    Example:
        >>> core_member(member_prefix("m-42") + b"c"), core_member(member_prefix("m-42") + b"cc"), core_member(b"P")
        ('m-42', None, None)
    """
    if key[:1] != _MEMBER or key[-1:] != CORE_ROW or len(key) != 4 + int.from_bytes(key[1:3], "big"):
        return None
    return key[3:-1].decode()


def stored_account(member_id: str, get: Callable[[bytes], bytes | None]) -> Account:
    """A member's account from its rows alone; without any, that of a member who is new."""
    prefix = member_prefix(member_id)

    def read(suffix: bytes) -> bytes | None:
        row = get(prefix + suffix)
        return None if row is None else row_payload(prefix + suffix, row)

    return Account.load(read)


def owner_key(subject: str) -> bytes:
    """Key of an owner's row."""
    return _OWNER + subject.encode()


def _nothing(suffix: bytes) -> bytes | None:
    """What a member without rows reads."""
    del suffix
    return None


class Member:
    """One member, put together from its parts.

    `scheduled_ms` is the due row that stands for this member in the table, None for none. `unstored`: this is not a
    member yet, or none that the index of members has been told of.
    """

    __slots__ = (
        "_dropped",
        "account",
        "id",
        "inbox",
        "labels",
        "last_mark",
        "orders",
        "prefix",
        "scheduled_ms",
        "seen_ids",
        "unstored",
        "windows",
    )

    def __init__(self, member_id: str, get: Callable[[bytes], bytes | None]) -> None:
        prefix = member_prefix(member_id)

        def read(suffix: bytes) -> bytes | None:
            key = prefix + suffix
            row = get(key)
            return None if row is None else row_payload(key, row)

        self.id = member_id
        self.prefix = prefix
        self.account = Account.load(read)
        self.orders = Orders.load(read)
        self.windows = ActivityWindows.load(read)
        self.seen_ids = SeenIds.load(read)
        self.labels = OpenLabels.load(read)
        self.inbox = Inbox(read)
        self._dropped: list[bytes] = []
        self.last_mark = -1
        self.unstored = self.account.is_new
        self.scheduled_ms = self.next_due_ms()

    def next_due_ms(self, edits: Edits = ()) -> int | None:
        """The earliest log time at which something is to be done for this member; `edits` are new policies."""
        mine = next_due_ms(self.account, self.orders, edits)
        label = self.labels.next_due_ms()
        if mine is None or (label is not None and label < mine):
            return label
        return mine

    def changed(self) -> list[tuple[bytes, bytes | None]]:
        """Key and payload of each row that changed since the last call."""
        prefix = self.prefix
        rows: list[tuple[bytes, bytes | None]] = []
        if self._dropped:
            rows += [(prefix + suffix, None) for suffix in self._dropped]
            self._dropped = []
        for part in (self.account, self.orders, self.windows, self.seen_ids, self.labels, self.inbox):
            rows += [(prefix + suffix, payload) for suffix, payload in part.changed()]
        return rows

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """All rows as they would be written now; of some only the name, which no other member has use for."""
        for part in (self.account, self.orders, self.windows, self.seen_ids, self.labels):
            yield from part.rows()

    def retire(self) -> None:
        """Drop all rows but the account's core and the ids, from which an alias knows what it has seen."""
        kept = {CORE_ROW, *(suffix for suffix, _ in self.seen_ids.rows())}
        parts = (self.account, self.orders, self.windows, self.labels)
        unwritten = [suffix for part in parts for suffix, _ in part.changed()]
        rows = dict.fromkeys([*unwritten, *(suffix for suffix, _ in self.rows())])
        self._dropped = [suffix for suffix in rows if suffix not in kept]
        core, self.account = self.account.core, Account.load(_nothing)
        self.account.core, self.account.core_changed = core, True
        self.orders, self.labels = Orders.load(_nothing), OpenLabels.load(_nothing)
        self.windows = ActivityWindows.load(_nothing)
