"""What the online models are measured against: batch models, fitted again every 28 days, and a table of rules."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from threadpoolctl import threadpool_limits

from benchmarks.evaluation.refits import Fit, Fitted, refit
from benchmarks.evaluation.rows import Floats, Rows

# Settings in the middle of what the library's guides advise for tens of thousands of noisy rows.
_BOOSTING = {"max_iter": 150, "learning_rate": 0.06, "min_samples_leaf": 50, "random_state": 1}
_FOREST = {"n_estimators": 30, "min_samples_leaf": 40, "max_samples": 0.5, "random_state": 1, "n_jobs": 1}

# Recency, frequency and money are cut into this many classes each.
_CLASSES = 5


class _Model(Protocol):
    def fit(self, features: Floats, target: Floats) -> object: ...
    def predict(self, features: Floats) -> Floats: ...


@dataclass(frozen=True)
class Batch:
    """Predictions of one family of batch models. `typical` is for absolute error, `rank` for order, chances for both.

    `tier` is the class that a classifier of tiers gives, as a number from 0.
    """

    name: str
    typical: Floats
    rank: Floats
    active_chance: Floats
    week_chance: Floats
    tier: Floats


def boosting(rows: Rows, tiers: Floats) -> Batch:
    """Gradient boosting on histograms."""
    chance = _chance_of(lambda: HistGradientBoostingClassifier(**_BOOSTING))
    return Batch(
        name="refit_boosting",
        typical=refit(rows, rows.spend, _of(lambda: HistGradientBoostingRegressor(loss="absolute_error", **_BOOSTING))),
        rank=refit(rows, np.sqrt(np.maximum(rows.spend, 0)), _of(lambda: HistGradientBoostingRegressor(**_BOOSTING))),
        active_chance=refit(rows, rows.active.astype(np.float64), chance),
        week_chance=refit(rows, rows.buys_in_week.astype(np.float64), chance),
        tier=refit(rows, tiers, _of(lambda: HistGradientBoostingClassifier(**_BOOSTING))),
    )


def forest(rows: Rows, tiers: Floats) -> Batch:
    """A random forest; its mean of the root of the spend serves both absolute error and order."""
    chance = _chance_of(lambda: RandomForestClassifier(**_FOREST))
    root = refit(rows, np.sqrt(np.maximum(rows.spend, 0)), _of(lambda: RandomForestRegressor(**_FOREST)))
    return Batch(
        name="refit_forest",
        typical=root * root,
        rank=root,
        active_chance=refit(rows, rows.active.astype(np.float64), chance),
        week_chance=refit(rows, rows.buys_in_week.astype(np.float64), chance),
        tier=refit(rows, tiers, _of(lambda: RandomForestClassifier(**_FOREST))),
    )


def _of(make: Callable[[], _Model]) -> Fit:
    """Fit a model and answer with its predictions."""

    def fit(features: Floats, target: Floats) -> Fitted:
        model = make()
        with threadpool_limits(limits=1):  # threads that wait for a core on a busy machine cost more than they bring
            model.fit(features, target)
        return model.predict

    return fit


class _Classifier(Protocol):
    def fit(self, features: Floats, target: Floats) -> object: ...
    def predict_proba(self, features: Floats) -> Floats: ...


def _chance_of(make: Callable[[], _Classifier]) -> Fit:
    """Fit a classifier of 0 and 1 and answer with the chance of 1; where all outcomes are alike, with that."""

    def fit(features: Floats, target: Floats) -> Fitted:
        if target.min() == target.max():
            return lambda asked: np.full(len(asked), target[0])
        model = make()
        with threadpool_limits(limits=1):  # threads that wait for a core on a busy machine cost more than they bring
            model.fit(features, target)

        def chance(asked: Floats) -> Floats:
            chances: Floats = model.predict_proba(asked)[:, 1]
            return chances

        return chance

    return fit


def rfm(rows: Rows) -> Floats:
    """The rules of recency, frequency and money: the sum of three classes by fifths of the warm-up's rows."""
    warm_up = rows.moment_ms < rows.cut_ms
    score = np.zeros(len(rows.member))
    for name, sign in (("recency_purchase_ms", -1.0), ("purchase_count_90d", 1.0), ("spend_minor_90d", 1.0)):
        column = sign * rows.feature(name)
        bounds = np.quantile(column[warm_up], np.arange(1, _CLASSES) / _CLASSES)
        score += np.searchsorted(bounds, column, side="right")
    return score
