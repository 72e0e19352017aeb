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
    """Log-loss of an answer in log-odds."""
    return log_loss(probability(log_odds), int(happened))


def log_loss(chance: float, happened: int) -> float:
    """Minus the logarithm of the chance given to what came to pass.

    Example:
        >>> round(log_loss(0.5, 1), 3), log_loss(0.0, 1)
        (0.693, 10.0)
    """
    given = chance if happened else 1.0 - chance
    return min(_WORST_LOSS, -log(given)) if given > 0.0 else _WORST_LOSS
