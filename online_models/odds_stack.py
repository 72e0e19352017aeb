"""The chance that a member buys within some days: a small stack of learners of log-odds, mixed by recent loss.

The static rule, purchases at random at the member's rate of the last 90 days, is a member of the stack and its
fall-back: where the mix does worse than the rule alone, the rule alone answers, until the mix is better again. Examples
are judged as of their own time, as in `online_models.stack`.
"""

from math import log
from typing import NamedTuple

import numpy as np
from river import stats

from online_models.contract import Inputs
from online_models.habits import static_input
from online_models.moments import Floats
from online_models.odds import LogisticLeastSquares, probability
from online_models.rows import Columns, row_of, widened
from online_models.sheets import SheetBook
from online_models.stack import blend, shares_of

# As in the value stack, losses look back about 600 examples; a share goes with (best loss / its loss) to the power 32,
# because log-losses of good and bad models lie closer together than absolute errors of money.
_FADING = 0.003
_SQUARINGS = 5

# The rule alone answers while its loss is lower than the mix's by this share. Both ways, so that it does not flicker.
_HYSTERESIS = 0.01

# Losses are cut here, a chance of one in 20,000 of what came to pass, so that one surprise does not decide.
_WORST_LOSS = 10.0


class OddsSheet(NamedTuple):
    """The stack as written down: enough to predict, nothing to learn with. A row of `matrix` per learner."""

    names: tuple[str, ...]
    matrix: Floats
    mix: tuple[float, ...]
    static: bool

    def log_odds(self, row: Floats) -> list[float]:
        """What each learner answers to a row in the order of `names`; the static rule first."""
        answers: list[float] = (self.matrix @ row).tolist()
        return answers


class OddsStack:
    """Chance of a purchase within `days`; labels are read when `horizon_days` have passed."""

    def __init__(self, days: int, horizon_days: int) -> None:
        self.days = days
        self._static = static_input(days)
        self._columns = Columns()
        self._learner = LogisticLeastSquares()
        self._losses = (stats.EWMean(_FADING), stats.EWMean(_FADING))
        self._mixed_loss = stats.EWMean(_FADING)
        self._falls_back = True
        self._sheets: SheetBook[OddsSheet] = SheetBook(horizon_days)

    @property
    def falls_back(self) -> bool:
        """Whether the static rule answers alone: before the first judged example, and while it does better."""
        return self._falls_back

    def sheet_now(self) -> OddsSheet:
        """The stack as it is."""
        names = self._columns.names_with(self._static)
        static = np.array([float(name == self._static) for name in names])
        matrix = np.stack((static, widened(self._learner.state, len(names))))
        mix = shares_of([float(loss.get()) for loss in self._losses], _SQUARINGS)
        return OddsSheet(names, matrix, mix, self._falls_back)

    def predict(self, sheet: OddsSheet, inputs: Inputs) -> float:
        """The chance by a sheet."""
        answers = sheet.log_odds(row_of(inputs, sheet.names))
        return probability(answers[0] if sheet.static else blend(sheet.mix, answers))

    def learn(self, inputs: Inputs, happened: int, predicted_at_ms: int, log_time_ms: int) -> float | None:
        """Learn whether it `happened`, 1 or 0; return the chance as of its own time, None if no sheet is that old."""
        if self._sheets.is_due(log_time_ms):
            self._sheets.write(log_time_ms, self.sheet_now())
        row = self._columns.row(inputs)
        sheet = self._sheets.at(predicted_at_ms)
        chance = None
        if sheet is not None:
            asked = row if sheet.names is self._columns.names else row_of(inputs, sheet.names)
            chance = self._judge(sheet, asked, happened)
        self._learner.update(row, float(happened))
        return chance

    def _judge(self, sheet: OddsSheet, row: Floats, happened: int) -> float:
        answers = sheet.log_odds(row)
        for loss, answer in zip(self._losses, answers, strict=True):
            loss.update(log_loss(probability(answer), happened))
        mixed = probability(blend(sheet.mix, answers))
        self._mixed_loss.update(log_loss(mixed, happened))
        static, stack = float(self._losses[0].get()), float(self._mixed_loss.get())
        self._falls_back = static < stack * (1.0 + (_HYSTERESIS if self._falls_back else -_HYSTERESIS))
        return probability(answers[0]) if sheet.static else mixed

    def renew(self) -> None:
        """The world has changed: start the learner anew; the static rule answers until it is better."""
        self._learner = LogisticLeastSquares()


def log_loss(chance: float, happened: int) -> float:
    """Minus the logarithm of the chance given to what came to pass.

    Example:
        >>> round(log_loss(0.5, 1), 3), log_loss(0.0, 1)
        (0.693, 10.0)
    """
    given = chance if happened else 1.0 - chance
    return min(_WORST_LOSS, -log(given)) if given > 0.0 else _WORST_LOSS
