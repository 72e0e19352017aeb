"""With which chance each of several choices is made: as likely as it is the best, and none below a floor.

Probability matching (Thompson 1933, "On the likelihood that one unknown probability exceeds another", Biometrika 25) on
normal beliefs, by quadrature instead of a draw of each: so the chances are known as whole basis points, add up to one,
and the one draw that is made has exactly them. That is what makes an estimate by inverse propensity right.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import erf, exp, pi, sqrt
from typing import NamedTuple

_BP = 10_000

# Points of the quadrature, over so many standard deviations to either side.
_POINTS = 64
_REACH = 5.0


class Belief(NamedTuple):
    """What a choice is worth, more than choosing nothing: normal, with this mean and deviation."""

    mean: float
    deviation: float


def chances_bp(beliefs: Sequence[Belief | None], explore_bp: int) -> tuple[int, ...]:
    """The chance of nothing, and of each choice: in all one. None is a choice of which nothing is known yet.

    A choice of which nothing is known is as likely as an even share; the others and nothing divide the rest.

    Example:
        >>> chances_bp([None, None, None], explore_bp=1_000)
        (2500, 2500, 2500, 2500)
        >>> chances_bp([Belief(900.0, 10.0), Belief(-900.0, 10.0)], explore_bp=1_200)
        (400, 9200, 400)
        >>> sum(chances_bp([Belief(3.0, 5.0), Belief(2.0, 9.0), None], explore_bp=500))
        10000
    """
    number = len(beliefs) + 1
    known = [belief for belief in beliefs if belief is not None]
    likely = iter(_likely_best(known))
    nothing = next(likely)
    share = (len(known) + 1) / number
    best = [nothing * share, *(1 / number if belief is None else next(likely) * share for belief in beliefs)]
    floor_bp = explore_bp // number
    chances = [floor_bp + int((_BP - floor_bp * number) * each) for each in best]
    chances[max(range(number), key=chances.__getitem__)] += _BP - sum(chances)
    return tuple(chances)


def drawn(chances: Sequence[int], seed: str) -> int:
    """Which of the choices is made, from 0, by hash of `seed`.

    Example:
        >>> [drawn((5_000, 5_000), f"{number}/cc46") for number in range(8)]
        [0, 0, 1, 0, 0, 0, 1, 0]
    """
    digest = blake2b(seed.encode(), digest_size=8, person=b"ts-offer").digest()
    point = int.from_bytes(digest, "big") % _BP
    for place, chance in enumerate(chances):
        point -= chance
        if point < 0:
            return place
    raise ValueError(f"chances {tuple(chances)} do not add up to {_BP}")


def _likely_best(beliefs: Sequence[Belief]) -> list[float]:
    """How likely nothing, and each of the choices, is the best of them all; scaled to add up to one."""
    nothing = 1.0
    for belief in beliefs:
        nothing *= _below(belief, 0.0)
    likely = [nothing, *(_likely(beliefs, place) for place in range(len(beliefs)))]
    total = sum(likely)
    return [each / total for each in likely] if total > 0.0 else [1.0, *(0.0 for _ in beliefs)]


def _likely(beliefs: Sequence[Belief], place: int) -> float:
    """How likely this choice is worth more than nothing and than all others."""
    mean, deviation = beliefs[place]
    step = 2.0 * _REACH / _POINTS
    total = 0.0
    for number in range(_POINTS):
        away = (number + 0.5) * step - _REACH
        value = mean + away * deviation
        if value > 0.0:
            weight = exp(-0.5 * away * away) / sqrt(2.0 * pi) * step
            for other, belief in enumerate(beliefs):
                if other != place:
                    weight *= _below(belief, value)
            total += weight
    return total


def _below(belief: Belief, value: float) -> float:
    """How likely a choice is worth less than `value`."""
    deviation = max(belief.deviation, 1e-9)
    return 0.5 * (1.0 + erf((value - belief.mean) / (deviation * sqrt(2.0))))
