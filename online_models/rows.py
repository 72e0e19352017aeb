"""Inputs by name as rows of numbers: made once, then every learner of a stack, or of several, works on the same row."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from math import hypot, isfinite
from typing import NamedTuple, Self

import numpy as np
from scipy.linalg.blas import dger

from online_models.contract import Inputs
from online_models.moments import Floats

# Inputs and targets are roots of currency units: 10,000 is a hundred million units. What is larger is garbage and may
# not move a model further.
_LIMIT = 10_000.0


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
    """`inputs` themselves where all are well within what a model accepts, else a copy that is within.

    Example:
        >>> sane({"one": 1.0, "spend": float("inf")})
        {'one': 1.0, 'spend': 0.0}
    """
    return inputs if _are_sane(inputs.values()) else {name: bounded(value) for name, value in inputs.items()}


def _are_sane(values: Collection[float]) -> bool:
    # A vector that is no longer than the limit has no value beyond it, and none that is no number. The length takes a
    # tenth of the time of smallest, largest and sum. Where it alone is too long, each value is looked at, and stays.
    return hypot(*values) <= _LIMIT


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


class Row(NamedTuple):
    """Inputs as a row: made once, and then read by every stack that learns from them.

    Example:
        >>> row = Row.of({"one": 1.0, "spend": float("inf")})
        >>> row.names, row.values.tolist(), row.under(("spend", "other", "one")).tolist()
        (('one', 'spend'), [1.0, 0.0], [0.0, 0.0, 1.0])
    """

    names: tuple[str, ...]
    values: Floats

    @classmethod
    def of(cls, inputs: Inputs) -> Self:
        """These inputs in their own order, each within what a model accepts."""
        return cls(tuple(inputs), _row(inputs.values()))

    @classmethod
    def named(cls, names: tuple[str, ...], inputs: Inputs) -> Self:
        """The same for inputs that are known to have these names: one tuple for all rows is soon compared."""
        return cls(names, _row(inputs.values()))

    def under(self, names: tuple[str, ...]) -> Floats:
        """The values in the order of `names`, 0 for one that is missing."""
        if names is self.names or names == self.names:
            return self.values
        known = dict(zip(self.names, self.values.tolist(), strict=True))
        return np.array([known.get(name, 0.0) for name in names])


class Columns:
    """Names of inputs in the order in which they were first seen.

    Example:
        >>> columns = Columns()
        >>> columns.read(Row.of({"one": 1.0})).tolist(), columns.read(Row.of({"x": 2.0})).tolist(), columns.names
        ([1.0], [0.0, 2.0], ('one', 'x'))
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def read(self, row: Row) -> Floats:
        """The values in the order of `names`, which grow by what is new."""
        if row.names is self.names:
            return row.values
        if row.names == self.names:
            self.names = row.names  # one object again, as before a restart
        self.names += tuple(name for name in row.names if name not in self.names)
        return row.under(self.names)

    def names_with(self, name: str) -> tuple[str, ...]:
        """The names, and this one behind them if it is not among them."""
        return self.names if name in self.names else (*self.names, name)


def _row(values: Collection[float]) -> Floats:
    # Told type and length, numpy need not find them out: two thirds of the time that a list takes.
    return np.fromiter(values if _are_sane(values) else map(bounded, values), np.float64, len(values))


class RowLearner(ABC):
    """A linear learner that a stack teaches by rows; by itself it keeps the contract of `online_models.contract`."""

    def __init__(self) -> None:
        self._columns = Columns()

    @property
    @abstractmethod
    def state(self) -> Floats:
        """A coefficient per column seen so far; to read, not to keep: the next update may change it."""

    @abstractmethod
    def update(self, row: Floats, target: float) -> None:
        """Learn from one row; a longer one than before has new columns at its end."""

    def predict(self, inputs: Inputs) -> float:
        """The target; of log-odds, the log-odds."""
        return dot(self.coefficients(), sane(inputs))

    def learn(self, inputs: Inputs, target: float) -> None:
        """Learn from one example."""
        self.update(self._columns.read(Row.of(inputs)), bounded(target))

    def coefficients(self) -> Inputs:
        """What the learner is when it is written down."""
        return dict(zip(self._columns.names, self.state.tolist(), strict=True))


def widened(array: Floats, width: int) -> Floats:
    """A vector with zeros behind it up to `width`.

    Example:
        >>> widened(np.array([1.0]), 3).tolist()
        [1.0, 0.0, 0.0]
    """
    return np.concatenate((array, np.zeros(width - len(array))))


class RecursiveSquares(RowLearner):
    """A learner by rank-one updates: the covariance of its coefficients, and these as one more row beneath it.

    So a product with a row of inputs gives the gain and what the learner answers, and one rank-one update moves both:
    two calls for what takes five when they are kept apart. BLAS does the second in place, in a third of numpy's time.
    """

    def __init__(self, precision: float) -> None:
        """The prior of each coefficient is 0 with variance 1 / `precision`."""
        super().__init__()
        self._variance = 1.0 / precision
        self._matrix: Floats = np.zeros((1, 0))

    @property
    def state(self) -> Floats:
        """The coefficients."""
        coefficients: Floats = self._matrix[-1]
        return coefficients

    def update(self, row: Floats, target: float) -> None:
        """One rank-one update."""
        if len(row) > self._matrix.shape[1]:
            self._matrix = _widened_squares(self._matrix, len(row), self._variance)
        elif not len(row):
            return  # there is nothing to learn from, and `dger` takes no empty matrix
        moved: Floats = self._matrix.dot(row)
        gain = moved[:-1]
        spread, moved[-1] = self.surprise(float(row.dot(gain)), float(moved[-1]), target)
        # The transpose lies as Fortran has it, so it is moved in place; scipy only says that it may be, hence the `=`.
        self._matrix = dger(-1.0 / spread, gain, moved, 1, 1, self._matrix.T, 1, 1, 1).T

    @staticmethod
    @abstractmethod
    def surprise(explained: float, answer: float, target: float) -> tuple[float, float]:
        """What the gain is divided by, and how far the answer is above the target, on the scale of the answer.

        `explained` is the variance of the answer that comes of the coefficients' own.
        """


def _widened_squares(matrix: Floats, width: int, variance: float) -> Floats:
    """Covariance and coefficients with independent columns of this variance behind them, up to `width`.

    Example:
        >>> _widened_squares(np.array([[2.0], [7.0]]), 2, 9.0).tolist()
        [[2.0, 0.0], [0.0, 9.0], [7.0, 0.0]]
    """
    known = matrix.shape[1]
    grown = np.zeros((width + 1, width))
    grown[:-1] = np.eye(width) * variance
    grown[:known, :known], grown[-1, :known] = matrix[:-1], matrix[-1]
    return grown
