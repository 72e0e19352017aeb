"""The learners of the value stack: river's models, written as rows of numbers.

river's `StandardScaler | LinearRegression` diverges on loyalty counts and its trees cost ten times a linear model and
rank worse (measured on the Complete Journey data). Recursive least squares has no learning rate to get wrong; a linear
model with the absolute loss takes steps that do not grow with the error. Both are river's, number by number (a test
holds them to it), at half of its time: river makes arrays of dictionaries for every call, here a stack does it once.
"""

import numpy as np

from online_models.contract import Inputs
from online_models.moments import Floats
from online_models.rows import RecursiveSquares, RowLearner, bounded, widened

# Prior of the coefficients: variance 1 / alpha; loose, as tens of thousands of examples follow.
_PRIOR_PRECISION = 1.0

# AdaGrad divides each coefficient's steps by the root of the sum of its squared gradients, which for the absolute loss
# are the inputs: large inputs take small steps, and all steps shrink. On the Complete Journey data plain gradient
# descent never got below 0.89 of persistence's error, at any rate; AdaGrad at this one reaches 0.870.
_RATE = 0.03

# What a sum of squares begins with, so that a column that was 0 so far does not divide by nothing; river's.
_EPSILON = 1e-8


class Persistence:
    """The naive forecast: the next value of the target is the last one, which stands among the inputs."""

    def __init__(self, name: str) -> None:
        self._name = name

    def predict(self, inputs: Inputs) -> float:
        """The input itself."""
        return bounded(inputs.get(self._name, 0.0))

    def learn(self, inputs: Inputs, target: float) -> None:
        """Nothing to learn."""

    def coefficients(self) -> Inputs:
        """One, for the last value."""
        return {self._name: 1.0}


class LeastSquares(RecursiveSquares):
    """Recursive least squares: the posterior mean of river's `BayesianLinearRegression`.

    Example:
        >>> learner = LeastSquares()
        >>> for x in range(200):
        ...     learner.learn({"one": 1.0, "x": x / 10}, 3.0 + x / 5)
        >>> round(learner.predict({"one": 1.0, "x": 5.0}), 1)
        13.0
    """

    def __init__(self) -> None:
        super().__init__(_PRIOR_PRECISION)

    @staticmethod
    def surprise(explained: float, answer: float, target: float) -> tuple[float, float]:
        """As it is, with noise of variance one."""
        return 1.0 + max(0.0, explained), answer - target


class LeastDeviations(RowLearner):
    """A linear model of the median: river's `LinearRegression` with AdaGrad and the absolute loss.

    Example:
        >>> learner = LeastDeviations()
        >>> for _ in range(3_000):
        ...     learner.learn({"one": 1.0}, 0.5)
        >>> round(learner.predict({"one": 1.0}), 1)
        0.5
    """

    def __init__(self) -> None:
        super().__init__()
        self._coefficients: Floats = np.zeros(0)
        self._squares: Floats = np.zeros(0)

    @property
    def state(self) -> Floats:
        """The coefficients."""
        return self._coefficients

    def update(self, row: Floats, target: float) -> None:
        """One step of subgradient descent."""
        if len(row) > len(self._squares):
            self._coefficients = widened(self._coefficients, len(row))
            self._squares = np.concatenate((self._squares, np.full(len(row) - len(self._squares), _EPSILON)))
        rate = -_RATE if float(self._coefficients.dot(row)) > target else _RATE
        self._squares += row * row
        self._coefficients += rate * row / np.sqrt(self._squares)
