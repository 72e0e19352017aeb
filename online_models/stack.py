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

import numpy as np
from river import stats

from online_models.contract import Inputs
from online_models.inputs import LAST_MONTH, MINOR_PER_UNIT, root
from online_models.learners import LeastDeviations, LeastSquares
from online_models.moments import Floats
from online_models.rows import Columns, Row, RowLearner, widened
from online_models.sheets import SheetBook

# Share of the newest example in the recent losses that the mix goes by: they look back about 600 examples. Slower, and
# the mix does not get over the follies of young models; faster, and it follows noise (0.001 and 0.01 both lose 0.3%).
_FADING = 0.003

# A learner's share goes with (best loss / its loss) to the power 2**4: at 10% over the best one it has 0.22 of a share.
# Squaring four times is exact in IEEE 754, where `exp` and `pow` may differ between machines.
_SQUARINGS = 4

# Persistence alone answers while its loss is lower than the mix's by this share; both ways, so it does not flicker.
_HYSTERESIS = 0.01

# A hundred million currency units in a month: no forecast goes beyond.
_HIGHEST_ROOT = 10_000.0

# After a drift, fresh learners need this many examples before they take over: about a hundred for each coefficient.
_COME_OF_AGE = 2_000


class Prediction(NamedTuple):
    """Spend over the horizon: the root that was predicted, and in minor units its square and the mean."""

    root: float
    typical_minor: int
    expected_minor: int


class Sheet(NamedTuple):
    """The stack as written down at a log time: enough to predict, nothing to learn with.

    A row of `matrix` per learner, persistence first, and a column per name. `alone`: persistence answers alone.
    """

    log_time_ms: int
    names: tuple[str, ...]
    matrix: Floats
    mix: tuple[float, ...]
    variance: float
    alone: bool = False

    def roots(self, row: Floats) -> list[float]:
        """What each learner predicts for the root of the spend, from a row in the order of `names`."""
        answers: list[float] = self.matrix.dot(row).tolist()
        return [min(_HIGHEST_ROOT, max(0.0, answer)) for answer in answers]

    def predict(self, inputs: Inputs) -> Prediction:
        """The mix of the learners, or persistence where it answers alone, squared back to money."""
        roots = self.roots(Row.of(inputs).under(self.names))
        return self.as_money(roots[0] if self.alone else blend(self.mix, roots))

    def as_money(self, root_mixed: float) -> Prediction:
        """A root squared back to money."""
        typical = root_mixed * root_mixed
        return Prediction(
            root_mixed, round(typical * MINOR_PER_UNIT), round((typical + self.variance) * MINOR_PER_UNIT)
        )

    def flat(self) -> Inputs:
        """The mix as one linear model of the root of the spend."""
        mix = (1.0, *(0.0 for _ in self.mix[1:])) if self.alone else self.mix
        return dict(zip(self.names, (np.array(mix) @ self.matrix).tolist(), strict=True))


class ValueStack:
    """Learners of the root of the next spend, their mix, and the sheets of the last horizon.

    Persistence is the static rule: it answers alone while it does better than the mix, and until that was tested.
    """

    def __init__(self, horizon_days: int) -> None:
        self._columns = Columns()
        self._learners = _fresh_learners()
        self._young: tuple[RowLearner, ...] = ()
        self._young_examples = 0
        self._losses = tuple(stats.EWMean(_FADING) for _ in range(1 + len(self._learners)))
        self._mixed_loss = stats.EWMean(_FADING)
        self._falls_back = True
        self._variance = stats.EWMean(_FADING)
        self._sheets: SheetBook[Sheet] = SheetBook(horizon_days)

    @property
    def falls_back(self) -> bool:
        """Whether persistence answers alone: before the first judged example, and while it does better."""
        return self._falls_back

    def sheet_at(self, time_ms: int) -> Sheet | None:
        """The newest sheet written at or before `time_ms`; None where there is none that old."""
        return self._sheets.at(time_ms)

    def sheet_now(self, log_time_ms: int) -> Sheet:
        """The stack as it is."""
        names = self._columns.names_with(LAST_MONTH)
        naive = np.array([float(name == LAST_MONTH) for name in names])
        matrix = np.stack((naive, *(widened(learner.state, len(names)) for learner in self._learners)))
        return Sheet(log_time_ms, names, matrix, self._mix(), float(self._variance.get()), self._falls_back)

    def learn(self, row: Row, spend_minor: int, predicted_at_ms: int, log_time_ms: int) -> Prediction | None:
        """Learn from a matured example; return what was predicted at its own time, None where nothing could be."""
        if self._sheets.is_due(log_time_ms):
            self._sheets.write(log_time_ms, self.sheet_now(log_time_ms))
        values = self._columns.read(row)
        target = root(spend_minor / MINOR_PER_UNIT)
        sheet = self._sheets.at(predicted_at_ms)
        prediction = None
        if sheet is not None:
            prediction = self._judge(sheet, sheet.roots(row.under(sheet.names)), target)
        for learner in self._learners:
            learner.update(values, target)
        if self._young:
            self._raise_young(values, target)
        return prediction

    def renew(self) -> None:
        """The world has changed: raise fresh learners beside the present ones, to take their place when of age."""
        if not self._young:
            self._young = _fresh_learners()
            self._young_examples = 0

    def _raise_young(self, row: Floats, target: float) -> None:
        for learner in self._young:
            learner.update(row, target)
        self._young_examples += 1
        if self._young_examples == _COME_OF_AGE:
            self._learners, self._young = self._young, ()

    def _judge(self, sheet: Sheet, roots: Sequence[float], target: float) -> Prediction:
        """Note the loss of each learner, and of their mix."""
        for loss, value in zip(self._losses, roots, strict=True):
            loss.update(abs(value - target))
        mixed_root = blend(sheet.mix, roots)
        self._mixed_loss.update(abs(mixed_root - target))
        naive, mixed = float(self._losses[0].get()), float(self._mixed_loss.get())
        self._falls_back = naive < mixed * (1.0 + (_HYSTERESIS if self._falls_back else -_HYSTERESIS))
        prediction = sheet.as_money(roots[0] if sheet.alone else mixed_root)
        self._variance.update((prediction.root - target) * (prediction.root - target))
        return prediction

    def _mix(self) -> tuple[float, ...]:
        """Shares of the learners by recent loss; persistence alone until the others have been tested."""
        return shares_of([float(loss.get()) for loss in self._losses], _SQUARINGS)


def _fresh_learners() -> tuple[RowLearner, ...]:
    return LeastSquares(), LeastDeviations()


def shares_of(losses: Sequence[float], squarings: int) -> tuple[float, ...]:
    """Shares of a mix by losses; all of it for the first one, the static rule, before anything was judged.

    Example:
        >>> shares_of([0.0, 0.0], 4), shares_of([2.0, 1.0], 1)
        ((1.0, 0.0), (0.2, 0.8))
    """
    best = min(losses)
    if best <= 0.0:
        return (1.0, *(0.0 for _ in losses[1:]))
    raw = [sharpened(best / loss, squarings) for loss in losses]
    total = sum(raw)
    return tuple(value / total for value in raw)


def blend(mix: Sequence[float], answers: Sequence[float]) -> float:
    """The mix of some answers, summed in their order."""
    total = 0.0
    for share, answer in zip(mix, answers, strict=True):
        total += share * answer
    return total


def sharpened(ratio: float, squarings: int) -> float:
    """`ratio` to the power of two to the `squarings`.

    Example:
        >>> sharpened(0.5, 2)
        0.0625
    """
    for _ in range(squarings):
        ratio *= ratio
    return ratio
