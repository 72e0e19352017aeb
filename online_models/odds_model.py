"""A stack of log-odds with its own figures and its own watch for drift."""

from river import stats

from online_models.contract import Inputs
from online_models.drift import DriftWatch
from online_models.figures import OddsFigures
from online_models.odds import probability
from online_models.odds_stack import Makers, OddsStack, log_loss

_MICRO = 1_000_000


class OddsModel:
    """The chance of a purchase within `days`: test, watch, learn.

    When the error has drifted, the learners start anew and the static rule answers until they are better than it.
    """

    def __init__(self, days: int, horizon_days: int, makers: Makers) -> None:
        self.stack = OddsStack(days, horizon_days, makers)
        self.drift = DriftWatch()
        self._static = f"static_{days}d"
        self._loss = stats.Mean()
        self._static_loss = stats.Mean()
        self._predicted = stats.Mean()
        self._happened = stats.Mean()

    def learn(self, inputs: Inputs, happened: int, predicted_at_ms: int, log_time_ms: int) -> float | None:
        """Learn from a matured example; return the chance as of its own time, None where nothing was written then."""
        chance = self.stack.learn(inputs, happened, predicted_at_ms, log_time_ms)
        if chance is not None:
            loss = log_loss(chance, happened)
            self._loss.update(loss)
            self._static_loss.update(log_loss(probability(inputs[self._static]), happened))
            self._predicted.update(chance)
            self._happened.update(happened)
            if self.drift.update(loss):
                self.stack.renew()
        return chance

    def figures(self) -> OddsFigures:
        """Where it stands."""
        return OddsFigures(
            examples=int(self._loss.n),
            loss_micro=round(self._loss.get() * _MICRO),
            static_loss_micro=round(self._static_loss.get() * _MICRO),
            predicted_share_ppm=round(self._predicted.get() * _MICRO),
            realised_share_ppm=round(self._happened.get() * _MICRO),
            drift_alarms=self.drift.alarms,
            falls_back=self.stack.falls_back,
        )
