"""Plots of a report: calibration, learning curves, weights over time, tier stability."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.evaluation.figures import Contest
from benchmarks.evaluation.measures import TIERS
from benchmarks.evaluation.rows import Flags, Floats, History
from features.event_time import DAY_MS

_BINS = 20
_SIZE_INCHES = (7.0, 4.5)
_BP = 10_000


def write_plots(contest: Contest, history: History, out: Path) -> None:
    """Write all plots into a folder, as PNG."""
    for name, figure in (
        ("calibration", calibration(contest)),
        ("learning-curves", learning_curves(contest)),
        ("weights", weights_over_time(history)),
        ("tier-stability", tier_stability(contest)),
    ):
        figure.savefig(out / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})


def _bins(by: Floats) -> Sequence[Floats]:
    return [part.astype(np.float64) for part in np.array_split(np.argsort(by, kind="stable"), _BINS)]


def calibration(contest: Contest) -> Figure:
    """Mean prediction against mean outcome, by twentieths of the prediction."""
    rows, figure = contest.rows, Figure(figsize=_SIZE_INCHES)
    at = np.flatnonzero(rows.reported)
    spend_axes, chance_axes = figure.subplots(1, 2)
    for axes, forecast, realised, title in (
        (spend_axes, rows.expected / 100, rows.spend / 100, "spend in 30 days"),
        (chance_axes, rows.active_chance, rows.active.astype(np.float64), "chance of any purchase in 30 days"),
    ):
        bins = [at[part.astype(np.int64)] for part in _bins(forecast[at])]
        points = [(forecast[chosen].mean(), realised[chosen].mean()) for chosen in bins if len(chosen)]
        axes.plot(*zip(*points, strict=True), marker="o")
        top = max(max(point) for point in points)
        axes.plot([0, top], [0, top], linestyle=":", color="grey")
        axes.set(title=title, xlabel="predicted", ylabel="realised")
    figure.tight_layout()
    return figure


def learning_curves(contest: Contest) -> Figure:
    """Error of the online model over that of persistence and of refitted boosting, by week."""
    rows, figure = contest.rows, Figure(figsize=_SIZE_INCHES)
    axes = figure.subplots()
    week = (rows.moment_ms - rows.moment_ms.min()) // (7 * DAY_MS)
    boosting = contest.batch("refit_boosting").typical
    for label, baseline in (("over persistence", rows.persistence), ("over refitted boosting", boosting)):
        points = []
        for number in np.unique(week):
            chosen: Flags = (week == number) & ~np.isnan(rows.typical) & ~np.isnan(baseline)
            if chosen.any():
                error = np.abs(rows.typical - rows.spend)[chosen].mean()
                points.append((number, error / max(1.0, np.abs(baseline - rows.spend)[chosen].mean())))
        if points:
            axes.plot(*zip(*points, strict=True), label=label)
    axes.axhline(1.0, linestyle=":", color="grey")
    axes.set(title="absolute error of spend, online model", xlabel="week", ylabel="ratio")
    axes.legend()
    return figure


def weights_over_time(history: History) -> Figure:
    """Every published weight by time; what was never published stays at one."""
    figure = Figure(figsize=_SIZE_INCHES)
    axes = figure.subplots()
    names = sorted({name for p in history.published for name, _ in (*p.weights.earning_bp, *p.weights.score_bp)})
    times = np.array([p.log_time_ms for p in history.published], dtype="datetime64[ms]")
    for name in names:
        values = [dict((*p.weights.earning_bp, *p.weights.score_bp)).get(name, _BP) / _BP for p in history.published]
        axes.step(times, values, where="post", label=name)
    axes.set(title="published weights", ylabel="factor on the static rule")
    if names:
        axes.legend()
    figure.autofmt_xdate()
    return figure


def tier_stability(contest: Contest) -> Figure:
    """How often a member's expected tier differs from that of the row before."""
    rows, figure = contest.rows, Figure(figsize=_SIZE_INCHES)
    axes = figure.subplots()
    order = np.lexsort((rows.moment_ms, rows.member))
    order = order[rows.reported[order]]
    same = rows.member[order][1:] == rows.member[order][:-1]
    shares = []
    for name, forecast in (("online", rows.typical), ("persistence", rows.persistence), ("realised", rows.spend)):
        tier = contest.tier_of(forecast[order])
        shares.append((name, float((tier[1:] != tier[:-1])[same].mean()) if same.any() else 0.0))
    axes.bar([name for name, _ in shares], [share for _, share in shares])
    axes.set(title=f"share of rows whose tier of {TIERS} differs from the row before", ylabel="share", ylim=(0, 1))
    return figure
