"""Award arithmetic: an exact product of integers, rounded once, by a named rule."""

from typing import assert_never

from loyalty.decisions import Factors
from loyalty.policy.fields import BP
from loyalty.policy.programme import Rounding

_BP3 = BP * BP * BP


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """`numerator / denominator` for a numerator of at least 0, rounded.

    `half_even`: to the nearest, and from the middle to the even one (IEEE 754, section 4.3.1), so that roundings do not
    add up in anyone's favour. `floor`: down.

    Example:
        >>> [divide(n, 2, "half_even") for n in (1, 3, 5)], [divide(n, 2, "floor") for n in (1, 3, 5)]
        ([0, 2, 2], [0, 1, 2])
    """
    quotient, rest = divmod(numerator, denominator)
    match rounding:
        case "floor":
            return quotient
        case "half_even":
            twice = rest + rest
            return quotient + (twice > denominator or (twice == denominator and quotient & 1))
        case _:
            assert_never(rounding)


def award(base: int, per: int, factors_bp: tuple[int, int, int], rounding: Rounding) -> int:
    """`base / per` times three factors in basis points (learned weight, tier, campaign), rounded once at the end.

    Example:
        >>> award(2599, 100, (10_000, 12_500, 20_000), "half_even")  # 25.99 x 1.25 x 2 = 64.975
        65
    """
    weight_bp, tier_bp, campaign_bp = factors_bp
    return divide(base * weight_bp * tier_bp * campaign_bp, per * _BP3, rounding)


def remaining(granted: int, eligible: int, refunded: int) -> int:
    """What of a grant is left when `refunded` of its `eligible` amount was given back: in proportion, `half_even`.

    Taken over all refunds so far and not one by one, so that many small refunds take exactly what one large one does.

    Example:
        >>> remaining(65, 2599, 0), remaining(65, 2599, 1299), remaining(65, 2599, 2599)
        (65, 33, 0)
    """
    return divide(granted * (eligible - refunded), eligible, "half_even")


def unweighted(factors: Factors) -> int:
    """What an award would have been without the learned weight and before caps: what issuance is measured in.

    A campaign's bonus is no part of it, since no weight multiplies it.

    Example:
        >>> unweighted(Factors(2599, 1, 100, 9_000, 12_500, 10_000, desired=29, granted=29, rounding="floor"))
        32
    """
    static_bp = (BP, factors.tier_bp, factors.campaign_bp)
    return award(factors.eligible * factors.points, factors.per, static_bp, factors.rounding)
