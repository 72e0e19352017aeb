"""What is stored of an account: lots, tier, sequence numbers, the last award. Plain values, no behaviour."""

from typing import Literal

import msgspec

LOT_BYTES = 6
"""Length of a pending lot's name, short, since there may be many. It tells apart the lots of one member that wait at
one time: of a thousand, two meet with a chance of one in 560 million."""


class PendingLot(msgspec.Struct, array_like=True, gc=False):
    """Points of one cause that wait: active from `due_ms`, gone at `expires_ms`.

    While they wait for an action (`AwaitedAction`), `due_ms` is when they lapse.
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


class TierOverride(msgspec.Struct, array_like=True, gc=False):
    """A tier that an operator has set: at least this one (`floor`), or exactly this one (`fix`), before `until_ms`."""

    kind: Literal["floor", "fix"]
    tier: str
    until_ms: int


class TierState(msgspec.Struct, array_like=True):
    """Tier, validity, and what they follow from.

    `anchor_*` is the state before the first period that can still change, with the tier that the last period before it
    had reached; `periods` are those since. What they say holds as far as `override` lets it.
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
    override: TierOverride | None = None


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


class VoidedLot(msgspec.Struct, array_like=True, gc=False):
    """A pending lot that a verdict has cancelled, so that a refund of its order does not take its points again."""

    lot: bytes
    at_ms: int


class Held(msgspec.Struct, array_like=True, gc=False):
    """Until when pending points are held for reported misconduct, and until when by verdicts of the misconduct score.

    `example_offset` is that of the last verdict, so that none is followed twice.
    """

    misconduct_ms: int = 0
    verdict_ms: int = 0
    example_offset: int = -1


class AwaitedAction(msgspec.Struct, array_like=True, gc=False):
    """The name of the action that a pending lot waits for, and how long the points wait from then on."""

    lot: bytes
    action: str
    pending_ms: int


class ReferredBy(msgspec.Struct, array_like=True, gc=False):
    """Who has brought the member, and the order that both were rewarded for, empty as long as there is none."""

    referrer: str
    order_id: str = ""


class Core(msgspec.Struct, array_like=True):
    """The row `c`. `active_points` is the sum of active lots less `debt`, `pending_points` that of the pending ones.

    With `alias_of` set there are no points: everything is with that member, who is the same person. `aliases` are the
    ids that the member has taken over, in order. `awaiting` is in order of lots.
    """

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
    held: Held | None = None
    voided: list[VoidedLot] = []
    alias_of: str = ""
    referred: ReferredBy | None = None
    aliases: list[str] = []
    awaiting: list[AwaitedAction] = []

    @property
    def hold_ms(self) -> int:
        """No pending lot becomes active before this."""
        held = self.held
        return 0 if held is None else max(held.misconduct_ms, held.verdict_ms)
