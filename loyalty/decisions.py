"""What the engine says: ledger entries, tier changes and notifications, as CloudEvents 1.0.

The wire type is the domain type here too: what is decided is what is sent. Field order is fixed and defaults are left
out, so a decision has exactly one encoding. `time` is the effective time of the decision (event time of its cause, or
the time it was due), never the time at which it was computed.

Each decision has a `sequence` that grows by one per member and topic, and an id derived from what caused it.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import ClassVar, Literal

import msgspec

from loyalty.policy.programme import Rounding

EntryKind = Literal[
    "earned",  # points granted, pending or active at once
    "activated",  # pending became active
    "expired",  # a lot reached its end
    "redeemed",  # spent on a reward
    "clawed_back",  # active points of a refunded order taken back
    "cancelled",  # pending points of a refunded order taken back
    "penalised",  # taken for misconduct
    "adjusted",  # an operator's correction
]
TierChangeKind = Literal["joined", "upgraded", "downgraded", "prolonged", "will_downgrade", "expiration_changed"]
NotificationKind = Literal[
    "tier_joined",
    "tier_upgraded",
    "tier_downgraded",
    "tier_prolonged",
    "tier_will_downgrade",
    "points_will_expire",
    "reward_granted",
    "reward_refused",
]
LotStatus = Literal["pending", "active", "debt"]
DecisionTopic = Literal["points", "tier-changes", "notifications"]

SOURCE = "tierstream"
POINTS_TYPE = "loyalty.points."
TIER_TYPE = "loyalty.tier."
NOTIFICATION_TYPE = "loyalty.notification."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 16  # 128 bits: no two of 10**15 entries meet, in all likelihood ever


class Cause(msgspec.Struct, frozen=True, gc=False):
    """What made a decision: an action by its CloudEvents `source` and `id`, or due work by the id of what was due."""

    source: str
    id: str


class Factors(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How an award came about: `eligible * points / per`, times each factor, rounded once.

    `eligible` is in the unit that the rule earns by (minor units, milliseconds, or 1 for a fixed award). `desired` is
    the award before caps, in the smallest unit of points; `cap` names the cap that cut it.
    """

    eligible: int
    points: int
    per: int
    weight_bp: int
    tier_bp: int
    campaign_bp: int
    desired: int
    granted: int
    rounding: Rounding
    campaigns: tuple[str, ...] = ()
    bonus: int = 0
    cap: str = ""


class LotChange(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One side of an entry: how many points a lot gained or lost. `expires_ms` is 0 where it never expires."""

    lot: str
    status: LotStatus
    points: int
    expires_ms: int = 0


class EntryData(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A line of the ledger: what changed, what is left, and why.

    `grant` is the entry id of the award that an activation, cancellation or clawback is about.
    """

    sequence: int
    kind: EntryKind
    pending_points: int
    active_points: int
    pending_balance: int
    active_balance: int
    lots: tuple[LotChange, ...]
    cause: Cause
    policy_version: int
    weights_version: int
    engine: int
    action: str = ""
    rule: str = ""
    order_id: str = ""
    grant: str = ""
    factors: Factors | None = None
    reason: str = ""
    operator: str = ""


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one measure adds to the qualification value: `value` in its own unit, `points` on the ladder's scale."""

    measure: str
    value: int
    weight_bp: int
    points: int


class TierData(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A tier decision with its reasons.

    `score` is the qualification value that the ladder's thresholds are compared with; `to_remain` and `to_next` are
    what is missing of it to hold the tier beyond `valid_until_ms` and to reach `next_tier`, 0 where nothing is.
    """

    sequence: int
    kind: TierChangeKind
    old_tier: str
    new_tier: str
    next_tier: str = ""
    reason: str
    score: int
    contributions: tuple[Contribution, ...] = ()
    to_remain: int = 0
    to_next: int = 0
    valid_until_ms: int = 0
    benefits_granted: tuple[str, ...] = ()
    benefits_revoked: tuple[str, ...] = ()
    cause: Cause
    policy_version: int
    weights_version: int
    engine: int


class NotificationData(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Something the member should be told.

    `about` is a tier, a reward's id or a lot; `channels` are the member's choice.
    """

    sequence: int
    kind: NotificationKind
    about: str = ""
    points: int = 0
    due_ms: int = 0
    reason: str = ""
    channels: tuple[str, ...] = ()
    cause: Cause
    policy_version: int
    engine: int


class _Decision(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """CloudEvents attributes of a decision; `subject` is the member id."""

    topic: ClassVar[DecisionTopic]

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = SOURCE
    type: str
    time: datetime
    subject: str


class LedgerEntry(_Decision, frozen=True, gc=False, kw_only=True):
    """An entry of the append-only ledger."""

    topic: ClassVar[DecisionTopic] = "points"

    data: EntryData


class TierChange(_Decision, frozen=True, gc=False, kw_only=True):
    """A member's tier, or how long it is valid, has changed or is about to."""

    topic: ClassVar[DecisionTopic] = "tier-changes"

    data: TierData


class Notification(_Decision, frozen=True, gc=False, kw_only=True):
    """A message to the member."""

    topic: ClassVar[DecisionTopic] = "notifications"

    data: NotificationData


Decision = LedgerEntry | TierChange | Notification

encode_decision = msgspec.json.Encoder().encode
"""A decision's one encoding, as bytes of JSON."""


@lru_cache(maxsize=256)
def instant(time_ms: int) -> datetime:
    """The instant `time_ms` milliseconds after the Unix epoch.

    Example:
        >>> instant(1_488_651_725_250).isoformat()
        '2017-03-04T18:22:05.250000+00:00'
    """
    return _EPOCH + timedelta(milliseconds=time_ms)


def frame(member: str, source: str, cause: str) -> bytes:
    """The three with their lengths, so that no two different causes give the same bytes."""
    return f"{len(member)}:{member}{len(source)}:{source}{len(cause)}:{cause}".encode()


def identity_of(framed: bytes, kind: str, key: str) -> str:
    """Id of a decision of a cause: 128 bits of BLAKE2b, in hex. `kind` is a word of ours, without a space."""
    return blake2b(framed + f"{kind} {key}".encode(), digest_size=_ID_BYTES).hexdigest()


def derived_id(member: str, source: str, cause: str, kind: str, key: str) -> str:
    """Id of a decision from what caused it: the same cause always gives the same id.

    Example:
        >>> derived_id("m-42", "shop/web", "o-1001", "earned", "purchase")
        '693f93e0811273e37df3ed3cfd71aa9e'
        >>> derived_id("a", "bc", "d", "earned", "e") == derived_id("ab", "c", "d", "earned", "e")
        False
    """
    return identity_of(frame(member, source, cause), kind, key)
