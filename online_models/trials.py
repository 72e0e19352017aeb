"""What a trial shows: the spend that one more point on an action buys, by comparing members whom chance has set apart.

Each arm's mean spend over the horizon is compared with that of the hold-out, week by week, with the standard error of
leaving out groups of members (`online_models.moments`). Divided by the extra points the arm got, and by what members
spend per point, that is the worth of the action (`online_models.weights`). Chance dealt the arms, so member effects are
gone, and there is nothing for a placebo to find.

A label that was opened before the trial began counts in part only: the first month underestimates, it never overstates.
"""

from collections.abc import Mapping

from features.event_time import DAY_MS
from loyalty.policy.fields import BP
from loyalty.policy.trial import Trial
from loyalty.trials import HOLD_OUT
from online_models.examples import Outcome
from online_models.moments import GROUPS, BlockMoments
from online_models.weights import Worth

_WEEK_MS = 7 * DAY_MS

# As for the effects: few members make most of the sums.
_CUT = 8

# Outcomes of an arm before its worth is asked for.
_LEAST = 200


class TrialEstimator:
    """Worth of each action of a trial."""

    def __init__(self, trial: Trial, horizon_days: int) -> None:
        self.basis = (trial, horizon_days)
        self._actions = trial.actions
        self._bonus = (trial.bonus_bp - BP) / BP
        self._horizon_ms = horizon_days * DAY_MS
        # one column per action, then the spend; the hold-out is what is left
        self._moments = BlockMoments(len(self._actions) + 1)
        self._outcomes = dict.fromkeys((*self._actions, HOLD_OUT), 0)
        self._points = dict.fromkeys(self._actions, 0)
        self._span_ms = dict.fromkeys(self._actions, 0)
        self._spend_minor = 0
        self._seen = 0

    def observe(self, outcome: Outcome) -> None:
        """Add one outcome; of members who take no part nothing is used."""
        arm = outcome.arm
        if arm not in self._outcomes:
            return
        self._seen += 1
        self._outcomes[arm] += 1
        self._spend_minor += max(0, outcome.label_spend_minor)
        if arm != HOLD_OUT:
            self._points[arm] += dict(outcome.issued).get(arm, 0)
            self._span_ms[arm] += outcome.matured_at_ms - outcome.issued_from_ms
        spend = min(outcome.label_spend_minor, max(_CUT, _CUT * self._spend_minor // self._seen))
        row = [*(float(action == arm) for action in self._actions), float(spend)]
        self._moments.add(outcome.predicted_at_ms // _WEEK_MS, int(outcome.member, 16) % GROUPS, row)

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned."""
        self._moments.forget(share)

    def worths(self, spend_per_point: float) -> Mapping[str, Worth]:
        """Worth of the actions whose arm and hold-out have outcomes enough and whose arm has earned something."""
        if not self._actions or spend_per_point <= 0.0 or self._outcomes[HOLD_OUT] < _LEAST:
            return {}
        effects, errors = self._moments.regress(list(range(len(self._actions))), len(self._actions))
        worths = {}
        for place, action in enumerate(self._actions):
            if self._outcomes[action] < _LEAST or self._points[action] <= 0 or self._span_ms[action] <= 0:
                continue
            extra = self._points[action] * self._bonus * self._horizon_ms / self._span_ms[action]
            scale = BP / (extra * spend_per_point)
            worths[action] = Worth(round(effects[place] * scale), round(errors[place] * scale), 0, 0)
        return worths


def trial_cost_bp(trial: Trial) -> dict[str, int]:
    """What the trial adds to the points issued for each of its actions, in basis points of them.

    Example:
        >>> trial_cost_bp(Trial(actions=("review",), share_bp=2_000, bonus_bp=12_000))
        {'review': 200}
    """
    arms = len(trial.actions) + 1
    return dict.fromkeys(trial.actions, trial.share_bp * (trial.bonus_bp - BP) // (arms * BP))
