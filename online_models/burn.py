"""Burn rate: the points a member will redeem over the horizon, as a share of those earned in it.

The static rule is the member's own rate so far. Squared error, because rates are zero for most and sums over members
(what rewards will cost) must come out right.
"""

from features.event_time import DAY_MS
from features.vector import feature_index
from online_models.contract import Inputs
from online_models.drift import DriftWatch
from online_models.examples import Outcome
from online_models.figures import OddsFigures
from online_models.inputs import root
from online_models.learners import LeastSquares
from online_models.mixed_stack import MixedStack
from online_models.rows import Row

# Who redeems what was saved for a year in a quiet month has a rate of 12; that is not what the next month will be like.
_HIGHEST = 2.0

_MICRO = 1_000_000
_OWN = "own_burn"
_REDEEMED_90D = feature_index("redeem_count_90d")
_REDEEMED_EVER = feature_index("redeem_count_all")
_PURCHASES_30D = feature_index("purchase_count_30d")
_RECENCY = feature_index("recency_purchase_ms")
_TENURE = feature_index("tenure_days")
_MONTH_DAYS = 30

_NAMES = (_OWN, "redeems_90d", "redeems_ever", "saved", "purchases_30d", "silent_30d", "young", "one")


def burn_rate(redeemed_points: int, earned_points: int) -> float:
    """Points redeemed per point earned, at most 2.

    Example:
        >>> burn_rate(50, 200), burn_rate(0, 0), burn_rate(900, 0)
        (0.25, 0.0, 2.0)
    """
    return min(_HIGHEST, max(0, redeemed_points) / max(1, earned_points))


def burn_inputs(outcome: Outcome) -> Inputs:
    """The inputs of the burn learners, by name: all known at the moment of the prediction."""
    features, saved = outcome.features, max(0, outcome.earned_points - outcome.redeemed_points)
    silence = features[_RECENCY] / DAY_MS
    return {
        _OWN: burn_rate(outcome.redeemed_points, outcome.earned_points),
        "redeems_90d": root(features[_REDEEMED_90D]),
        "redeems_ever": root(features[_REDEEMED_EVER]),
        "saved": saved / (saved + 1_000.0),
        "purchases_30d": root(features[_PURCHASES_30D]),
        "silent_30d": 1.0 / (1.0 + silence / _MONTH_DAYS),
        "young": _MONTH_DAYS / (_MONTH_DAYS + features[_TENURE]),
        "one": 1.0,
    }


def squared_error(answer: float, target: float) -> float:
    """Of an answer brought into the range of rates."""
    error = max(0.0, min(_HIGHEST, answer)) - target
    return error * error


class BurnModel:
    """The burn rate: test, watch, learn. Only of members who earned or redeemed something within the horizon."""

    def __init__(self, horizon_days: int) -> None:
        self.stack = MixedStack(_OWN, LeastSquares, squared_error, horizon_days)
        self.drift = DriftWatch()
        self._examples = 0
        self._loss = self._static_loss = self._predicted = self._realised = 0.0

    def learn(self, outcome: Outcome, log_time_ms: int) -> float | None:
        """Learn from a matured example; return the rate as predicted at its own time, None where nothing was."""
        if not outcome.label_earned_points and not outcome.label_redeemed_points:
            return None
        row = Row.named(_NAMES, burn_inputs(outcome))
        rate = burn_rate(outcome.label_redeemed_points, outcome.label_earned_points)
        judged = self.stack.test_then_learn(row, rate, outcome.predicted_at_ms, log_time_ms)
        if judged is None:
            return None
        answer = max(0.0, min(_HIGHEST, judged.answer))
        self._examples += 1
        self._loss += judged.loss
        self._static_loss += judged.static_loss
        self._predicted += answer
        self._realised += rate
        if self.drift.update(judged.loss):
            self.stack.renew()
        return answer

    def figures(self) -> OddsFigures:
        """Where it stands; losses are squared errors."""
        scale = _MICRO / max(1, self._examples)
        return OddsFigures(
            examples=self._examples,
            loss_micro=round(self._loss * scale),
            static_loss_micro=round(self._static_loss * scale),
            predicted_share_ppm=round(self._predicted * scale),
            realised_share_ppm=round(self._realised * scale),
            drift_alarms=self.drift.alarms,
            falls_back=self.stack.falls_back,
        )
