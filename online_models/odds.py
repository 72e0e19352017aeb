"""Learners of log-odds: linear models whose logistic function is the probability of an outcome of 0 or 1.

They keep the contract of every learner on the scale of log-odds, so they are written down, mixed and flattened as the
regressors are.
"""

from math import exp

from online_models.rows import RecursiveSquares

# Log-odds beyond these are certainty that no data of a programme supports (30 is one in 10**13).
_SUREST = 30.0

# Prior of the coefficients: variance 1 / precision. Chosen, with the least variance below, on four fifths of the
# Complete Journey households in the first 60% of the year: at 0.1 log-loss is 7% worse for a month's purchase, as young
# models run wild.
_PRIOR_PRECISION = 10.0

# Least variance of an outcome that an update counts with: at 2%, one surprise cannot throw a sure model about.
_LEAST_VARIANCE = 0.02


def probability(log_odds: float) -> float:
    """The logistic function.

    Example:
        >>> probability(0.0), round(probability(2.0), 3), probability(-1e9) > 0.0
        (0.5, 0.881, True)
    """
    # Bounds by comparison: `min` and `max` take longer than the exponential, and every loss comes through here.
    if not -_SUREST < log_odds < _SUREST:
        log_odds = -_SUREST if log_odds < 0.0 else _SUREST
    return 1.0 / (1.0 + exp(-log_odds))


class LogisticLeastSquares(RecursiveSquares):
    """Logistic regression by recursive least squares of the working response, one Newton step per example.

    The working response of McCullagh and Nelder (1989, "Generalized Linear Models", 2.5), one example at a time, is an
    extended Kalman filter for a constant state.

    Example:
        >>> learner = LogisticLeastSquares()
        >>> for i in range(8_000):
        ...     learner.learn({"one": 1.0}, float(i % 4 == 0))
        >>> round(probability(learner.predict({"one": 1.0})), 2)
        0.25
    """

    def __init__(self) -> None:
        super().__init__(_PRIOR_PRECISION)

    @staticmethod
    def surprise(explained: float, answer: float, target: float) -> tuple[float, float]:
        """Both in units of log-odds, by the variance of the outcome."""
        chance = probability(answer)
        noise = 1.0 / max(_LEAST_VARIANCE, chance * (1.0 - chance))
        return explained + noise, (chance - (target > 0.0)) * noise
