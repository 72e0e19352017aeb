"""The suite for what learns and is no linear model: the same promises as `online_models.checks`, in its own terms.

Such a model comes with two functions: one that teaches it the n-th of a stream of made-up examples, one that asks it
something and returns what can be compared.
"""

import pickle
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import msgspec

from online_models.checkpoint import CheckpointError, pack, unpack

Model = TypeVar("Model")

# A full memory may still vary by what happens to be in it.
_GROWTH = 1.25


class Subject(msgspec.Struct, Generic[Model], frozen=True):
    """A model to be checked. With `examples` of them taught, its memory is to be as full as it gets."""

    make: Callable[[], Model]
    teach: Callable[[Model, int], object]
    ask: Callable[[Model], object]
    examples: int

    def taught(self, examples: int) -> Model:
        """A new model that has learned so many examples."""
        model = self.make()
        for number in range(examples):
            self.teach(model, number)
        return model


def model_problems_of(subject: Subject[Model]) -> list[str]:
    """All promises that the model breaks, in words.

    Example:
        >>> hoarder = Subject(make=list, teach=list.append, ask=len, examples=100)
        >>> [problem.partition(":")[0] for problem in model_problems_of(hoarder)]
        ['bounded_memory']
    """
    checks = (_answer_is_pure, _deterministic, _restorable, _bounded_memory)
    return [f"{check.__name__.strip('_')}: {problem}" for check in checks if (problem := check(subject)) is not None]


def _answer_is_pure(subject: Subject[Model]) -> str | None:
    model = subject.taught(subject.examples)
    before = pickle.dumps(model)
    first = subject.ask(model)
    if subject.ask(model) != first:
        return "a second answer to the same question differs"
    return None if pickle.dumps(model) == before else "a question has changed the model"


def _deterministic(subject: Subject[Model]) -> str | None:
    first, second = (subject.ask(subject.taught(subject.examples)) for _ in range(2))
    return None if first == second else "two models taught the same differ"


def _restorable(subject: Subject[Model]) -> str | None:
    """A model restored half-way answers and learns what one does that never stopped."""
    half = subject.examples // 2
    try:
        restored = unpack(pack(subject.taught(half)))
    except CheckpointError as error:
        return str(error)
    whole = subject.taught(half)
    model = cast("Model", restored)
    for number in range(half, subject.examples):
        if subject.teach(model, number) != subject.teach(whole, number):
            return f"a restored model learns something else of example {number}"
    return None if subject.ask(model) == subject.ask(whole) else "a restored model goes on differently"


def _bounded_memory(subject: Subject[Model]) -> str | None:
    small, large = (len(pickle.dumps(subject.taught(count))) for count in (subject.examples, 10 * subject.examples))
    return None if large <= _GROWTH * small else f"grew from {small} to {large} bytes with ten times the examples"
