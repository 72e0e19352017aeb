"""What decisions say: the `data` of their CloudEvents, and the kinds there are.

Field order is fixed and defaults are left out, so each has exactly one encoding. A field that is added later has a
default, so that what was decided before it is still said in the same bytes.
"""

from typing import Literal

import msgspec

from loyalty.policy.programme import Rounding

EntryKind = Literal[
    "earned",  # points granted, pending or active at once
    "activated",  # pending became active
    "expired",  # a lot reached its end
    "redeemed",  # spent on a reward
    "clawed_back",  # active points of a refunded order taken back
    "cancelled",  # pending points taken back, for a refund, by a verdict, or as what they waited for has not come
    "penalised",  # taken for misconduct
    "adjusted",  # an operator's correction
    "returned",  # back to their lots, from a redemption that was called off
    "extended",  # the same points, expiring later
    "transferred_out",  # to the member who turned out to be the same person; the balance is 0 after it
    "transferred_in",  # the same points, with the same expiry, from the other id of the same person
    "held",  # no pending point becomes active for a while, after misconduct; moves nothing
]
TierChangeKind = Literal[
    "joined",
    "upgraded",
    "downgraded",
    "prolonged",
    "will_downgrade",
    "expiration_changed",
    "override_set",
    "override_ended",
    "benefits_changed",
    "merged",  # this id is an alias from here on; its tier is that of the other id
    "benefit_consumed",
]
NotificationKind = Literal[
    "tier_joined",
    "tier_upgraded",
    "tier_downgraded",
    "tier_prolonged",
    "tier_will_downgrade",
    "points_will_expire",
    "milestone_reached",
    "reward_pending",  # from stock: held until the answer
    "milestone_progress",
    "reward_granted",
    "reward_refused",
    "reward_cancelled",
    "draw_won",
    "offer_made",  # a campaign holds for this member until then
]
LotStatus = Literal["pending", "active", "debt"]


class Cause(msgspec.Struct, frozen=True, gc=False):
    """What made a decision: an action by its CloudEvents `source` and `id`, or due work by the id of what was due."""

    source: str
    id: str


class Factors(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How an award came about: `eligible * points / per`, times each factor, rounded once.

    `eligible` is in the unit that the rule earns by (minor units, milliseconds, or 1 for a fixed award). `desired` is
    the award before caps, in the smallest unit of points; `cap` names the cap that cut it. `weight_bp` holds the bonus
    of the trial that `trial` names. `offers` are those of `campaigns` that the member was offered.
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
    trial: str = ""
    offers: tuple[str, ...] = ()


class LotChange(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One side of an entry: how many points a lot gained or lost. `expires_ms` is 0 where it never expires."""

    lot: str
    status: LotStatus
    points: int
    expires_ms: int = 0


class EntryData(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A line of the ledger: what changed, what is left, and why.

    `grant` is the entry id of the award that an activation, cancellation or clawback is about. `misconduct_score` is
    what a verdict gave, from 0 to 1,000.
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
    misconduct_score: int = 0


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one measure adds to the qualification value: `value` in its own unit, `points` on the ladder's scale."""

    measure: str
    value: int
    weight_bp: int
    points: int


class OverrideData(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tier set by hand: at least `tier` (`floor`) or exactly it (`fix`); who did it and why, where that is new."""

    kind: Literal["floor", "fix"]
    tier: str
    until_ms: int
    operator: str = ""
    reason: str = ""


class Entitlement(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a benefit is worth from now on: `quota` uses `per` local calendar period, 0 for as many as one likes."""

    benefit: str
    kind: str
    quota: int = 0
    per: str = ""
    value_bp: int = 0
    value_minor: int = 0


class BenefitUse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A use of a benefit: how much of its quota is used by now, and when that begins anew; 0 where it never does."""

    benefit: str
    quantity: int
    used: int = 0
    quota: int = 0
    until_ms: int = 0


class TierData(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A tier decision with its reasons.

    `score` is the qualification value that the ladder's thresholds are compared with; `to_remain` and `to_next` are
    what is missing of it to hold the tier beyond `valid_until_ms` and to reach `next_tier`, 0 where nothing is.
    `override` is the one that was set or has ended; what became of the tier then is told by the next change.
    `entitlements` are the terms of benefits that are granted or changed, as far as the policy gives any; `use` is what
    was consumed.
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
    benefits_changed: tuple[str, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    use: BenefitUse | None = None
    override: OverrideData | None = None
    cause: Cause
    policy_version: int
    weights_version: int
    engine: int


class NotificationData(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Something the member should be told.

    `about` is a tier, a milestone, a reward's id or a lot; `channels` are the member's choice. `reached` of `target`
    is the way to a milestone. For tickets of a draw `reason` is the receipt: their numbers, and the ticket chain after
    them, to be found again in the topic `draws`.
    """

    sequence: int
    kind: NotificationKind
    about: str = ""
    points: int = 0
    due_ms: int = 0
    reason: str = ""
    reached: int = 0
    target: int = 0
    channels: tuple[str, ...] = ()
    cause: Cause
    policy_version: int
    engine: int
