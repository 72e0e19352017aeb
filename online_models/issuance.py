"""What the static rule issues: the budget that learned weights must keep, and the price of a point."""

from collections.abc import Sequence
from typing import NamedTuple

from features.event_time import DAY_MS
from features.vector import feature_index
from online_models.examples import Outcome

_MONTH_MS = 30 * DAY_MS

# Everything fades by a tenth an epoch, so that shares follow what members do.
_KEPT_TENTHS = 9

_SPEND_30D = feature_index("spend_minor_30d")


class Issuance(NamedTuple):
    """Points that the static rule issues for an action: in all (its place in the budget), and per action."""

    points: int
    points_per_action: float


class IssuanceBook:
    """Points issued for each action, with the spend and the actions of the same members.

    Points are collected over the time between a member's outcomes, spend and actions over the 30 days before each; both
    are brought to one member and month.
    """

    def __init__(self, actions: Sequence[str]) -> None:
        self._months = {action: feature_index(f"{action}_count_30d") for action in actions}
        self._actions = dict.fromkeys(actions, 0)
        self._points: dict[str, int] = {}
        self._span_ms = 0
        self._spend_minor = 0
        self._outcomes = 0

    def observe(self, outcome: Outcome) -> None:
        """Add one outcome."""
        for action, points in outcome.issued:
            self._points[action] = self._points.get(action, 0) + points
        self._span_ms += outcome.matured_at_ms - outcome.issued_from_ms
        after = outcome.features_after
        self._spend_minor += max(0, after[_SPEND_30D])
        for action, place in self._months.items():
            self._actions[action] += after[place]
        self._outcomes += 1

    def issuances(self) -> dict[str, Issuance]:
        """What is issued for each action, old points faded; actions that earned nothing count as actions too."""
        return {action: self._issuance(action, count) for action, count in self._actions.items()}

    def _issuance(self, action: str, actions: int) -> Issuance:
        points = max(0, self._points.get(action, 0))
        if actions <= 0 or self._span_ms <= 0:
            return Issuance(points, 0.0)
        return Issuance(points, points * (_MONTH_MS / self._span_ms) * self._outcomes / actions)

    def spend_per_point(self) -> float:
        """What members spend, in minor units, per point that the static rule issues; 0 where it issues none."""
        total = sum(self._points.values())
        if total <= 0 or self._span_ms <= 0:
            return 0.0
        return self._spend_minor / self._outcomes / (total * (_MONTH_MS / self._span_ms))

    def fade(self) -> None:
        """End an epoch."""
        for counts in (self._points, self._actions):
            for action, count in counts.items():
                counts[action] = count * _KEPT_TENTHS // 10
        self._span_ms = self._span_ms * _KEPT_TENTHS // 10
        self._spend_minor = self._spend_minor * _KEPT_TENTHS // 10
        self._outcomes = self._outcomes * _KEPT_TENTHS // 10
