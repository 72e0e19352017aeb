"""Policy sections on what is aimed at some members or some days: segments, campaigns, rewards."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from loyalty.policy.earning import CapPeriod
from loyalty.policy.fields import Label, Name, Section, ShareBp
from loyalty.policy.fields import Points as PointUnits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Price = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
"""Points in the smallest unit, at least one."""

Instant = Annotated[datetime, msgspec.Meta(tz=True)]


def to_ms(instant: datetime) -> int:
    """Milliseconds from the Unix epoch to an aware `instant`.

    Example:
        >>> to_ms(datetime(1970, 1, 2, tzinfo=UTC))
        86400000
    """
    return (instant - _EPOCH) // timedelta(milliseconds=1)


class FeatureBound(Section, frozen=True):
    """`at_least <= feature < below`, in the feature's own unit; either side may be open."""

    feature: Name
    at_least: int | None = None
    below: int | None = None


class Segment(Section, frozen=True):
    """Members whose features lie within all of the bounds."""

    id: Name
    bounds: tuple[FeatureBound, ...]


class Campaign(Section, frozen=True):
    """Between `start` and `end` (exclusive), awards of matching actions are multiplied, or get `bonus` on top.

    It matches by the event time of the action. Empty conditions match all. `hours` are local hours of the day.
    `cap_points`: the most that it adds for one member. `budget_points`: the most that it adds for all members together;
    each partition holds a slice of it, of `budget_slice_points` (without that, an eighth of its share), and an award is
    cut to what the slice holds; at the end, up to one and a half slices a partition stay unspent. `priority`: which one
    counts where campaigns meet, see `points.stacking`. `holdout_share_bp` of members, drawn by a hash of member and
    campaign, do not take part, so that the effect can be measured.
    """

    id: Name
    start: Instant
    end: Instant
    multiplier_bp: Annotated[int, msgspec.Meta(ge=10_000, le=1_000_000)] = 10_000
    bonus: PointUnits = 0
    cap_points: Price | None = None
    budget_points: Price | None = None
    budget_slice_points: Price | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 0
    actions: tuple[Name, ...] = ()
    rules: tuple[Name, ...] = ()
    weekdays: tuple[Weekday, ...] = ()
    hours: tuple[Annotated[int, msgspec.Meta(ge=0, le=23)], ...] = ()
    segments: tuple[Name, ...] = ()
    tiers: tuple[Name, ...] = ()
    holdout_share_bp: ShareBp = 0


class Benefit(Section, frozen=True):
    """What a benefit of the ladder is worth, and how often it can be used: redeemed like a reward that costs nothing.

    `quota` uses per local calendar period; without it, as often as the member likes. `value_bp` is a discount,
    `value_minor` an amount, both for the shop to apply.
    """

    id: Name
    kind: Literal["percent_discount", "free_delivery", "priority_service", "partner_offer", "gift"]
    quota: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    per: CapPeriod = "month"
    value_bp: ShareBp = 0
    value_minor: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0
    label: Label | None = None


class Draw(Section, frozen=True):
    """A draw by commit and reveal: the SHA-256 of its secret seed, from when no ticket is sold, how many prizes.

    `tierstream draw commit` makes a seed and its commitment. `beacon` names a public value that nobody can know before
    the close, such as a lottery's numbers of a later day; it is mixed in, so that whoever knows the seed cannot choose.
    """

    commitment: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    closes: Instant
    prizes: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    beacon: Label | None = None


class Reward(Section, frozen=True):
    """What points buy. `prices` overrides `price` by tier; `limit_per_year` is per member and local year.

    `stock`: how many pieces all members together can have, since the programme began; a later policy may raise it. A
    redemption from stock is pending until the stock's owner has answered. Without it there are as many as are wanted.
    """

    id: Name
    kind: Literal["goods", "coupon", "service", "cash_back", "draw"]
    price: Price
    prices: dict[Name, Price] = msgspec.field(default_factory=dict)
    tiers: tuple[Name, ...] = ()
    start: Instant | None = None
    end: Instant | None = None
    limit_per_year: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    stock: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None
    draw: Draw | None = None
    value_minor: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0
    label: Label | None = None
