"""A stack of log-odds with its own figures and its own watch for drift."""

from online_models.drift import DriftWatch
from online_models.figures import OddsFigures
from online_models.odds import probability
from online_models.odds_stack import OddsStack
from online_models.rows import Row

_MICRO = 1_000_000


class OddsModel:
    """The chance of a purchase within `days`: test, watch, learn.

    When the error has drifted, the learners start anew and the static rule answers until they are better than it.
    """

    def __init__(self, days: int, horizon_days: int) -> None:
        self.stack = OddsStack(days, horizon_days)
        self.drift = DriftWatch()
        self._examples = 0
        self._loss = 0.0
        self._static_loss = 0.0
        self._predicted = 0.0
        self._happened = 0

    def learn(self, row: Row, happened: int, predicted_at_ms: int, log_time_ms: int) -> float | None:
        """Learn whether it `happened`, 1 or 0; return the chance as of its own time, None if no sheet is that old."""
        judged = self.stack.test_then_learn(row, float(happened), predicted_at_ms, log_time_ms)
        if judged is None:
            return None
        chance = probability(judged.answer)
        self._examples += 1
        self._loss += judged.loss
        self._static_loss += judged.static_loss
        self._predicted += chance
        self._happened += happened
        if self.drift.update(judged.loss):
            self.stack.renew()
        return chance

    def figures(self) -> OddsFigures:
        """Where it stands."""
        scale = _MICRO / max(1, self._examples)
        return OddsFigures(
            examples=self._examples,
            loss_micro=round(self._loss * scale),
            static_loss_micro=round(self._static_loss * scale),
            predicted_share_ppm=round(self._predicted * scale),
            realised_share_ppm=round(self._happened * scale),
            drift_alarms=self.drift.alarms,
            falls_back=self.stack.falls_back,
        )
