"""Policy sections on what is aimed at some members or some days: segments, campaigns, offers, rewards."""

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

    `valid_days` makes it one that is offered: it holds only for members to whom it has been offered, for so many days
    from then on, and `[offers]` says who that is. Then `cap_points` is the most that one offer adds, and must be given,
    as must `budget_points`.
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
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=366)] | None = None


class Offers(Section, frozen=True):
    """Who is offered which of the campaigns with `valid_days`: a learned choice, measured against a hold-out.

    A member is considered at a prediction moment (see `[learning]`), at most once in `every_days` (30), which is at
    least the label's horizon. `holdout_bp` of members, drawn by hash of `id` and member, are never offered anything
    (1,000; another id draws anew). Of the others, `explore_bp` of choices are dealt evenly to all that could be offered
    and to nothing, the rest to each as likely as it is the best (2,000). What is best is judged by what follows: of the
    spend in the horizon `margin_bp` counts (2,500: a quarter is gain), less the points earned in it at
    `point_cost_milli` thousandths of a minor unit each (1,000: a point of the smallest unit costs a minor unit).
    `purpose`: the consent that a member can withdraw; without it nothing is offered.
    """

    enabled: bool = False
    id: Name = "offers"
    every_days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    holdout_bp: Annotated[int, msgspec.Meta(ge=100, le=9_000)] = 1_000
    explore_bp: Annotated[int, msgspec.Meta(ge=100, le=10_000)] = 2_000
    margin_bp: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 2_500
    point_cost_milli: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 1_000
    purpose: Name | None = None


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
