"""What the trainer says of offers: each choice with its chances, and at the end of an epoch what each is worth."""

import msgspec


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What a member is offered at a moment, `offer`, empty for nothing.

    `chances_bp` are those of nothing (the empty name) and of each offer that the member could have been made, in the
    member's `segment`. `time_ms` is the `predicted_at_ms` of the outcome that tells what came of it.
    """

    member: str
    partition: int
    time_ms: int
    segment: str
    chances_bp: tuple[tuple[str, int], ...]
    offer: str


class OfferFigures(msgspec.Struct, frozen=True, kw_only=True):
    """An offer against the hold-out, so far.

    `made` to members, `settled` of these by an outcome, of which `taken` added points to an award, `added_points` in
    all; `held_out` members could have had it. `spend_milli` (thousandths of a minor unit), `points_milli` and
    `value_milli` are what it adds to a member's spend, points and value in the horizon, each with its standard error,
    weighted by inverse propensity; they mean something only where `is_known`. `is_on`: not given up.
    """

    offer: str
    is_on: bool
    made: int
    settled: int
    taken: int
    held_out: int
    added_points: int
    is_known: bool
    spend_milli: tuple[int, int]
    points_milli: tuple[int, int]
    value_milli: tuple[int, int]


class OffersJudged(msgspec.Struct, frozen=True, kw_only=True):
    """All offers at the end of an epoch, and by segment the chances from here on: of nothing, and of each offer.

    `measured_share_bp`: share of members whose outcomes are looked at, less than one where there are too many.
    """

    measured_share_bp: int
    offers: tuple[OfferFigures, ...]
    segments: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
