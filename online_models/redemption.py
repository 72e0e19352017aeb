"""How fast points are redeemed, by the months that are left until they expire: a life table of points.

A point that was issued ends in one of three ways: redeemed, taken back, or expired unused at its date, which is
*breakage*. For each number of months left there is a chance to be redeemed within the month and a chance to be taken
back, estimated as in a life table with late entries and withdrawals (the actuarial estimate: Cutler and Ederer 1958;
Kaplan and Meier 1958): what happened, over what was there as the month began and half of what came in or moved away
during it. What is still there is censored: it counts for the months it has seen.

The axis is time left, not age: a lot holds all points of a member that expire together, and the ledger does not say
which of them was spent, but it says exactly when what was spent would have expired.

Where few redemptions were seen the chance leans towards that of all months together, as empirical credibility has it
(Buehlmann and Straub 1970): the more, the less the chances of different months differ beyond what luck explains.
"""

from collections.abc import Iterable
from math import log1p, sqrt
from typing import Final, NamedTuple

import msgspec

from loyalty.cohorts import CohortMonth
from loyalty.liability import UNDATED

# What a month still counts a year later: habits change, and those of a programme's first months are not typical.
_HALF_LIFE_MONTHS: Final = 12

# How far chances are off the common one, and months off what is expected of them, where nothing was seen yet (relative
# standard deviations); and how many observations such a guess is worth.
_CHANCES_DIFFER: Final = 0.7
_MONTHS_DIFFER: Final = 0.3
_PRIOR_WORTH: Final = 2

# Standard deviation of the logarithm of a chance that nobody has seen around the common one: points are redeemed at
# another pace shortly before they expire than when they are new, and the one does not tell the other.
_UNSEEN: Final = 1.2

# With so many entries that take points back, what they took counts as much as what was taken in all months.
_TAKINGS: Final = 100


def life_of(cohort: int, month: int) -> int:
    """What a chance goes by: the months left after this one, or the cohort where it has no date."""
    return max(0, cohort - month) if cohort < UNDATED else cohort


def there(seen: CohortMonth) -> float:
    """What was there to be redeemed in a month: what it began with, and half of what came in or moved away."""
    return max(0.0, seen.opening + (seen.flow.issued + seen.flow.moved) / 2)


class Exposure(msgspec.Struct):
    """What was there to be redeemed, in points times months, and what became of it."""

    points: float = 0.0
    redeemed: float = 0.0
    taken: float = 0.0
    expired: float = 0.0
    takings: float = 0.0

    def add(self, seen: CohortMonth, share: float, weight: float) -> None:
        """Take in a month of which `share` has gone by; it counts for `weight`."""
        flow = seen.flow
        self.points += weight * share * there(seen)
        self.redeemed += weight * flow.redeemed
        self.taken += weight * flow.taken
        self.takings += weight * flow.takings
        self.expired += weight * flow.expired


class Chances(NamedTuple):
    """What becomes of a point within a month: its chances, in this order, and what is known of the first of them.

    `expired` is for points that expire by inactivity alone; those with a date expire at it. `credibility`: from 0 to 1.
    The standard errors of the logarithm of `redeemed`: `error`, different for each number of months left, and `unseen`,
    the same for all, as far as nothing was seen of this number of months.
    """

    redeemed: float
    taken: float
    expired: float
    credibility: float
    error: float
    unseen: float


class RedemptionRates:
    """The life table, from the months of all cohorts.

    `redemptions`: how many there were. `dispersion`: the points of a redemption, larger ones counting for more, which
    is the variance of a total over its mean. `shock`: relative variance of a month's total around what is expected of
    it, and `months` how many months it was seen in, those that count less as parts of one.
    """

    def __init__(self, seen: Iterable[CohortMonth], now: int, elapsed: float) -> None:
        """Learn from what was seen; of the month `now` the share `elapsed` has gone by."""
        self._lives: dict[int, Exposure] = {}
        self._all = Exposure()
        self.redemptions = points = squares = 0
        by_month: dict[int, list[CohortMonth]] = {}
        for one in seen:
            share = elapsed if one.month == now else 1.0
            weight = _weight(now - one.month)
            self._lives.setdefault(life_of(one.cohort, one.month), Exposure()).add(one, share, weight)
            self._all.add(one, share, weight)
            self.redemptions += one.flow.redemptions
            points += one.flow.redeemed
            squares += one.flow.redeemed_squares
            if one.month < now:
                by_month.setdefault(one.month, []).append(one)
        self.dispersion = squares / max(1, points)
        self._common = _ratio(self._all.redeemed, self._all.points)
        lives = ((life.redeemed, life.points * self._common, 1.0) for life in self._lives.values())
        self._differ, _ = self._variance(_CHANCES_DIFFER, lives)
        totals = (
            (sum(one.flow.redeemed for one in ones), sum(self._expected(one) for one in ones), _weight(now - month))
            for month, ones in by_month.items()
        )
        self.shock, self.months = self._variance(_MONTHS_DIFFER, totals)

    def chances(self, cohort: int, month: int) -> Chances:
        """What is expected of a cohort's points in a month."""
        life, every = self._lives.get(life_of(cohort, month), Exposure()), self._all
        expected = life.points * self._common
        believed = expected / (expected + self.dispersion / self._differ) if expected else 0.0
        redeemed = _mix(believed, _ratio(life.redeemed, life.points), self._common)
        taken_believed = life.takings / (life.takings + _TAKINGS)
        taken = _mix(taken_believed, _ratio(life.taken, life.points), _ratio(every.taken, every.points))
        expired = _ratio(life.expired, life.points)
        spread = sqrt(log1p(self._differ))
        error, unseen = sqrt(believed * (1.0 - believed)) * spread, (1.0 - believed) ** 2 * _UNSEEN
        return Chances(redeemed, taken, expired, believed, error, unseen)

    def _variance(self, prior: float, seen: Iterable[tuple[float, float, float]]) -> tuple[float, float]:
        """Relative variance of what was redeemed around what is expected of it, beside the luck of single redemptions.

        What is seen are the points redeemed, those expected, and a weight; more expected points count for more. It is
        the posterior mode of a normal variance under a conjugate prior, so that little history gives a wide answer.
        Also returns how many equal ones those seen are worth (Kish 1965).
        """
        weights = squares = variance = 0.0
        for redeemed, expected, weight in seen:
            if expected > self.dispersion > 0.0:
                own = weight * expected
                weights += own
                squares += own * own
                variance += own * max(0.0, (redeemed / expected - 1.0) ** 2 - self.dispersion / expected)
        count = weights * weights / squares if squares else 0.0
        mean = variance / weights if weights else 0.0
        return (_PRIOR_WORTH * prior * prior + count * mean) / (_PRIOR_WORTH + count), count

    def _expected(self, one: CohortMonth) -> float:
        return there(one) * self.chances(one.cohort, one.month).redeemed


def _weight(months_ago: int) -> float:
    return float(0.5 ** (months_ago / _HALF_LIFE_MONTHS))


def _ratio(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part) / whole) if whole > 0.0 else 0.0


def _mix(believed: float, own: float, common: float) -> float:
    return believed * own + (1.0 - believed) * common
