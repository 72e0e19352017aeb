"""The figures of the report, each a comparison on the same rows."""

from dataclasses import dataclass

import numpy as np

from benchmarks.evaluation import measures
from benchmarks.evaluation.baselines import Batch
from benchmarks.evaluation.measures import TIERS, Figure
from benchmarks.evaluation.rows import Flags, Floats, Ints, Rows

# Members with at most this many purchases in 90 days are sparse.
_FEW = 2


@dataclass(frozen=True)
class Contest:
    """Rows, baselines, and the bounds of the tiers in minor units."""

    rows: Rows
    bounds: Floats
    batches: tuple[Batch, ...]
    rfm: Floats

    def tier_of(self, spend: Floats) -> Floats:
        """The tier that a spend is in, from 0."""
        return tiers_of(spend, self.bounds)

    @property
    def sparse(self) -> Flags:
        """Rows of members with few purchases in 90 days."""
        few: Flags = self.rows.feature("purchase_count_90d") <= _FEW
        return few

    def batch(self, name: str) -> Batch:
        """A batch baseline by name."""
        return next(batch for batch in self.batches if batch.name == name)


def tier_bounds(rows: Rows) -> Floats:
    """Quartiles of the labels that had arrived when the warm-up ended."""
    labels = rows.spend[rows.log_time_ms < rows.cut_ms]
    bounds: Floats = np.quantile(labels, np.arange(1, TIERS) / TIERS)
    return bounds


def tiers_of(spend: Floats, bounds: Floats) -> Floats:
    """The tier that a spend is in, from 0.

    Example:
        >>> tiers_of(np.array([5.0, 10.0, 99.0]), np.array([10.0, 20.0])).tolist()
        [0.0, 1.0, 2.0]
    """
    return np.searchsorted(bounds, spend, side="right").astype(np.float64)


def tier_forecasts(contest: Contest) -> dict[str, Floats]:
    """The tier that each contender expects; batch models by their spend and by a classifier of their own."""
    forecasts = {
        "online": contest.tier_of(contest.rows.typical),
        "persistence": contest.tier_of(contest.rows.persistence),
    }
    for batch in contest.batches:
        forecasts[f"{batch.name}_spend"] = contest.tier_of(batch.typical)
        forecasts[f"{batch.name}_classifier"] = batch.tier
    return forecasts


def headline(contest: Contest) -> dict[str, Figure]:
    """The figures of the report that compare forecasts."""
    rows, boosting = contest.rows, contest.batch("refit_boosting")
    forecasts, realised = tier_forecasts(contest), contest.tier_of(rows.spend)
    spend, active = rows.spend, rows.active.astype(np.float64)

    def error(forecast: Floats, at: Ints) -> float:
        return measures.mean_absolute_error(forecast[at], spend[at])

    def order(forecast: Floats, at: Ints) -> float:
        return measures.rank_correlation(forecast[at], spend[at])

    def best_order(at: Ints) -> float:
        return max(order(boosting.rank, at), order(boosting.typical, at))

    def over_best(figure: measures.TierFigure, at: Ints) -> float:
        scores = {name: figure(tier[at], realised[at]) for name, tier in forecasts.items()}
        return scores.pop("online") - max(scores.values())

    def total(at: Ints) -> float:
        return float(rows.expected[at].sum() / spend[at].sum())

    sparse = contest.sparse
    return {
        "mae_over_persistence": lambda at: error(rows.typical, at) / error(rows.persistence, at),
        "mae_over_refit_boosting": lambda at: error(rows.typical, at) / error(boosting.typical, at),
        "spearman_over_static": lambda at: order(rows.typical, at) / order(rows.static_score, at),
        "spearman_over_refit_boosting": lambda at: order(rows.typical, at) / best_order(at),
        "auc_minus_refit_boosting": lambda at: (
            measures.area_under_curve(rows.active_chance[at], active[at])
            - measures.area_under_curve(boosting.active_chance[at], active[at])
        ),
        "logloss_over_refit_boosting": lambda at: (
            measures.log_loss(rows.active_chance[at], active[at])
            / measures.log_loss(boosting.active_chance[at], active[at])
        ),
        "tier_kappa_minus_best": lambda at: over_best(measures.kappa, at),
        "tier_macro_f1_minus_best": lambda at: over_best(measures.macro_f1, at),
        "predicted_over_realised": total,
        "predicted_over_realised_sparse": lambda at: total(at[sparse[at]]),
    }


def week_figures(contest: Contest) -> dict[str, Figure]:
    """A purchase within 7 days, against the same batch model."""
    rows, boosting = contest.rows, contest.batch("refit_boosting")
    happened = rows.buys_in_week.astype(np.float64)
    return {
        "week_auc_minus_refit_boosting": lambda at: (
            measures.area_under_curve(rows.week_chance[at], happened[at])
            - measures.area_under_curve(boosting.week_chance[at], happened[at])
        ),
        "week_logloss_over_refit_boosting": lambda at: (
            measures.log_loss(rows.week_chance[at], happened[at])
            / measures.log_loss(boosting.week_chance[at], happened[at])
        ),
    }


def table(contest: Contest, at: Ints) -> dict[str, dict[str, float]]:
    """Every contender's own figures over some rows; spend in minor units."""
    rows, spend = contest.rows, contest.rows.spend[at]
    columns: dict[str, dict[str, Floats]] = {
        "spend_mae": {"persistence": rows.persistence, "online": rows.typical},
        "spend_rank_correlation": {
            "persistence": rows.persistence,
            "static_weighted_sum": rows.static_score,
            "rfm": contest.rfm,
            "online": rows.typical,
            "learned_weighted_sum": rows.learned_score,
        },
        "active_30d": {"recency": -rows.feature("recency_purchase_ms"), "online": rows.active_chance},
        "purchase_7d": {"recency": -rows.feature("recency_purchase_ms"), "online": rows.week_chance},
    }
    for batch in contest.batches:
        columns["spend_mae"][batch.name] = batch.typical
        columns["spend_rank_correlation"][batch.name] = batch.rank
        columns["active_30d"][batch.name] = batch.active_chance
        columns["purchase_7d"][batch.name] = batch.week_chance
    active, week = rows.active[at].astype(np.float64), rows.buys_in_week[at].astype(np.float64)
    realised, forecasts = contest.tier_of(spend), tier_forecasts(contest)
    result = {
        "spend_mae": {name: measures.mean_absolute_error(c[at], spend) for name, c in columns["spend_mae"].items()},
        "spend_rank_correlation": {
            name: measures.rank_correlation(c[at], spend) for name, c in columns["spend_rank_correlation"].items()
        },
        "tier_kappa": {name: measures.kappa(tier[at], realised) for name, tier in forecasts.items()},
        "tier_macro_f1": {name: measures.macro_f1(tier[at], realised) for name, tier in forecasts.items()},
    }
    for name, happened in (("active_30d", active), ("purchase_7d", week)):
        result[f"{name}_auc"] = {who: measures.area_under_curve(c[at], happened) for who, c in columns[name].items()}
        result[f"{name}_logloss"] = {
            who: measures.log_loss(c[at], happened) for who, c in columns[name].items() if who != "recency"
        }
    return result
