"""The breakage forecast: of the points outstanding now, how many will be redeemed and how many expire unused, and when.

Only points that are there now are forecast, as accounting asks; what members will still earn comes behind them, since
debits take the earliest-expiring lot first. Each cohort is led month by month through the life table
(`online_models.redemption`) to its end. What is not decided by the horizon is left: points that never expire are never
breakage.

The numbers add up to what is outstanding, exactly. Their intervals hold nine times in ten, by simulation: chances that
were learned too high or too low, months that are better or worse for all cohorts together, and the chance of single
redemptions (an over-dispersed Poisson model, as England and Verrall 2002 simulate the chain ladder).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np

from loyalty.cohorts import apportion, cohort_months, outstanding
from loyalty.liability import INACTIVITY, NEVER, UNDATED, Flows
from online_models.breakage_paths import Luck, Moment, Path, Runs, walk
from online_models.redemption import RedemptionRates

Evidence = Literal["none", "thin", "enough"]

LONGEST: Final = 120
"""The longest horizon, in months."""

_SHORTEST: Final = 12  # how far points without a date are looked at, where no date lies further ahead
_RUNS: Final = 1_000
_LOW, _HIGH = 0.05, 0.95
_PARTS: Final = 10**9
_BP: Final = 10_000
_THIN_BP: Final = 6_667


class Estimate(msgspec.Struct, frozen=True):
    """A number of points, and the interval that holds it nine times in ten."""

    points: int
    low: int
    high: int


class Fates(msgspec.Struct, frozen=True):
    """What becomes of points within a time: redeemed, expired unused, or taken back; `left` is there at its end."""

    redeemed: Estimate
    breakage: Estimate
    taken_back: int
    left: int


class Forecast(msgspec.Struct, frozen=True):
    """The forecast of `outstanding` points: in all up to the horizon, and for each month from `month` on.

    `evidence`: `none` where nobody has redeemed yet, so that all that has a date is breakage, which may be quite wrong;
    `thin` where less than two thirds rest on what was seen as long before expiry; `credibility_bp` is that share.
    """

    month: int
    outstanding: int
    evidence: Evidence
    credibility_bp: int
    total: Fates
    months: list[Fates]


def forecast(flows: Flows, now: Moment, horizon: int | None = None) -> Forecast:
    """Forecast what is outstanding at a moment, from what had happened by then.

    Args:
        flows: The flows of the liability book; what lies behind the moment's month is not looked at.
        now: The moment. Where nothing of its month has gone by, nothing of the month is known.
        horizon: Months to look ahead, this one included; None for as many as it takes until everything has expired.
    """
    known = now.month + (now.elapsed > 0.0)
    held = _held(outstanding(flows, known))
    rates = RedemptionRates(cohort_months(flows, known), now.month, now.elapsed)
    months = min(LONGEST, _horizon(held, now.month) if horizon is None else horizon)
    sure = Luck(rates, 1)
    paths = [walk(rates, sure, each, now, months) for each in held.items()]
    luck = Luck(rates, _RUNS)
    ways = [walk(rates, luck, each, now, months) for each in held.items()]
    whole = [_whole(points, path) for points, path in zip(held.values(), paths, strict=True)]
    ends = [_Ends(*(sum(cohort[at][end] for cohort in whole) for end in range(3))) for at in range(months)]
    credibility_bp = _credibility_bp(paths) if rates.redemptions else 0
    evidence: Evidence = "enough" if credibility_bp >= _THIN_BP else "thin"
    points = sum(held.values())
    bounds = _Bounds(ways, points, known=bool(rates.redemptions))
    return Forecast(
        month=now.month,
        outstanding=points,
        evidence=evidence if rates.redemptions else "none",
        credibility_bp=credibility_bp,
        total=_fates(ends, points, bounds, range(months)),
        months=list(_by_month(ends, points, bounds)),
    )


class _Ends(NamedTuple):
    """How many points end in which way."""

    redeemed: int
    expired: int
    taken: int


class _Bounds(NamedTuple):
    """What intervals are taken from."""

    ways: Sequence[Path]
    most: int
    known: bool

    def around(self, points: int, parts: Iterable[Runs]) -> Estimate:
        """The interval around so many points; from nothing to all there is, where nothing is known."""
        if not self.known:
            return Estimate(points, 0, self.most)
        low, high = np.quantile(sum(parts, np.zeros(_RUNS)), (_LOW, _HIGH))
        return Estimate(points, min(points, round(low)), min(self.most, max(points, round(high))))


def _fates(ends: Sequence[_Ends], before: int, bounds: _Bounds, months: range) -> Fates:
    """What becomes, in some of the months, of what is there before them."""
    here = [ends[at] for at in months]
    redeemed, expired = sum(month.redeemed for month in here), sum(month.expired for month in here)
    taken = sum(month.taken for month in here)
    return Fates(
        redeemed=bounds.around(redeemed, (way.redeemed[at] for way in bounds.ways for at in months)),
        breakage=bounds.around(expired, (way.expired[at] for way in bounds.ways for at in months)),
        taken_back=taken,
        left=before - redeemed - expired - taken,
    )


def _by_month(ends: Sequence[_Ends], points: int, bounds: _Bounds) -> Iterator[Fates]:
    left = points
    for at in range(len(ends)):
        fates = _fates(ends, left, bounds, range(at, at + 1))
        left = fates.left
        yield fates


def _whole(points: int, path: Path) -> list[_Ends]:
    """The expected path in whole points that add up."""
    shares = [round(_PARTS * float(part[0]) / points) for part in (*path.redeemed, *path.expired, *path.taken)]
    parts = apportion(points, [*shares, max(0, _PARTS - sum(shares))])
    months = len(path.redeemed)
    return [_Ends(parts[at], parts[months + at], parts[2 * months + at]) for at in range(months)]


def _credibility_bp(paths: Sequence[Path]) -> int:
    exposure = sum(path.exposure for path in paths)
    return round(_BP * sum(path.believed for path in paths) / exposure) if exposure else 0


def _held(cohorts: Mapping[int, int]) -> dict[int, int]:
    """What there is to forecast. Pending points without a date go the way of the active ones without one.

    A cohort that owes, since the entry that brings its points is late, has nothing to forecast.
    """
    held = {cohort: points for cohort, points in cohorts.items() if points > 0}
    pending = held.pop(UNDATED, 0)
    if pending:
        parts = apportion(pending, [held.get(INACTIVITY, 0), held.get(NEVER, 0)])
        for cohort, points in zip((INACTIVITY, NEVER), parts, strict=True):
            if points:
                held[cohort] = held.get(cohort, 0) + points
    return held


def _horizon(held: Mapping[int, int], month: int) -> int:
    last = max((cohort for cohort in held if cohort < UNDATED), default=month)
    return max(_SHORTEST, last - month + 1)
