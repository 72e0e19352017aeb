"""Figures of merit over selected rows, and their intervals by resampling members.

Rows of one member overlap and are not independent, so a resample draws whole members with all their rows (bootstrap by
cluster). An interval holds the middle 95% of the resamples.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from scipy.stats import rankdata

from benchmarks.evaluation.rows import Floats, Ints

TierFigure = Callable[[Floats, Floats], float]

Figure = Callable[[Ints], float]
"""A figure over the rows with these indices, some perhaps several times."""

# Four tiers of next-month spend.
TIERS = 4

_SEED = 20_170_101
_MIDDLE = (2.5, 97.5)
_LEAST_CHANCE = 1e-6


class Interval(msgspec.Struct, frozen=True):
    """A figure with the interval that holds the middle 95% of its resamples."""

    value: float
    low: float
    high: float


def mean_absolute_error(forecast: Floats, realised: Floats) -> float:
    """Mean absolute error."""
    return float(np.abs(forecast - realised).mean())


def rank_correlation(forecast: Floats, realised: Floats) -> float:
    """Spearman's, ties at their mean rank; 0 where one of the two does not vary.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 9.0]), np.array([10.0, 20.0, 30.0]))
        1.0
    """
    left, right = rankdata(forecast), rankdata(realised)
    left, right = left - left.mean(), right - right.mean()
    spread = float(np.sqrt((left * left).sum() * (right * right).sum()))
    return float((left * right).sum()) / spread if spread > 0 else 0.0


def area_under_curve(chance: Floats, happened: Floats) -> float:
    """Area under the receiver operating characteristic; a half where all outcomes are alike.

    Example:
        >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.75
    """
    positive = float(happened.sum())
    negative = len(happened) - positive
    if not positive or not negative:
        return 0.5
    above = float(rankdata(chance)[happened > 0].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


def log_loss(chance: Floats, happened: Floats) -> float:
    """Mean minus logarithm of the chance given to what came to pass."""
    chance = np.clip(chance, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return float(-np.where(happened > 0, np.log(chance), np.log1p(-chance)).mean())


def kappa(tier: Floats, realised: Floats) -> float:
    """Cohen's kappa with quadratic weights; 0 where all tiers are alike.

    Example:
        >>> kappa(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
        1.0
    """
    differences = np.subtract.outer(np.arange(TIERS), np.arange(TIERS)) ** 2
    seen = _confusion(tier, realised)
    by_chance = np.multiply.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
    expected = float((differences * by_chance).sum())
    return 1.0 - float((differences * seen).sum()) / expected if expected > 0 else 0.0


def macro_f1(tier: Floats, realised: Floats) -> float:
    """Mean of the F1 scores of all tiers that occur.

    Example:
        >>> macro_f1(np.array([0.0, 1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.7333333333333334
    """
    seen = _confusion(tier, realised)
    both = seen.sum(axis=0) + seen.sum(axis=1)
    occurs = both > 0
    return float((2 * np.diag(seen)[occurs] / both[occurs]).mean())


def _confusion(tier: Floats, realised: Floats) -> Floats:
    """Counts by realised tier (rows) and expected tier (columns)."""
    cells = realised.astype(np.int64) * TIERS + tier.astype(np.int64)
    return np.bincount(cells, minlength=TIERS * TIERS).reshape(TIERS, TIERS).astype(np.float64)


def intervals(figures: Mapping[str, Figure], rows: Ints, member: Ints, resamples: int) -> dict[str, Interval]:
    """All figures over `rows`, with their intervals; the same resamples of members for all of them.

    Args:
        figures: by name.
        rows: indices of the rows.
        member: the member of every row of the file.
        resamples: how often members are drawn.
    """
    chance = np.random.default_rng(_SEED)
    members, owner = np.unique(member[rows], return_inverse=True)
    drawn: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(resamples):
        times = np.bincount(chance.integers(0, len(members), len(members)), minlength=len(members))
        resample = np.repeat(rows, times[owner])
        for name, figure in figures.items():
            drawn[name].append(figure(resample))
    return {name: _interval(figure(rows), drawn[name]) for name, figure in figures.items()}


def _interval(value: float, drawn: Sequence[float]) -> Interval:
    low, high = (float(bound) for bound in np.percentile(drawn, _MIDDLE))
    return Interval(value, low, high)
