"""The report as tables, in Markdown."""

from collections.abc import Iterator, Mapping

from benchmarks.evaluation.measures import Interval

# What each figure should reach, and on which side of it.
REACH: Mapping[str, tuple[str, float]] = {
    "mae_over_persistence": ("at most", 0.87),
    "mae_over_refit_boosting": ("at most", 1.0),
    "spearman_over_static": ("at least", 1.015),
    "spearman_over_refit_boosting": ("at least", 1.0),
    "auc_minus_refit_boosting": ("at least", 0.0),
    "logloss_over_refit_boosting": ("at most", 1.0),
    "tier_kappa_minus_best": ("at least", 0.0),
    "tier_macro_f1_minus_best": ("at least", 0.0),
    "hot_path_us": ("at most", 10.0),
    "trainer_us": ("at most", 100.0),
    "predicted_over_realised": ("within 0.1 of", 1.0),
    "predicted_over_realised_sparse": ("within 0.1 of", 1.0),
}
_NEAR = 0.1


def reached(name: str, interval: Interval) -> str:
    """Whether a figure reaches what it should: yes, or no, or no but within its interval.

    Example:
        >>> reached("trainer_us", Interval(90.0, 80.0, 120.0)), reached("trainer_us", Interval(101.0, 99.0, 120.0))
        ('yes', 'no, but its interval does')
    """
    side, bound = REACH[name]
    holds = [_holds(side, bound, value) for value in (interval.value, interval.low, interval.high)]
    if holds[0]:
        return "yes"
    return "no, but its interval does" if any(holds) else "no"


def _holds(side: str, bound: float, value: float) -> bool:
    if side == "at most":
        return value <= bound
    if side == "at least":
        return value >= bound
    return abs(value - bound) <= _NEAR


def as_markdown(report: Mapping[str, object]) -> str:
    """All tables of a report."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, object]) -> Iterator[str]:
    yield "# Evaluation"
    yield ""
    yield "| figure | value | 95% interval | reach | reached |"
    yield "|---|---|---|---|---|"
    for name, value in report.items():
        if isinstance(value, Interval):
            side, bound = REACH[name]
            yield f"| {name} | {_cells(value)} | {side} {bound:g} | {reached(name, value)} |"
    for section, values in report.items():
        if isinstance(values, dict):
            yield from _section(section, values)


def _section(name: str, values: Mapping[str, object]) -> Iterator[str]:
    yield ""
    yield f"## {name.replace('_', ' ')}"
    yield ""
    for key, value in values.items():
        if isinstance(value, Interval):
            yield f"* {key}: {_cells(value).replace(' | ', ', ')}"
        elif isinstance(value, dict):
            inner = "; ".join(f"{who} {_cell(figure)}" for who, figure in value.items())
            yield f"* {key}: {inner}"
        else:
            yield f"* {key}: {_cell(value)}"


def _cells(interval: Interval) -> str:
    return f"{interval.value:.4f} | {interval.low:.4f} to {interval.high:.4f}"


def _cell(value: object) -> str:
    if isinstance(value, Interval):
        return f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
