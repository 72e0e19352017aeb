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

from loyalty.decision_data import (
    BenefitUse,
    Cause,
    Contribution,
    Entitlement,
    EntryData,
    EntryKind,
    Factors,
    LotChange,
    LotStatus,
    NotificationData,
    NotificationKind,
    OverrideData,
    TierChangeKind,
    TierData,
)

__all__ = [
    "NOTIFICATION_TYPE",
    "POINTS_TYPE",
    "SOURCE",
    "TIER_TYPE",
    "BenefitUse",
    "Cause",
    "Contribution",
    "Decision",
    "DecisionTopic",
    "Entitlement",
    "EntryData",
    "EntryKind",
    "Factors",
    "LedgerEntry",
    "LotChange",
    "LotStatus",
    "Notification",
    "NotificationData",
    "NotificationKind",
    "OverrideData",
    "TierChange",
    "TierChangeKind",
    "TierData",
    "derived_id",
    "encode_decision",
    "frame",
    "identity_of",
    "instant",
]

DecisionTopic = Literal["points", "tier-changes", "notifications"]

SOURCE = "tierstream"
POINTS_TYPE = "loyalty.points."
TIER_TYPE = "loyalty.tier."
NOTIFICATION_TYPE = "loyalty.notification."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 16  # 128 bits: no two of 10**15 entries meet, in all likelihood ever


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
