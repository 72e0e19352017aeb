"""Every learner keeps the contract; a learner that does not is found out."""

import pytest

from online_models.checks import Factory, problems_of
from online_models.contract import Inputs, Learner
from online_models.learners import LeastDeviations, LeastSquares, Persistence
from online_models.odds import LogisticLeastSquares
from online_models.sentiment import SparseLogistic

LEARNERS: dict[str, Factory] = {
    "persistence": lambda: Persistence("spend"),
    "least squares": LeastSquares,
    "least deviations": LeastDeviations,
    "logistic least squares": LogisticLeastSquares,
    "sparse logistic": SparseLogistic,
}


@pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS.keys())
def test_every_learner_keeps_every_promise(make: Factory) -> None:
    assert isinstance(make(), Learner)
    assert problems_of(make) == []


class Hoarder(Persistence):
    """Keeps every example, tampers with inputs, counts predictions, answers what is no number, fits no checkpoint."""

    def __init__(self) -> None:
        super().__init__("spend")
        self.seen: list[float] = []

    def predict(self, inputs: Inputs) -> float:
        self.seen.append(1.0)
        return float("nan") if "visits" not in inputs else float(len(self.seen))

    def learn(self, inputs: Inputs, target: float) -> None:
        self.seen.append(target)
        inputs["seen"] = target


def test_a_learner_that_breaks_its_promises_is_found_out() -> None:
    broken = {problem.partition(":")[0] for problem in problems_of(Hoarder)}

    assert broken == {"inputs_kept", "prediction_is_pure", "restorable", "bounded_memory", "finite", "written_down"}
