"""What the trainer sees beside labelled examples: baskets, opinions and conduct, and who could be offered what.

A partition sends them into the same topic as its examples, under the same gapless numbers, and only of the kinds that
the policy learns from. So all that is learned of them is a function of the examples topic too. A sighting has its
payload in the field that its type names; the member stands in it by pseudonym, as in an example.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from features.table import (
    ACTIVITY,
    COUPONS,
    DAY_WINDOW,
    FEEDBACKS,
    HOUR_WINDOW,
    LOGINS,
    MEASURES,
    MISCONDUCTS,
    MONTH_WINDOW,
    PURCHASES,
    QUARTER_WINDOW,
    REDEMPTIONS,
    REFERRALS,
    REFUNDS,
    REVIEWS,
    SHARES,
    SPEND,
    WEEK_WINDOW,
    WINDOWS,
)

BASKET_TYPE = "loyalty.example.basket"
OPINION_TYPE = "loyalty.example.opinion"
CONDUCT_TYPE = "loyalty.example.conduct"
OCCASION_TYPE = "loyalty.example.occasion"

MAX_BASKET_ITEMS = 200
"""Lines of an order beyond this are left out: a wholesaler's order must not be a problem for the trainer."""

MAX_OPINION_CHARACTERS = 2_000
"""What follows is left out: nobody's mood is first found on the third page."""

CONDUCT_SUMS: Final[tuple[tuple[int, int], ...]] = (
    (ACTIVITY, HOUR_WINDOW),
    (ACTIVITY, DAY_WINDOW),
    (ACTIVITY, WEEK_WINDOW),
    (PURCHASES, DAY_WINDOW),
    (PURCHASES, MONTH_WINDOW),
    (SPEND, MONTH_WINDOW),
    (REFUNDS, MONTH_WINDOW),
    (REVIEWS, DAY_WINDOW),
    (SHARES, DAY_WINDOW),
    (REFERRALS, WEEK_WINDOW),
    (LOGINS, DAY_WINDOW),
    (FEEDBACKS, WEEK_WINDOW),
    (COUPONS, WEEK_WINDOW),
    (REDEMPTIONS, WEEK_WINDOW),
    (MISCONDUCTS, QUARTER_WINDOW),
)
"""The rates that conduct is judged by: measure and window of each."""

CONDUCT_NAMES: Final = tuple(f"{MEASURES[measure].name}_{WINDOWS[window].name}" for measure, window in CONDUCT_SUMS)

CONDUCT_TABLE = blake2b(",".join(CONDUCT_NAMES).encode(), digest_size=4, person=b"ts-conduct").hexdigest()
"""Mark of the rates in use: sums mean something only beside it."""


class BasketLine(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An item that was bought, and its category where the shop names one."""

    item_id: str
    category: str | None = None


class Basket(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a member bought at once; `tier` is the one held at that moment. An item stands in it once."""

    member: str
    time_ms: int
    tier: str
    lines: tuple[BasketLine, ...]


class Opinion(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A review or an answer on satisfaction: 1 to 5 stars, and words. `about` is the item or subject."""

    member: str
    time_ms: int
    kind: Literal["review", "feedback"]
    stars: int
    text: str
    helpful_votes: int = 0
    about: str | None = None


class Conduct(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """How busy a member has been: `sums` in the order of `CONDUCT_SUMS`, whose mark is `table`.

    `pardoned`: an operator has just released what was held.
    """

    member: str
    time_ms: int
    table: str
    sums: tuple[int, ...]
    joined_ms: int
    pending_points: int
    pardoned: bool = False


class Occasion(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A prediction moment at which a member could be offered one of the campaigns `offers`.

    `time_ms` is the `predicted_at_ms` of the outcome that will tell what came of it. `purchases` are all so far.
    `held_out`: whether the member is in the hold-out, and so will not be offered any.
    """

    member: str
    time_ms: int
    tier: str
    purchases: int
    offers: tuple[str, ...]
    held_out: bool = False


Seen = Basket | Opinion | Conduct | Occasion


class _Sighting(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Place of a sighting in the log; `number` runs through examples and sightings of a source partition alike."""

    partition: int
    number: int
    log_time_ms: int


class BasketSighting(_Sighting, frozen=True, gc=False, kw_only=True):
    """A basket with its place in the log."""

    basket: Basket


class OpinionSighting(_Sighting, frozen=True, gc=False, kw_only=True):
    """An opinion with its place in the log."""

    opinion: Opinion


class ConductSighting(_Sighting, frozen=True, gc=False, kw_only=True):
    """A member's conduct with its place in the log."""

    conduct: Conduct


class OccasionSighting(_Sighting, frozen=True, gc=False, kw_only=True):
    """An occasion for an offer with its place in the log."""

    occasion: Occasion


Sighting = BasketSighting | OpinionSighting | ConductSighting | OccasionSighting


class BasketEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=BASKET_TYPE):
    """A basket on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: BasketSighting


class OpinionEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=OPINION_TYPE):
    """An opinion on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: OpinionSighting


class ConductEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=CONDUCT_TYPE):
    """A member's conduct on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: ConductSighting


class OccasionEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=OCCASION_TYPE):
    """An occasion for an offer on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: OccasionSighting


SightingEvent = BasketEvent | OpinionEvent | ConductEvent | OccasionEvent


def sighting_of(seen: Seen, partition: int, number: int, log_time_ms: int) -> Sighting:
    """Give a payload its place in the log."""
    match seen:
        case Basket():
            return BasketSighting(partition=partition, number=number, log_time_ms=log_time_ms, basket=seen)
        case Opinion():
            return OpinionSighting(partition=partition, number=number, log_time_ms=log_time_ms, opinion=seen)
        case Conduct():
            return ConductSighting(partition=partition, number=number, log_time_ms=log_time_ms, conduct=seen)
        case Occasion():
            return OccasionSighting(partition=partition, number=number, log_time_ms=log_time_ms, occasion=seen)


def event_of(sighting: Sighting) -> SightingEvent:
    """A sighting as it is sent.

    Example:
        >>> seen = Basket(member="cc46", time_ms=5, tier="gold", lines=(BasketLine("p-9", "dairy"),))
        >>> event = event_of(sighting_of(seen, partition=3, number=7, log_time_ms=9))
        >>> event.id, event.data.basket.lines[0].category
        ('example-3-7', 'dairy')
    """
    name = f"example-{sighting.partition}-{sighting.number}"
    match sighting:
        case BasketSighting(basket=basket):
            return BasketEvent(id=name, subject=basket.member, data=sighting)
        case OpinionSighting(opinion=opinion):
            return OpinionEvent(id=name, subject=opinion.member, data=sighting)
        case ConductSighting(conduct=conduct):
            return ConductEvent(id=name, subject=conduct.member, data=sighting)
        case OccasionSighting(occasion=occasion):
            return OccasionEvent(id=name, subject=occasion.member, data=sighting)


def conduct_sums(total: Callable[[int, int], int]) -> tuple[int, ...]:
    """The sums of `CONDUCT_SUMS`, each from `total(measure, window)`."""
    return tuple([total(measure, window) for measure, window in CONDUCT_SUMS])
