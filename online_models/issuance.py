"""What the static rule issues: the budget that learned weights must keep, and the price of a point."""

from collections.abc import Sequence

import msgspec

from features.vector import feature_index
from online_models.examples import Outcome

# Everything fades by a tenth an epoch, so that shares follow what members do.
_KEPT_TENTHS = 9

_SPEND_30D = feature_index("spend_minor_30d")


class Issuance(msgspec.Struct):
    """What was awarded for an action, before learned weights, and how often."""

    points: int = 0
    awards: int = 0


class IssuanceBook:
    """Points issued for each action, with the spend and the actions of the same members."""

    def __init__(self, actions: Sequence[str]) -> None:
        self.issued = {action: Issuance() for action in actions}
        self._months = {action: feature_index(f"{action}_count_30d") for action in actions}
        self._actions = dict.fromkeys(actions, 0)
        self._spend_minor = 0

    def observe(self, outcome: Outcome) -> None:
        """Add one outcome."""
        for action, points, awards in outcome.issued:
            if (issuance := self.issued.get(action)) is not None:
                issuance.points += points
                issuance.awards += awards
        self._spend_minor += max(0, outcome.features[_SPEND_30D])
        for action, place in self._months.items():
            self._actions[action] += outcome.features[place]

    def spend_per_point(self) -> float:
        """What members spend in a month, in minor units, per point that the static rule issues for that month.

        Points of a month are its actions times the mean award of each; 0 where nothing is issued.
        """
        points = 0.0
        for action, issuance in self.issued.items():
            if issuance.awards > 0:
                points += self._actions[action] * issuance.points / issuance.awards
        return self._spend_minor / points if points > 0.0 else 0.0

    def fade(self) -> None:
        """End an epoch."""
        for issuance in self.issued.values():
            issuance.points = issuance.points * _KEPT_TENTHS // 10
            issuance.awards = issuance.awards * _KEPT_TENTHS // 10
        for action, count in self._actions.items():
            self._actions[action] = count * _KEPT_TENTHS // 10
        self._spend_minor = self._spend_minor * _KEPT_TENTHS // 10
