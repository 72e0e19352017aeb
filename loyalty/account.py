"""What a member has: lots, balances, tier, counters of caps. Rows `c` and `cp...` (core) and `cc` (counters).

The counters stand apart because an action that earns nothing yet, such as browsing below a day's threshold, changes
only them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Self

import msgspec

from features.errors import CorruptStateError
from loyalty.account_rows import ActiveLot, Core
from loyalty.calendar import AWAITED_MS, INACTIVE_MS, NEVER_MS
from loyalty.core_row import CORE_ROW, Chunks, decode_core, encode_core

COUNTERS_ROW = b"cc"

Counters = dict[str, dict[int, int]]
"""Counter key -> first day of the period -> what is used of it."""

_ENCODER = msgspec.msgpack.Encoder()
_COUNTERS_DECODER = msgspec.msgpack.Decoder(Counters)


class Account:
    """A member's account: a state part with the row suffixes `c`, `cp` + chunk and `cc`.

    `note` is handed from the engine to whoever remembers the action's id: what an action that is no order has earned.
    So is `moved_ms`: the expiry dates that the action has moved, each with its new one, for the notes on earlier ones.

    Example:
        >>> account = Account.load({}.get)
        >>> account.is_new, account.core.active_points, list(account.changed())
        (True, 0, [])
    """

    __slots__ = ("_chunks", "_counters", "_read", "core", "core_changed", "counters_changed", "moved_ms", "note")

    def __init__(self, core: Core, chunks: Chunks, read: Callable[[bytes], bytes | None]) -> None:
        self.core = core
        self._chunks = chunks
        self.core_changed = False
        self.counters_changed = False
        self._read = read
        self._counters: Counters | None = None
        self.note = b""
        self.moved_ms: Mapping[int, int] = {}

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """The account as stored, or a new one. `read` is kept: counters are read when they are needed.

        Raises:
            CorruptStateError: the row cannot be what this class wrote.
        """
        payload = read(CORE_ROW)
        core, chunks = (Core(), Chunks()) if payload is None else decode_core(payload, read)
        return cls(core, chunks, read)

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """All rows as they would be written now, changed or not."""
        yield from encode_core(self.core, Chunks())
        yield COUNTERS_ROW, _ENCODER.encode(self.counters)

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows changed since the last call: suffix and payload."""
        if self.core_changed:
            self.core_changed = False
            yield from encode_core(self.core, self._chunks)
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

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of the member, not even who has brought them."""
        return self.is_new and self.core.referred is None

    def next_due_ms(self) -> int | None:
        """The earliest log time at which this account has work: activation, expiry, reminder or tier."""
        core = self.core
        earliest = core.tier.due_ms or AWAITED_MS
        if core.pending and core.pending[0].due_ms < earliest:
            earliest = core.pending[0].due_ms
        for lot in core.active:
            # `lot_due_ms` written out, since nothing is asked more often; no date is `NEVER_MS`, which is never earlier
            due_ms = lot.expires_ms
            if 0 < lot.remind_ms < due_ms:
                due_ms = lot.remind_ms
            elif due_ms == INACTIVE_MS:
                due_ms = core.inactive_ms or AWAITED_MS
            if due_ms < earliest:  # noqa: PLR1730 - a call of `min` takes seven times as long
                earliest = due_ms
        return earliest if earliest < AWAITED_MS else None


def lot_due_ms(core: Core, lot: ActiveLot) -> int:
    """When something is to be done about an active lot; 0 for never."""
    if lot.remind_ms:
        return min(lot.remind_ms, lot.expires_ms)
    if lot.expires_ms == NEVER_MS:
        return 0
    return core.inactive_ms if lot.expires_ms == INACTIVE_MS else lot.expires_ms
