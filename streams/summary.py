"""The summary that `demo` and `replay` write: what came in, what became of it, and a digest to compare runs by."""

from collections import Counter
from collections.abc import Mapping
from typing import TypedDict

from loyalty.decisions import TIER_TYPE
from loyalty.weights import BP
from online_models.figures import ValueFigures
from streams import accounting
from streams.decision_log import DecisionLog


class Summary(TypedDict):
    """Keys of `summary.json`. `final_lag` is None for a replay, which has no broker to lag behind."""

    actions_in: int
    applied: int
    duplicates: int
    dead_lettered: int
    dead_lettered_by_reason: dict[str, int]
    members: int
    ledger_entries: int
    points_by_kind: dict[str, int]
    tier_changes: int
    tier_changes_by_kind: dict[str, int]
    notifications: int
    weights_versions: int
    model_mae_over_naive: float | None
    final_lag: int | None
    actions_per_s: float
    digest: str


def total_counts(partitions: list[Mapping[str, int]]) -> dict[str, int]:
    """Sum the counters of several partitions, sorted by name."""
    total: Counter[str] = Counter()
    for counts in partitions:
        total.update(counts)
    return dict(sorted(total.items()))


def _by_kind(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}


def mae_over_naive(figures: ValueFigures) -> float | None:
    """Error of the value model over that of the naive forecast, None before the first label.

    Example:
        >>> mae_over_naive(ValueFigures(0, 0, 0, 0, 0, 0)) is None
        True
    """
    return figures.mae_over_naive_bp / BP if figures.examples else None


def summarise(
    counts: Mapping[str, int],
    decisions: DecisionLog,
    *,
    weights_versions: int,
    model_mae_over_naive: float | None,
    seconds: float,
    final_lag: int | None,
) -> Summary:
    """Build the summary from the partitions' counters and the decisions as a reader got them."""
    # What was forwarded to the id that an alias belongs to has come in twice.
    actions_in = counts.get(accounting.ACTIONS_IN, 0) - counts.get(accounting.FORWARDED, 0)
    return Summary(
        actions_in=actions_in,
        applied=counts.get(accounting.APPLIED, 0),
        duplicates=counts.get(accounting.DUPLICATES, 0),
        dead_lettered=counts.get(accounting.DEAD_LETTERED, 0),
        dead_lettered_by_reason=_by_kind(counts, accounting.DEAD_LETTERED_BY_REASON),
        members=counts.get(accounting.MEMBERS, 0),
        ledger_entries=decisions.count("points"),
        points_by_kind=_by_kind(counts, accounting.POINTS_BY_KIND),
        tier_changes=decisions.count("tier-changes"),
        tier_changes_by_kind=_by_kind(decisions.kinds(), TIER_TYPE),
        notifications=decisions.count("notifications"),
        weights_versions=weights_versions,
        model_mae_over_naive=model_mae_over_naive,
        final_lag=final_lag,
        actions_per_s=round(actions_in / seconds, 1) if seconds > 0 else 0.0,
        digest=decisions.digest(),
    )
