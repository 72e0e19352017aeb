"""The chance that a member buys within some days: the static rule and a learner of log-odds, mixed by recent loss.

The static rule, purchases at random at the member's rate of the last 90 days, is a member of the stack and its
fall-back: where the mix does worse than the rule alone, the rule alone answers, until the mix is better again.
"""

from math import log

from online_models.contract import Inputs
from online_models.habits import static_input
from online_models.mixed_stack import MixedSheet, MixedStack
from online_models.odds import LogisticLeastSquares, probability

# Losses are cut here, a chance of one in 20,000 of what came to pass, so that one surprise does not decide.
_WORST_LOSS = 10.0


class OddsStack(MixedStack):
    """Chance of a purchase within `days`; labels are read when `horizon_days` have passed."""

    def __init__(self, days: int, horizon_days: int) -> None:
        super().__init__(static_input(days), LogisticLeastSquares, odds_loss, horizon_days)

    def predict(self, sheet: MixedSheet, inputs: Inputs) -> float:
        """The chance by a sheet."""
        return probability(sheet.answer(inputs))


def odds_loss(log_odds: float, happened: float) -> float:
    """Minus the logarithm of the chance, given as log-odds, of what came to pass: 1.0, or 0.0.

    Example:
        >>> round(odds_loss(0.0, 1.0), 3), round(odds_loss(2.0, 1.0), 3), odds_loss(-30.0, 1.0)
        (0.693, 0.127, 10.0)
    """
    chance = probability(log_odds)
    loss = -log(chance if happened else 1.0 - chance)  # never of 0: log-odds are bounded
    return min(_WORST_LOSS, loss)
