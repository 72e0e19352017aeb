"""The learners of the value stack: river's models, written as rows of numbers.

river's `StandardScaler | LinearRegression` diverges on loyalty counts and its trees cost ten times a linear model and
rank worse (measured on the Complete Journey data). Recursive least squares has no learning rate to get wrong; a linear
model with the absolute loss takes steps that do not grow with the error. Both are river's, number by number (a test
holds them to it), at half of its time: river makes arrays of dictionaries for every call, here a stack does it once.
"""

import numpy as np

from online_models.contract import Inputs
from online_models.moments import Floats, outer
from online_models.rows import RowLearner, bounded, widened, widened_covariance

# Prior of the coefficients: variance 1 / alpha; loose, as tens of thousands of examples follow.
_PRIOR_PRECISION = 1.0

# AdaGrad divides each coefficient's steps by the root of the sum of its squared gradients, which for the absolute loss
# are the inputs: large inputs take small steps, and all steps shrink. On the Complete Journey data plain gradient
# descent never got below 0.89 of persistence's error, at any rate; AdaGrad at this one reaches 0.870.
_RATE = 0.03

# Keeps a column that was 0 so far from dividing by nothing; river's.
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


class LeastSquares(RowLearner):
    """Recursive least squares: the posterior mean of river's `BayesianLinearRegression`.

    Example:
        >>> learner = LeastSquares()
        >>> for x in range(200):
        ...     learner.learn({"one": 1.0, "x": x / 10}, 3.0 + x / 5)
        >>> round(learner.predict({"one": 1.0, "x": 5.0}), 1)
        13.0
    """

    def __init__(self) -> None:
        super().__init__()
        self._covariance: Floats = np.zeros((0, 0))

    def update(self, row: Floats, target: float) -> None:
        """One rank-one update."""
        if len(row) > len(self.state):
            self.state = widened(self.state, len(row))
            self._covariance = widened_covariance(self._covariance, len(row), 1.0 / _PRIOR_PRECISION)
        gain = self._covariance.dot(row)
        spread = 1.0 + max(0.0, float(row.dot(gain)))
        self.state += gain * ((target - float(self.state.dot(row))) / spread)
        self._covariance -= outer(gain, gain / spread)


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
        self._squares: Floats = np.zeros(0)

    def update(self, row: Floats, target: float) -> None:
        """One step of subgradient descent."""
        if len(row) > len(self.state):
            self.state, self._squares = widened(self.state, len(row)), widened(self._squares, len(row))
        rate = -_RATE if float(self.state.dot(row)) > target else _RATE
        self._squares += row * row
        self.state += rate * row / np.sqrt(self._squares + _EPSILON)
