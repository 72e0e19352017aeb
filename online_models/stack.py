"""The value of a member over the next 30 days: a small stack of learners, combined online by their recent loss.

The target is the root of the spend (see `online_models.inputs`). Two numbers are read off it: `typical_minor`, the
square of the prediction, near the median and lowest in absolute error; and `expected_minor`, which adds the variance
that the square leaves out, as E[y] = E[root y]^2 + Var[root y], so that sums over many members come out right.

An example is tested before it is learned, and tested as of its own time: the models are linear, so once a day of log
time their coefficients are written down (a `Sheet`), and an example is predicted with the sheet that was in force when
it was drawn. The models of today would not do: they have learned from labels that overlap its own. The mix goes by the
same late but honest losses: going by the newest sheet's instead reacts a horizon sooner, and trusts young models too
much (error over the naive forecast's in the whole of 2017, cold start included: 0.94 instead of 0.90).
"""

from collections.abc import Sequence
from typing import NamedTuple

from river import stats

from online_models.contract import Inputs, Learner
from online_models.inputs import LAST_MONTH, MINOR_PER_UNIT, root
from online_models.learners import LeastDeviations, LeastSquares, Persistence, dot, sane
from online_models.sheets import SheetBook

# Share of the newest example in the recent losses that the mix goes by: they look back about 600 examples. Slower, and
# the mix does not get over the follies of young models; faster, and it follows noise (0.001 and 0.01 both lose 0.3%).
_FADING = 0.003

# A learner's share goes with (best loss / its loss) to the power 2**4: at 10% over the best one it has 0.22 of a share.
# Squaring four times is exact in IEEE 754, where `exp` and `pow` may differ between machines.
_SQUARINGS = 4


# After a drift, fresh learners need this many examples before they take over: about a hundred for each coefficient.
_COME_OF_AGE = 2_000


class Prediction(NamedTuple):
    """Spend over the horizon: the root that was predicted, and in minor units its square and the mean."""

    root: float
    typical_minor: int
    expected_minor: int


class Sheet(NamedTuple):
    """The stack as written down at a log time: enough to predict, nothing to learn with."""

    log_time_ms: int
    coefficients: tuple[Inputs, ...]
    mix: tuple[float, ...]
    variance: float

    def roots(self, inputs: Inputs) -> list[float]:
        """What each learner predicts for the root of the spend."""
        inputs = sane(inputs)
        return [max(0.0, dot(coefficients, inputs)) for coefficients in self.coefficients]

    def predict(self, inputs: Inputs) -> Prediction:
        """The mix of the learners, squared back to money."""
        return self.mixed(self.roots(inputs))

    def mixed(self, roots: Sequence[float]) -> Prediction:
        """The mix of what the learners predict."""
        root_mixed = 0.0
        for share, value in zip(self.mix, roots, strict=True):
            root_mixed += share * value
        typical = root_mixed * root_mixed
        return Prediction(
            root_mixed, round(typical * MINOR_PER_UNIT), round((typical + self.variance) * MINOR_PER_UNIT)
        )

    def flat(self) -> Inputs:
        """The mix as one linear model of the root of the spend."""
        flat: Inputs = {}
        for share, coefficients in zip(self.mix, self.coefficients, strict=True):
            for name, coefficient in coefficients.items():
                flat[name] = flat.get(name, 0.0) + share * coefficient
        return flat


class ValueStack:
    """Learners of the root of the next spend, their mix, and the sheets of the last horizon."""

    def __init__(self, horizon_days: int) -> None:
        self._learners: tuple[Learner, ...] = (Persistence(LAST_MONTH), *_fresh_learners())
        self._young: tuple[Learner, ...] = ()
        self._young_examples = 0
        self._losses = tuple(stats.EWMean(_FADING) for _ in self._learners)
        self._variance = stats.EWMean(_FADING)
        self._sheets: SheetBook[Sheet] = SheetBook(horizon_days)

    def sheet_at(self, time_ms: int) -> Sheet | None:
        """The newest sheet written at or before `time_ms`; None where there is none that old."""
        return self._sheets.at(time_ms)

    def sheet_now(self, log_time_ms: int) -> Sheet:
        """The stack as it is."""
        coefficients = tuple(learner.coefficients() for learner in self._learners)
        return Sheet(log_time_ms, coefficients, self._mix(), float(self._variance.get()))

    def learn(self, inputs: Inputs, spend_minor: int, predicted_at_ms: int, log_time_ms: int) -> Prediction | None:
        """Learn from a matured example; return what was predicted at its own time, None where nothing could be."""
        if self._sheets.is_due(log_time_ms):
            self._sheets.write(log_time_ms, self.sheet_now(log_time_ms))
        target = root(spend_minor / MINOR_PER_UNIT)
        sheet = self._sheets.at(predicted_at_ms)
        prediction = None if sheet is None else self._judge(sheet, sheet.roots(inputs), target)
        for learner in self._learners:
            learner.learn(inputs, target)
        if self._young:
            self._raise_young(inputs, target)
        return prediction

    def renew(self) -> None:
        """The world has changed: raise fresh learners beside the present ones, to take their place when of age."""
        if not self._young:
            self._young = _fresh_learners()
            self._young_examples = 0

    def _raise_young(self, inputs: Inputs, target: float) -> None:
        for learner in self._young:
            learner.learn(inputs, target)
        self._young_examples += 1
        if self._young_examples == _COME_OF_AGE:
            self._learners = (self._learners[0], *self._young)
            self._young = ()

    def _judge(self, sheet: Sheet, roots: Sequence[float], target: float) -> Prediction:
        """Note the loss of each learner, and of their mix."""
        for loss, value in zip(self._losses, roots, strict=True):
            loss.update(abs(value - target))
        prediction = sheet.mixed(roots)
        self._variance.update((prediction.root - target) * (prediction.root - target))
        return prediction

    def _mix(self) -> tuple[float, ...]:
        """Shares of the learners by recent loss; persistence alone until the others have been tested."""
        losses = [float(loss.get()) for loss in self._losses]
        best = min(losses)
        if best <= 0.0:
            return (1.0, *(0.0 for _ in losses[1:]))
        raw = [sharpened(best / loss, _SQUARINGS) for loss in losses]
        total = sum(raw)
        return tuple(value / total for value in raw)


def _fresh_learners() -> tuple[Learner, ...]:
    return LeastSquares(), LeastDeviations()


def sharpened(ratio: float, squarings: int) -> float:
    """`ratio` to the power of two to the `squarings`.

    Example:
        >>> sharpened(0.5, 2)
        0.0625
    """
    for _ in range(squarings):
        ratio *= ratio
    return ratio
