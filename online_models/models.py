"""All that is learned under a policy, side by side: what members will do, what actions are worth, who they are."""

from loyalty.policy import Learning, Policy
from loyalty.weights import Weights
from online_models.burn import BurnModel
from online_models.drift import DriftWatch
from online_models.effects import EffectEstimator, learnable_actions
from online_models.evaluation import ValueScore
from online_models.examples import Outcome
from online_models.habits import MONTH_DAYS, WEEK_DAYS, habit_row
from online_models.inputs import MINOR_PER_UNIT, model_row, persistence_minor, root
from online_models.issuance import IssuanceBook
from online_models.next_category import NextCategory
from online_models.odds_model import OddsModel
from online_models.portrait import Portrait
from online_models.stack import ValueStack
from online_models.tier_score import TermEstimator, TermEvidence
from online_models.trials import TrialEstimator, trial_cost_bp
from online_models.weights import ActionEvidence, Tried, propose

KEPT_SHARE = 0.5
"""What remains of the evidence after a drift alarm."""

# A third of the examples draws nearly as good a portrait, as a member has one almost every day: the mean square of a
# member's distance from the nearest centroid is 0.250 to 0.262, by where the third begins, where all of them give 0.250
# to 0.257 (the first 16,000 examples of the Complete Journey year).
PORTRAIT_EVERY = 3


def rewarded_actions(policy: Policy) -> tuple[str, ...]:
    """The actions whose awards a learned weight may change, in the order of the policy's rules."""
    return learnable_actions([rule.action for rule in policy.earning if rule.learned and rule.unit == "points"])


class Models:
    """Everything that learns. One outcome is read by each of them once."""

    def __init__(self, policy: Policy) -> None:
        self.horizon_days = policy.learning.horizon_days
        self.value = ValueStack(self.horizon_days)
        self.score = ValueScore()
        self.drift = DriftWatch()
        self.buys_in_week = OddsModel(WEEK_DAYS, self.horizon_days)
        self.stays_active = OddsModel(MONTH_DAYS, self.horizon_days)
        self.burn = BurnModel(self.horizon_days)
        self.next_category = NextCategory(self.horizon_days)
        self.portrait = Portrait()
        self.effects = EffectEstimator(rewarded_actions(policy))
        self.issuance = IssuanceBook(self.effects.actions)
        self.terms = TermEstimator(policy.tiers)
        self.trial = TrialEstimator(policy.trial, self.horizon_days)
        self._seen = 0

    def under(self, policy: Policy) -> "Models":
        """The models for another policy: what it does not concern goes on, the rest starts anew."""
        models = Models(policy)
        models._seen, models.portrait = self._seen, self.portrait
        if models.horizon_days == self.horizon_days:
            models.value, models.score, models.drift = self.value, self.score, self.drift
            models.buys_in_week, models.stays_active = self.buys_in_week, self.stays_active
            models.burn, models.next_category = self.burn, self.next_category
            if models.effects.actions == self.effects.actions:
                models.effects, models.issuance = self.effects, self.issuance
            if models.trial.basis == self.trial.basis:
                models.trial = self.trial
            if models.terms.basis == self.terms.basis:
                models.terms = self.terms
        return models

    def learn(self, outcome: Outcome, log_time_ms: int) -> bool:
        """Test, then learn from one outcome; True when the value model's error has drifted."""
        self._seen += 1
        spend_minor = outcome.label_spend_minor
        moment_ms = outcome.predicted_at_ms
        predicted = self.value.learn(model_row(outcome.features), spend_minor, moment_ms, log_time_ms)
        drifted = False
        if predicted is not None:
            self.score.update(predicted, persistence_minor(outcome.features, self.horizon_days), spend_minor)
            drifted = self.drift.update(abs(predicted.root - root(spend_minor / MINOR_PER_UNIT)))
        habits = habit_row(outcome.features)
        self.buys_in_week.learn(habits, int(outcome.label_week_minor > 0), moment_ms, log_time_ms)
        self.stays_active.learn(habits, int(spend_minor > 0), moment_ms, log_time_ms)
        self.burn.learn(outcome, log_time_ms)
        self.next_category.learn(outcome, log_time_ms)
        if self._seen % PORTRAIT_EVERY == 0:
            self.portrait.learn(outcome.features)
        self.effects.observe(outcome)
        self.terms.observe(outcome)
        self.trial.observe(outcome)
        self.issuance.observe(outcome)
        if drifted:
            self.value.renew()
            self.effects.forget(KEPT_SHARE)
            self.terms.forget(KEPT_SHARE)
            self.trial.forget(KEPT_SHARE)
        return drifted

    def propose(
        self, weights: Weights, learning: Learning
    ) -> tuple[tuple[ActionEvidence, ...], tuple[TermEvidence, ...]]:
        """The next weights by action and by score term; nothing before there are examples enough."""
        actions: tuple[ActionEvidence, ...] = ()
        terms: tuple[TermEvidence, ...] = ()
        if self.effects.examples >= learning.min_examples:
            actions = propose(
                self.effects.effects(),
                self.issuance.issuances(),
                self.issuance.spend_per_point(),
                dict(weights.earning_bp),
                learning,
                Tried(self.trial.worths(self.issuance.spend_per_point()), trial_cost_bp(self.trial.basis[0])),
            )
        if self._seen >= learning.min_examples:
            terms = self.terms.propose(dict(weights.score_bp), learning)
        return actions, terms
