"""One suite for every learner: what `online_models.contract` promises, tried on a small made-up stream.

Example:
    >>> from online_models.learners import LeastSquares
    >>> problems_of(LeastSquares)
    []
"""

import pickle
from collections.abc import Callable, Iterator
from hashlib import blake2b
from math import isfinite

from online_models.checkpoint import CheckpointError, pack, unpack
from online_models.contract import Inputs, Learner

Factory = Callable[[], Learner]

_EXAMPLES = 300

# A learner may grow while it meets the input names, and not after.
_GROWTH = 1.05

# Coefficients are summed in another order than river does.
_TOLERANCE = 1e-6

_GARBAGE: tuple[Inputs, ...] = (
    {},
    {"one": 1e300, "spend": -1e300},
    {"one": float("nan"), "spend": float("inf")},
    {"one": 1.0, "spend": float("-inf"), "visits": 1e-300},
)


def stream(examples: int) -> Iterator[tuple[Inputs, float]]:
    """Examples of a linear target with noise; the same ones every time."""
    for number in range(examples):
        digest = blake2b(number.to_bytes(8, "big"), digest_size=12).digest()
        spend, visits, noise = (int.from_bytes(digest[i : i + 4], "big") / 2**32 for i in (0, 4, 8))
        inputs = {"one": 1.0, "spend": 10.0 * spend, "visits": 3.0 * visits}
        yield inputs, 1.0 + 0.5 * inputs["spend"] + inputs["visits"] + noise


def problems_of(make: Factory) -> list[str]:
    """All promises that the learners made by `make` break, in words."""
    checks = (_inputs_kept, _prediction_is_pure, _deterministic, _restorable, _bounded_memory, _finite, _written_down)
    return [f"{check.__name__.strip('_')}: {problem}" for check in checks if (problem := check(make)) is not None]


def _taught(make: Factory, examples: int = _EXAMPLES) -> Learner:
    learner = make()
    for inputs, target in stream(examples):
        learner.learn(inputs, target)
    return learner


def _answers(learner: Learner) -> list[float]:
    return [learner.predict(inputs) for inputs, _ in stream(20)]


def _inputs_kept(make: Factory) -> str | None:
    learner = make()
    for inputs, target in stream(20):
        before = dict(inputs)
        learner.predict(inputs)
        learner.learn(inputs, target)
        if inputs != before:
            return f"inputs were changed from {before} to {inputs}"
    return None


def _prediction_is_pure(make: Factory) -> str | None:
    learner = _taught(make)
    first = _answers(learner)
    return None if _answers(learner) == first else "a second prediction of the same inputs differs"


def _deterministic(make: Factory) -> str | None:
    return None if _answers(_taught(make)) == _answers(_taught(make)) else "two learners taught the same differ"


def _restorable(make: Factory) -> str | None:
    """A learner restored half-way goes on to the very same floats."""
    learner = make()
    for number, (inputs, target) in enumerate(stream(_EXAMPLES)):
        if number == _EXAMPLES // 2:
            try:
                restored = unpack(pack(learner))
            except CheckpointError as error:
                return str(error)
            if not isinstance(restored, Learner):
                return "what was restored is no learner"
            learner = restored
        learner.learn(inputs, target)
    return None if _answers(learner) == _answers(_taught(make)) else "a restored learner goes on differently"


def _bounded_memory(make: Factory) -> str | None:
    small, large = (len(pickle.dumps(_taught(make, examples))) for examples in (_EXAMPLES, 10 * _EXAMPLES))
    return None if large <= _GROWTH * small else f"grew from {small} to {large} bytes with ten times the examples"


def _finite(make: Factory) -> str | None:
    """Garbage moves predictions, perhaps, but never to what is no number, and never for good."""
    make().learn({}, 1.0)  # nothing at all, and before anything else
    learner = _taught(make)
    for inputs in _GARBAGE:
        for target in (1e300, float("nan"), -1.0):
            learner.learn(inputs, target)
            if not isfinite(learner.predict(inputs)):
                return f"predicts {learner.predict(inputs)} for {inputs}"
    return None if all(isfinite(answer) for answer in _answers(learner)) else "does not get over garbage"


def _written_down(make: Factory) -> str | None:
    """The coefficients predict what the learner predicts."""
    learner = _taught(make)
    coefficients = learner.coefficients()
    for inputs, _ in stream(20):
        written = sum(coefficient * inputs.get(name, 0.0) for name, coefficient in coefficients.items())
        if abs(written - learner.predict(inputs)) > _TOLERANCE:
            return f"predicts {learner.predict(inputs)}, its coefficients {written}"
    return None
