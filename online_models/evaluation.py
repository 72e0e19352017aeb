"""Test-then-train figures of the value model: each example is predicted as of its own time before it is learned."""

from river import stats

from online_models.figures import ValueFigures
from online_models.stack import Prediction

# Share of the newest example in the recent errors: they look back about 5,000 examples.
_FADING = 0.0005


def ratio_bp(numerator: float, denominator: float) -> int:
    """A ratio in basis points, 0 where there is nothing to compare with.

    Example:
        >>> ratio_bp(87.1, 100.0), ratio_bp(1.0, 0.0)
        (8710, 0)
    """
    return round(numerator * 10_000 / denominator) if denominator > 0 else 0


class ValueScore:
    """Running errors of the model and of the naive forecast, on the same examples."""

    def __init__(self) -> None:
        self._model = stats.Mean()
        self._naive = stats.Mean()
        self._recent_model = stats.EWMean(_FADING)
        self._recent_naive = stats.EWMean(_FADING)
        self._examples = 0
        self._predicted_minor = 0
        self._realised_minor = 0

    def update(self, predicted: Prediction, naive_minor: int, realised_minor: int) -> None:
        """Add one example: what was predicted, the naive forecast, the outcome."""
        self._examples += 1
        error, naive_error = abs(realised_minor - predicted.typical_minor), abs(realised_minor - naive_minor)
        self._model.update(error)
        self._naive.update(naive_error)
        self._recent_model.update(error)
        self._recent_naive.update(naive_error)
        self._predicted_minor += predicted.expected_minor
        self._realised_minor += realised_minor

    def figures(self) -> ValueFigures:
        """All figures, as integers."""
        if not self._examples:
            return ValueFigures(0, 0, 0, 0, 0, 0)
        return ValueFigures(
            examples=self._examples,
            mae_minor=round(self._model.get()),
            naive_mae_minor=round(self._naive.get()),
            mae_over_naive_bp=ratio_bp(self._model.get(), self._naive.get()),
            recent_mae_over_naive_bp=ratio_bp(self._recent_model.get(), self._recent_naive.get()),
            predicted_over_realised_bp=ratio_bp(self._predicted_minor, self._realised_minor),
        )
