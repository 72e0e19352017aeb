"""Ways that outstanding points may go, month by month: the expected one, or a thousand that chance might take."""

from math import log1p
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from loyalty.liability import INACTIVITY
from online_models.redemption import Chances, RedemptionRates, life_of

Runs = NDArray[np.float64]
"""One number for each of the ways."""

_SEED: Final = 15  # any would do, if it stays the same
_OVERDUE: Final = Chances(0.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Moment(NamedTuple):
    """A moment within a month: the share of it that has gone by, from 0 to 1."""

    month: int
    elapsed: float

    def to_come(self, month: int) -> float:
        """How much of a month is still to come."""
        return 1.0 - self.elapsed if month == self.month else 1.0


class Luck:
    """What chance does to expectations: nothing on the one way of `runs = 1`.

    Otherwise every way draws how far the chances are off that were learned, in all and for each number of months left,
    and how good each month is; and each month of each cohort the chance of single redemptions.
    """

    def __init__(self, rates: RedemptionRates, runs: int) -> None:
        self.runs = runs
        self._rates = rates
        self._random = np.random.default_rng(_SEED)
        self._shock = log1p(rates.shock) ** 0.5
        self._level = self._normal() * self._shock / max(1.0, rates.months) ** 0.5
        self._unseen = self._normal()
        self._months: dict[int, Runs] = {}
        self._lives: dict[int, Runs] = {}

    def _normal(self) -> Runs:
        """A standard normal draw for each way."""
        return self._random.normal(0.0, 1.0, self.runs) if self.runs > 1 else np.zeros(1)

    def factor(self, cohort: int, month: int, chances: Chances) -> Runs:
        """How many times what is expected is redeemed of a cohort in a month; the same for what is alike."""
        life = life_of(cohort, month)
        if life not in self._lives:
            self._lives[life] = self._normal()
        if month not in self._months:
            self._months[month] = self._normal() * self._shock
        own = self._lives[life] * chances.error + self._unseen * chances.unseen
        factor: Runs = np.exp(self._level + self._months[month] + own)
        return factor

    def scatter(self, points: Runs) -> Runs:
        """What single redemptions make of so many points that are expected of them: variance is mean by dispersion."""
        return np.maximum(0.0, points + self._normal() * np.sqrt(points * self._rates.dispersion))


class Path(NamedTuple):
    """What becomes of a cohort, in points by month.

    Of `exposure`, in points times months, `believed` rest on what was seen at the same time before expiry.
    """

    redeemed: list[Runs]
    expired: list[Runs]
    taken: list[Runs]
    believed: float
    exposure: float


def walk(rates: RedemptionRates, luck: Luck, held: tuple[int, int], now: Moment, months: int) -> Path:
    """Lead a cohort and its points, `held`, through the months from `now` on."""
    cohort, points = held
    path = Path([], [], [], 0.0, 0.0)
    left = np.full(luck.runs, float(points))
    believed = exposure = 0.0
    for month in range(now.month, now.month + months):
        # One whose date has passed waits for its entry: nothing is redeemed of it any more.
        chances = _OVERDUE if cohort < month else rates.chances(cohort, month)
        share = now.to_come(month)
        wanted = left * chances.redeemed * share * luck.factor(cohort, month, chances)
        redeemed = np.minimum(left, luck.scatter(wanted))
        taken = np.minimum(left - redeemed, left * chances.taken * share)
        if cohort == INACTIVITY:
            expired = np.minimum(left - redeemed - taken, left * chances.expired * share)
        else:
            expired = left - redeemed - taken if cohort <= month else np.zeros_like(left)
        exposure += share * float(left.mean())
        believed += share * float(left.mean()) * chances.credibility
        left = left - redeemed - taken - expired
        path.redeemed.append(redeemed)
        path.taken.append(taken)
        path.expired.append(expired)
    return path._replace(believed=believed, exposure=exposure)
