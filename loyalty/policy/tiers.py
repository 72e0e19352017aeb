"""Policy sections on tiers: ladder, qualification, cycle."""

from typing import Annotated, Literal

import msgspec

from loyalty.policy.fields import Days, FactorBp, Label, Name, Positive, Section, ShareBp, Units

Basis = Literal["score", "spend", "earned_points", "qualifying_points", "visits", "months"]
Window = Literal["calendar_year", "anniversary", "rolling_months", "lifetime"]
Downgrade = Literal["one_down", "balance_based", "to_base"]


class Tier(Section, frozen=True):
    """A step of the ladder. `threshold` is on the scale of the basis; the first tier's is 0."""

    id: Name
    threshold: Units
    multiplier_bp: FactorBp = 10_000
    benefits: tuple[Label, ...] = ()


class ScoreTerm(Section, frozen=True):
    """`weight` score points for each `per` of a measure in the qualification window, at most for `cap` of it.

    The contribution is `weight * min(x, cap) * learned_bp // (per * 10_000)`; without `per`, `per` is the cap, so that
    `weight` is the most that the term can give. `measure` is one of `features.table`, or `earned_points`,
    `qualifying_points`, `active_months`.
    """

    measure: Name
    weight: Annotated[int, msgspec.Meta(ge=1, le=10**9)]
    per: Positive | None = None
    cap: Positive | None = None
    learned: bool = True


class Tiers(Section, frozen=True):
    """The ladder and how a member moves on it.

    `basis`: what is counted; `spend` in minor units, `visits` in purchases, `months` in local months with a purchase.
    `window`: over the local calendar year, the member's own year from one `anniversary` of joining to the next, over
    the last `window_months` local months, or for life. A tier that is reached is held to the end of the period (year,
    or month) that lies `valid_periods` after; then `downgrade` says where a member goes who has not reached it again:
    one tier down, to what the last period's value supports, or to the base. `hold_bp` (hysteresis): a member holds the
    tier for another cycle with this share of its threshold, though reaching it takes all of it. `grace_days`: the
    downgrade waits this long. `warn_days`: a warning comes this long before the end (0: none).
    """

    ladder: tuple[Tier, ...]
    basis: Basis = "score"
    window: Window = "calendar_year"
    window_months: Annotated[int, msgspec.Meta(ge=1, le=36)] = 12
    valid_periods: Annotated[int, msgspec.Meta(ge=0, le=60)] = 1
    downgrade: Downgrade = "one_down"
    hold_bp: ShareBp = 10_000
    grace_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 0
    warn_days: Days = 30
    score: tuple[ScoreTerm, ...] = ()
