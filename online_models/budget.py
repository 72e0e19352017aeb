"""Projection of wished-for weights onto what they are allowed to be: the band, the step, and the budget.

All integers. The budget is the rule that a weight goes up only as others go down: with `shares` in proportion to what
the static rule issues for each part, the sum of share x weight may not grow over share x 10,000. Where wishes ask for
more or less, the same amount is taken off or put on every weight, as far as its limits allow: the closest point to the
wishes, in the sense of least squares, that keeps the limits and the sum (a bounded knapsack of one constraint).
"""

from collections.abc import Sequence
from typing import NamedTuple

from loyalty.policy.fields import BP

# Less than this is no reason to move: weights stop where noise would only make them tremble.
DEAD_BAND_BP = 200


class Limits(NamedTuple):
    """Least and most that one weight may become."""

    low_bp: int
    high_bp: int


def limits_of(current_bp: int, low_bp: int, high_bp: int, step_bp: int) -> Limits:
    """What a weight may become in one epoch.

    Example:
        >>> limits_of(10_000, 5_000, 20_000, 500)
        Limits(low_bp=9500, high_bp=10500)
        >>> limits_of(19_900, 5_000, 20_000, 500)
        Limits(low_bp=19400, high_bp=20000)
    """
    return Limits(max(low_bp, min(current_bp, high_bp) - step_bp), min(high_bp, max(current_bp, low_bp) + step_bp))


def is_settled(current_bp: Sequence[int], next_bp: Sequence[int]) -> bool:
    """Whether no weight would move by as much as `DEAD_BAND_BP`.

    Example:
        >>> is_settled([10_500, 9_500], [10_400, 9_600]), is_settled([10_500, 9_500], [10_700, 9_400])
        (True, False)
    """
    return all(abs(after - before) < DEAD_BAND_BP for before, after in zip(current_bp, next_bp, strict=True))


def project(
    wishes_bp: Sequence[int], shares: Sequence[int], limits: Sequence[Limits], budget: int | None = None
) -> tuple[int, ...]:
    """The weights nearest to `wishes_bp` within `limits` that issue no more than `budget`, and hardly less.

    `shares` are the points that the static rule issues for each part, in any unit; `budget` is in that unit times basis
    points, by default what the static rule issues for these parts. Where the limits leave no room to meet the budget,
    the weights that come nearest to it are the answer: each as low, or as high, as it may go.

    Example:
        >>> project([12_000, 10_000], [100, 300], [Limits(9_500, 10_500), Limits(9_500, 10_500)])
        (10500, 9833)
    """
    if budget is None:
        budget = BP * sum(shares)

    def shifted(by_bp: int) -> tuple[int, ...]:
        return tuple(
            min(limit.high_bp, max(limit.low_bp, wish + by_bp)) for wish, limit in zip(wishes_bp, limits, strict=True)
        )

    reach = max((abs(wish) + limit.high_bp for wish, limit in zip(wishes_bp, limits, strict=True)), default=0)
    low, high = -reach, reach
    while low < high:  # the largest shift that keeps the budget
        middle = (low + high + 1) // 2
        if issued(shares, shifted(middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    return shifted(low)


def issued(shares: Sequence[int], weights_bp: Sequence[int]) -> int:
    """What is issued under these weights, in the unit of `shares` times basis points."""
    return sum(share * weight for share, weight in zip(shares, weights_bp, strict=True))
