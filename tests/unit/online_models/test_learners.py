"""What each learner is for."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import linear_model, optim

from online_models.checks import stream
from online_models.contract import Learner
from online_models.learners import LeastDeviations, LeastSquares, Persistence
from online_models.moments import outer
from online_models.rows import Row, bounded


def test_least_squares_finds_the_line_behind_the_noise() -> None:
    learner = LeastSquares()
    for inputs, target in stream(2_000):
        learner.learn(inputs, target)

    coefficients = learner.coefficients()

    assert abs(coefficients["spend"] - 0.5) < 0.01
    assert abs(coefficients["visits"] - 1.0) < 0.03
    assert abs(coefficients["one"] - 1.5) < 0.05  # 1 and the noise's mean of a half


def test_least_deviations_finds_the_median_where_outliers_move_the_mean() -> None:
    rng = random.Random(5)
    median, mean = LeastDeviations(), LeastSquares()
    for _ in range(6_000):
        target = 100.0 if rng.random() < 0.1 else rng.random()
        median.learn({"one": 1.0}, target)
        mean.learn({"one": 1.0}, target)

    assert median.predict({"one": 1.0}) < 1.0
    assert mean.predict({"one": 1.0}) > 5.0


def test_persistence_says_what_was_last() -> None:
    assert Persistence("last").predict({"last": 7.5, "one": 1.0}) == 7.5


@pytest.mark.parametrize(
    ("mine", "rivers"),
    [
        (LeastSquares(), linear_model.BayesianLinearRegression(alpha=1.0)),
        (
            LeastDeviations(),
            linear_model.LinearRegression(optim.AdaGrad(0.03), optim.losses.Absolute(), intercept_lr=0.0),
        ),
    ],
    ids=["least squares", "least deviations"],
)
def test_learners_on_rows_are_rivers_number_by_number(
    mine: Learner, rivers: linear_model.BayesianLinearRegression | linear_model.LinearRegression
) -> None:
    for inputs, target in stream(500):
        mine.learn(inputs, target)
        rivers.learn_one(inputs, target)
        assert mine.predict(inputs) == pytest.approx(rivers.predict_one(inputs), abs=1e-6)


_VALUES = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(st.lists(_VALUES, min_size=1, max_size=40), st.lists(_VALUES, min_size=1, max_size=40))
def test_an_outer_product_is_numpys_bit_by_bit(left: list[float], right: list[float]) -> None:
    assert np.array_equal(outer(np.array(left), np.array(right)), np.multiply.outer(left, right))


@given(st.lists(st.floats() | st.floats(-12_000.0, 12_000.0), min_size=1, max_size=40))
def test_a_row_has_what_a_model_accepts_of_each_value(values: list[float]) -> None:
    row = Row.of({str(place): value for place, value in enumerate(values)})

    assert row.values.tolist() == [bounded(value) for value in values]
