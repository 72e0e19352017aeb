"""The learners of the value stack: thin layers over river's, each with what keeps it sane on loyalty data.

river's `StandardScaler | LinearRegression` diverges on loyalty counts and its trees cost ten times a linear model and
rank worse (measured on the Complete Journey data). Recursive least squares has no learning rate to get wrong; a linear
model with the absolute loss takes steps that do not grow with the error.
"""

from math import isfinite

from river import linear_model, optim

from online_models.contract import Inputs

# Inputs and targets are roots of currency units: 10,000 is a hundred million units. What is larger is garbage and may
# not move a model further.
_LIMIT = 10_000.0

# Prior of the coefficients: variance 1 / alpha; loose, as tens of thousands of examples follow.
_PRIOR_PRECISION = 1.0

# AdaGrad divides each coefficient's steps by the root of the sum of its squared gradients, which for the absolute loss
# are the inputs: large inputs take small steps, and all steps shrink. On the Complete Journey data plain gradient
# descent never got below 0.89 of persistence's error, at any rate; AdaGrad at this one reaches 0.870.
_RATE = 0.03


def bounded(value: float) -> float:
    """`value` within what a model accepts; 0 for what is no number.

    Example:
        >>> bounded(1e300), bounded(float("nan")), bounded(-2.5)
        (10000.0, 0.0, -2.5)
    """
    if not isfinite(value):
        return 0.0
    return max(-_LIMIT, min(_LIMIT, value))


def sane(inputs: Inputs) -> Inputs:
    """`inputs` themselves where all are within what a model accepts, else a copy that is.

    Example:
        >>> sane({"one": 1.0, "spend": float("inf")})
        {'one': 1.0, 'spend': 0.0}
    """
    values = inputs.values()
    # a sum is finite only if all its terms are; it is faster than looking at each
    if isfinite(sum(values)) and max(values, default=0.0) <= _LIMIT and min(values, default=0.0) >= -_LIMIT:
        return inputs
    return {name: bounded(value) for name, value in inputs.items()}


def dot(coefficients: Inputs, inputs: Inputs) -> float:
    """Sum of products over the names of `coefficients`, in their order: a linear model without its machinery.

    Example:
        >>> dot({"one": 2.0, "spend": 0.5}, {"spend": 4.0, "one": 1.0, "other": 9.0})
        4.0
    """
    total = 0.0
    for name, coefficient in coefficients.items():
        total += coefficient * inputs.get(name, 0.0)
    return bounded(total)


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


class LeastSquares:
    """Recursive least squares: river's Bayesian linear regression, whose posterior mean it is.

    Example:
        >>> learner = LeastSquares()
        >>> for x in range(200):
        ...     learner.learn({"one": 1.0, "x": x / 10}, 3.0 + x / 5)
        >>> round(learner.predict({"one": 1.0, "x": 5.0}), 1)
        13.0
    """

    def __init__(self) -> None:
        self._model = linear_model.BayesianLinearRegression(alpha=_PRIOR_PRECISION)
        self._names: dict[str, None] = {}

    def predict(self, inputs: Inputs) -> float:
        """The posterior mean."""
        return bounded(float(self._model.predict_one(sane(inputs))))

    def learn(self, inputs: Inputs, target: float) -> None:
        """One rank-one update."""
        self._names.update(dict.fromkeys(inputs))
        self._model.learn_one(sane(inputs), bounded(target))

    def coefficients(self) -> Inputs:
        """The posterior mean of each coefficient."""
        return {name: float(self._model.predict_one({name: 1.0})) for name in self._names}


class LeastDeviations:
    """A linear model of the median: river's linear regression with the absolute loss.

    Example:
        >>> learner = LeastDeviations()
        >>> for _ in range(3_000):
        ...     learner.learn({"one": 1.0}, 0.5)
        >>> round(learner.predict({"one": 1.0}), 1)
        0.5
    """

    def __init__(self) -> None:
        self._model = linear_model.LinearRegression(
            optimizer=optim.AdaGrad(_RATE), loss=optim.losses.Absolute(), intercept_lr=0.0
        )

    def predict(self, inputs: Inputs) -> float:
        """The conditional median."""
        return bounded(float(self._model.predict_one(sane(inputs))))

    def learn(self, inputs: Inputs, target: float) -> None:
        """One step of subgradient descent."""
        self._model.learn_one(sane(inputs), bounded(target))

    def coefficients(self) -> Inputs:
        """The weight of each input."""
        return {name: float(weight) for name, weight in self._model.weights.items()}
