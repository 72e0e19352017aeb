"""What a member has: lots, balances, tier, counters of caps. Rows `c` (core) and `cc` (counters).

The counters stand apart because an action that earns nothing yet, such as browsing below a day's threshold, changes
only them.
"""

from collections.abc import Callable, Iterator
from typing import Self

import msgspec

from features.errors import CorruptStateError
from loyalty.calendar import INACTIVE_MS, NEVER_MS

CORE_ROW = b"c"
COUNTERS_ROW = b"cc"

LOT_BYTES = 8
"""Length of a pending lot's name: enough to tell apart the lots of one member, and short, since there may be many."""


class PendingLot(msgspec.Struct, array_like=True, gc=False):
    """Points of one cause that wait: active from `due_ms`, gone at `expires_ms`.

    `lot` is the start of the first grant's entry id, `LOT_BYTES` long.
    """

    due_ms: int
    lot: bytes
    points: int
    expires_ms: int


class ActiveLot(msgspec.Struct, array_like=True, gc=False):
    """All spendable points that expire together. `remind_ms`: when the member is to be reminded, 0 for not (again)."""

    expires_ms: int
    points: int
    remind_ms: int = 0


class ExpiredLot(msgspec.Struct, array_like=True, gc=False):
    """What an active lot lost when it expired, so that a later refund does not take it a second time."""

    expires_ms: int
    at_ms: int
    points: int
    times: int


class QualifyingPeriod(msgspec.Struct, array_like=True, gc=False):
    """What counts for the tier in the local period that starts with `day`.

    `sums` are by measure; `reached` is the highest tier that the window ending with this period has reached.
    """

    day: int
    reached: str
    sums: dict[int, int]


class TierState(msgspec.Struct, array_like=True):
    """Tier, validity, and what they follow from.

    `anchor_*` is the state before the first period that can still change, with the tier that the last period before it
    had reached; `periods` are those since.
    """

    tier: str = ""
    valid_until_ms: int = 0
    anchor_day: int = 0
    anchor_tier: str = ""
    anchor_valid_until_ms: int = 0
    anchor_reached: str = ""
    periods: list[QualifyingPeriod] = []
    due_ms: int = 0
    window: str = ""
    policy_version: int = 0


class LastAward(msgspec.Struct, array_like=True, gc=False):
    """The facts of the last award, for `explain`."""

    time_ms: int
    action: str
    rule: str
    entry: bytes
    eligible: int
    points: int
    per: int
    factors_bp: tuple[int, int, int]
    bonus: int
    desired: int
    granted: int
    cap: str
    policy_version: int
    weights_version: int


class Sequences(msgspec.Struct, array_like=True, gc=False):
    """The last sequence number given, per output topic."""

    points: int = 0
    tier_changes: int = 0
    notifications: int = 0


class Core(msgspec.Struct, array_like=True):
    """The row `c`. `active_points` is the sum of active lots less `debt`, `pending_points` that of the pending ones."""

    member: str = ""
    joined_ms: int = 0
    pending_points: int = 0
    active_points: int = 0
    debt: int = 0
    pending: list[PendingLot] = []
    active: list[ActiveLot] = []
    expired: list[ExpiredLot] = []
    sequences: Sequences = msgspec.field(default_factory=Sequences)
    tier: TierState = msgspec.field(default_factory=TierState)
    inactive_ms: int = 0
    channels: tuple[str, ...] = ()
    withheld: list[str] = []
    last_award: LastAward | None = None


Counters = dict[str, dict[int, int]]
"""Counter key -> first day of the period -> what is used of it."""

_ENCODER = msgspec.msgpack.Encoder()
_CORE_DECODER = msgspec.msgpack.Decoder(Core)
_COUNTERS_DECODER = msgspec.msgpack.Decoder(Counters)


class Account:
    """A member's account: a state part with the row suffixes `c` and `cc`.

    Example:
        >>> account = Account.load({}.get)
        >>> account.is_new, account.core.active_points, list(account.changed())
        (True, 0, [])
    """

    __slots__ = ("_counters", "_read", "core", "core_changed", "counters_changed")

    def __init__(self, core: Core, read: Callable[[bytes], bytes | None]) -> None:
        self.core = core
        self.core_changed = False
        self.counters_changed = False
        self._read = read
        self._counters: Counters | None = None

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """The account as stored, or a new one. `read` is kept: counters are read when they are needed.

        Raises:
            CorruptStateError: the row cannot be what this class wrote.
        """
        payload = read(CORE_ROW)
        try:
            return cls(Core() if payload is None else _CORE_DECODER.decode(payload), read)
        except msgspec.DecodeError as error:
            raise CorruptStateError(f"account core row cannot be read ({error}); rebuild the store") from error

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows changed since the last call: suffix and payload."""
        if self.core_changed:
            self.core_changed = False
            yield CORE_ROW, _ENCODER.encode(self.core)
        if self.counters_changed:
            self.counters_changed = False
            yield COUNTERS_ROW, _ENCODER.encode(self._counters)

    @property
    def counters(self) -> Counters:
        """Counters of caps and of daily totals."""
        if self._counters is None:
            payload = self._read(COUNTERS_ROW)
            try:
                self._counters = {} if payload is None else _COUNTERS_DECODER.decode(payload)
            except msgspec.DecodeError as error:
                raise CorruptStateError(f"account counters row cannot be read ({error}); rebuild the store") from error
        return self._counters

    @property
    def is_new(self) -> bool:
        """Whether the member has not joined yet."""
        return not self.core.member

    def next_due_ms(self) -> int | None:
        """The earliest log time at which this account has work: activation, expiry, reminder or tier."""
        core = self.core
        earliest = core.tier.due_ms
        if core.pending and (not earliest or core.pending[0].due_ms < earliest):
            earliest = core.pending[0].due_ms
        for lot in core.active:
            due_ms = lot_due_ms(core, lot)
            if due_ms and (not earliest or due_ms < earliest):
                earliest = due_ms
        return earliest or None


def lot_due_ms(core: Core, lot: ActiveLot) -> int:
    """When something is to be done about an active lot; 0 for never."""
    if lot.remind_ms:
        return min(lot.remind_ms, lot.expires_ms)
    if lot.expires_ms == NEVER_MS:
        return 0
    return core.inactive_ms if lot.expires_ms == INACTIVE_MS else lot.expires_ms
