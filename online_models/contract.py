"""What every learner promises; `online_models.checks` holds each of them to it.

A learner learns from one example at a time and never from a batch. It reads no clock, draws nothing at random without
a seed of its own, leaves its input as it was, stays within a bound of memory, and answers any input with a finite
number. Two learners that saw the same examples in the same order answer the same, in any process, and one that was
restored from a checkpoint goes on as if nothing had happened.
"""

from typing import Protocol, runtime_checkable

Inputs = dict[str, float]
"""Model inputs by name, see `online_models.inputs`; a name that is missing is 0."""


@runtime_checkable
class Learner(Protocol):
    """A linear regressor that learns online."""

    def predict(self, inputs: Inputs) -> float:
        """Predict the target. Changes nothing; finite whatever the inputs."""
        ...

    def learn(self, inputs: Inputs, target: float) -> None:
        """Learn from one example."""
        ...

    def coefficients(self) -> Inputs:
        """What the learner is when it is written down: it predicts the sum of these times the inputs."""
        ...
