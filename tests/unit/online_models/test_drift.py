"""Drift: a rise of the error raises an alarm; a fall, and noise, do not."""

import random

from online_models.drift import DriftWatch


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
