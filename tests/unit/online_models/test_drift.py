"""Drift: a rise of the error raises an alarm; a fall, and noise, do not."""

import random

from features.event_time import DAY_MS
from online_models.drift import DriftWatch
from online_models.inputs import MINOR_PER_UNIT, model_inputs, root
from online_models.rows import Row
from online_models.stack import ValueStack
from tests.support.outcomes import MONTH_DAYS, World, outcomes


def _alarms(errors: list[float]) -> int:
    watch = DriftWatch()
    for error in errors:
        watch.update(error)
    return watch.alarms


def _noise(mean: float, count: int, seed: int) -> list[float]:
    rng = random.Random(seed)
    return [mean * rng.expovariate(1.0) for _ in range(count)]


def test_steady_noise_raises_no_alarm() -> None:
    assert _alarms(_noise(1.0, 30_000, 1)) == 0


def test_a_rise_of_the_error_raises_an_alarm() -> None:
    assert _alarms(_noise(1.0, 10_000, 2) + _noise(2.0, 5_000, 3)) >= 1


def test_a_fall_of_the_error_is_good_news() -> None:
    assert _alarms(_noise(2.0, 10_000, 4) + _noise(1.0, 10_000, 5)) == 0


def test_the_scale_of_the_error_does_not_matter() -> None:
    small = [error / 1_000 for error in _noise(1.0, 10_000, 2) + _noise(2.0, 5_000, 3)]

    assert _alarms(small) >= 1


def test_a_promotion_is_noticed_and_got_over_in_3600_labels() -> None:
    """All spend thrice as much from one day on: the rule answers for a while, and 3,600 labels later, all is well.

    Well: the error over the next 600 examples is within 10% of that of a model which has seen nothing else.
    """
    rows = list(outcomes(World(members=300, months=30, shift_month=14)))
    first = next(i for i, row in enumerate(rows) if row.predicted_at_ms >= 14 * MONTH_DAYS * DAY_MS)
    judged, ahead = rows[: first + 3_600], rows[first + 3_600 : first + 4_200]
    old, fresh, watch, fell_back = ValueStack(30), ValueStack(30), DriftWatch(), False
    for number, row in enumerate(judged):
        inputs = model_inputs(row.features)
        predicted = old.learn(Row.of(inputs), row.label_spend_minor, row.predicted_at_ms, row.matured_at_ms)
        if predicted and watch.update(abs(predicted.root - root(row.label_spend_minor / MINOR_PER_UNIT))):
            old.renew()
        if number >= first:
            fell_back |= old.falls_back
            fresh.learn(Row.of(inputs), row.label_spend_minor, row.predicted_at_ms, row.matured_at_ms)

    def error(stack: ValueStack) -> float:
        sheet = stack.sheet_now(0)
        return sum(
            abs(sheet.predict(model_inputs(row.features)).typical_minor - row.label_spend_minor) for row in ahead
        )

    assert watch.alarms == 1
    assert fell_back
    assert not old.falls_back
    assert error(old) < 1.1 * error(fresh)
