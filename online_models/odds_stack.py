"""The chance that a member buys within some days: a small stack of learners of log-odds, mixed by recent loss.

The static rule, purchases at random at the member's rate of the last 90 days, is a member of the stack and its
fall-back: where the mix does worse than the rule alone, the rule alone answers, until the mix is better again. Examples
are judged as of their own time, as in `online_models.stack`.
"""

from math import log
from operator import mul
from typing import NamedTuple

from river import stats

from online_models.contract import Inputs, Learner
from online_models.habits import static_input
from online_models.learners import Persistence
from online_models.odds import LogisticLeastSquares, probability
from online_models.sheets import SheetBook
from online_models.stack import sharpened

# As in the value stack, losses look back about 600 examples; a share goes with (best loss / its loss) to the power 32,
# because log-losses of good and bad models lie closer together than absolute errors of money.
_FADING = 0.003
_SQUARINGS = 5

# The rule alone answers while its loss is lower than the mix's by this share. Both ways, so that it does not flicker.
_HYSTERESIS = 0.01

# Losses are cut here, a chance of one in 20,000 of what came to pass, so that one surprise does not decide.
_WORST_LOSS = 10.0


class OddsSheet(NamedTuple):
    """The stack as written down: enough to predict, nothing to learn with."""

    names: tuple[str, ...]
    coefficients: tuple[tuple[float, ...], ...]
    mix: tuple[float, ...]
    static: bool

    def log_odds(self, inputs: Inputs) -> list[float]:
        """What each learner answers; the static rule first."""
        values = [inputs.get(name, 0.0) for name in self.names]
        return [sum(map(mul, row, values)) for row in self.coefficients]

    def mixed(self, answers: list[float]) -> float:
        """The mix of the answers, in log-odds."""
        total = 0.0
        for share, answer in zip(self.mix, answers, strict=True):
            total += share * answer
        return total


class OddsStack:
    """Chance of a purchase within `days`; labels are read when `horizon_days` have passed."""

    def __init__(self, days: int, horizon_days: int) -> None:
        self.days = days
        self._static = Persistence(static_input(days))
        self._learners: tuple[Learner, ...] = (self._static, LogisticLeastSquares())
        self._losses = tuple(stats.EWMean(_FADING) for _ in self._learners)
        self._mixed_loss = stats.EWMean(_FADING)
        self._falls_back = True
        self._sheets: SheetBook[OddsSheet] = SheetBook(horizon_days)

    @property
    def falls_back(self) -> bool:
        """Whether the static rule answers alone: before the first judged example, and while it does better."""
        return self._falls_back

    def sheet_now(self) -> OddsSheet:
        """The stack as it is."""
        written = [learner.coefficients() for learner in self._learners]
        names = tuple(dict.fromkeys(name for coefficients in written for name in coefficients))
        rows = tuple(tuple(coefficients.get(name, 0.0) for name in names) for coefficients in written)
        return OddsSheet(names, rows, self._mix(), self._falls_back)

    def predict(self, sheet: OddsSheet, inputs: Inputs) -> float:
        """The chance by a sheet."""
        answers = sheet.log_odds(inputs)
        return probability(answers[0] if sheet.static else sheet.mixed(answers))

    def learn(self, inputs: Inputs, happened: int, predicted_at_ms: int, log_time_ms: int) -> float | None:
        """Learn whether it `happened`, 1 or 0; return the chance as of its own time, None if no sheet is that old."""
        if self._sheets.is_due(log_time_ms):
            self._sheets.write(log_time_ms, self.sheet_now())
        sheet = self._sheets.at(predicted_at_ms)
        chance = None if sheet is None else self._judge(sheet, inputs, happened)
        target = float(happened)
        for learner in self._learners:
            learner.learn(inputs, target)
        return chance

    def _judge(self, sheet: OddsSheet, inputs: Inputs, happened: int) -> float:
        answers = sheet.log_odds(inputs)
        for loss, answer in zip(self._losses, answers, strict=True):
            loss.update(log_loss(probability(answer), happened))
        mixed = sheet.mixed(answers)
        self._mixed_loss.update(log_loss(probability(mixed), happened))
        static, stack = float(self._losses[0].get()), float(self._mixed_loss.get())
        self._falls_back = static < stack * (1.0 + (_HYSTERESIS if self._falls_back else -_HYSTERESIS))
        return probability(answers[0] if sheet.static else mixed)

    def renew(self) -> None:
        """The world has changed: start the learner anew; the static rule answers until they are better."""
        self._learners = (self._static, LogisticLeastSquares())

    def _mix(self) -> tuple[float, ...]:
        """Shares of the learners by recent loss; the static rule alone before any was judged."""
        losses = [float(loss.get()) for loss in self._losses]
        best = min(losses)
        if best <= 0.0:
            return (1.0, *(0.0 for _ in losses[1:]))
        raw = [sharpened(best / loss, _SQUARINGS) for loss in losses]
        total = sum(raw)
        return tuple(value / total for value in raw)


def log_loss(chance: float, happened: int) -> float:
    """Minus the logarithm of the chance given to what came to pass.

    Example:
        >>> round(log_loss(0.5, 1), 3), log_loss(0.0, 1)
        (0.693, 10.0)
    """
    given = chance if happened else 1.0 - chance
    return min(_WORST_LOSS, -log(given)) if given > 0.0 else _WORST_LOSS
