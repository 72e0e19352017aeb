"""A static rule and a learner, mixed by recent loss; the rule alone answers while it does better.

The rule is one of the inputs. Answers are linear in the inputs, so the stack can be written down as a small matrix once
a day of log time, and an example is judged by the sheet of its own time, as in `online_models.stack`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from river import stats

from online_models.contract import Inputs
from online_models.moments import Floats
from online_models.rows import Columns, Row, RowLearner, widened
from online_models.sheets import SheetBook
from online_models.stack import shares_of

Loss = Callable[[float, float], float]
"""From an answer and what came to pass to a loss; not negative."""

# As in the value stack, losses look back about 600 examples; a share goes with (best loss / its loss) to the power 32,
# because log-losses of good and bad models lie closer together than absolute errors of money.
_FADING = 0.003
_SQUARINGS = 5

# The rule alone answers while its loss is lower than the mix's by this share. Both ways, so that it does not flicker.
_HYSTERESIS = 0.01


class MixedSheet(NamedTuple):
    """The stack as written down: enough to answer, nothing to learn with. The first row of `matrix` is the rule's."""

    names: tuple[str, ...]
    matrix: Floats
    mix: tuple[float, ...]
    static: bool

    def answers(self, row: Floats) -> list[float]:
        """What the rule and the learner answer to a row in the order of `names`."""
        answers: list[float] = self.matrix.dot(row).tolist()
        return answers

    def answer(self, inputs: Inputs) -> float:
        """What the stack answers."""
        answers = self.answers(Row.of(inputs).under(self.names))
        return answers[0] if self.static else self.mixed(answers)

    def mixed(self, answers: list[float]) -> float:
        """The mix of what the rule and the learner answer."""
        rule, learner = answers
        return self.mix[0] * rule + self.mix[1] * learner


class Judged(NamedTuple):
    """What the stack answered to an example as of its own time, the loss of that, and the loss of the rule's answer."""

    answer: float
    loss: float
    static_loss: float


class MixedStack:
    """The rule is the input `static`; `make` gives the learner; `loss` must be a function of a module, for pickles."""

    def __init__(self, static: str, make: Callable[[], RowLearner], loss: Loss, horizon_days: int) -> None:
        self._static = static
        self._make = make
        self._loss = loss
        self._columns = Columns()
        self._learner = make()
        self._losses = (stats.EWMean(_FADING), stats.EWMean(_FADING))
        self._mixed_loss = stats.EWMean(_FADING)
        self._falls_back = True
        self._sheets: SheetBook[MixedSheet] = SheetBook(horizon_days)

    @property
    def falls_back(self) -> bool:
        """Whether the static rule answers alone: before the first judged example, and while it does better."""
        return self._falls_back

    def sheet_now(self) -> MixedSheet:
        """The stack as it is."""
        names = self._columns.names_with(self._static)
        static = np.array([float(name == self._static) for name in names])
        matrix = np.stack((static, widened(self._learner.state, len(names))))
        mix = shares_of([float(loss.get()) for loss in self._losses], _SQUARINGS)
        return MixedSheet(names, matrix, mix, self._falls_back)

    def test_then_learn(self, row: Row, target: float, predicted_at_ms: int, log_time_ms: int) -> Judged | None:
        """Learn from a matured example; return how it was answered at its own time, None if no sheet is that old."""
        if self._sheets.is_due(log_time_ms):
            self._sheets.write(log_time_ms, self.sheet_now())
        values = self._columns.read(row)
        sheet = self._sheets.at(predicted_at_ms)
        judged = None if sheet is None else self._judge(sheet, row.under(sheet.names), target)
        self._learner.update(values, target)
        return judged

    def _judge(self, sheet: MixedSheet, row: Floats, target: float) -> Judged:
        loss = self._loss
        answers = sheet.answers(row)
        mixed = sheet.mixed(answers)
        static_loss, mixed_loss = loss(answers[0], target), loss(mixed, target)
        recent_static, recent_learner = self._losses
        recent_static.update(static_loss)
        recent_learner.update(loss(answers[1], target))
        self._mixed_loss.update(mixed_loss)
        static, stack = recent_static.get(), self._mixed_loss.get()
        self._falls_back = static < stack * (1.0 + (_HYSTERESIS if self._falls_back else -_HYSTERESIS))
        if sheet.static:
            return Judged(answers[0], static_loss, static_loss)
        return Judged(mixed, mixed_loss, static_loss)

    def renew(self) -> None:
        """The world has changed: start the learner anew; the static rule answers until it is better."""
        self._learner = self._make()
