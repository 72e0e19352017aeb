"""The trainer: examples in, weights versions out, nothing else read.

Pure and deterministic: what it publishes is a function of the records up to an offset. It may be stopped and restored
from a checkpoint between any two records, or learn again from the first, and publishes the same bytes.
"""

from typing import Self

import msgspec

from features.errors import ContractError
from loyalty.policy import Policy, parse_policy
from loyalty.policy.fields import BP
from loyalty.weights import STATIC, Weights
from online_models import checkpoint
from online_models.evaluation import ValueScore
from online_models.examples import TABLE, Example, PolicyNotice, Record
from online_models.figures import CategoryFigures, OddsFigures, ValueFigures
from online_models.findings import Finding
from online_models.insights import Insights
from online_models.models import KEPT_SHARE, Models
from online_models.published import Evidence, PublishedWeights
from online_models.recommended import Recommendation
from online_models.tier_score import TermEvidence, as_pairs
from online_models.weights import ActionEvidence

# Epochs without new weights after a drift alarm: what the effects are worth now must be seen first.
_CALM_EPOCHS = 2

_MICRO = 1_000_000


class TrainerFigures(msgspec.Struct, frozen=True):
    """Where the trainer stands, for metrics and summaries.

    `duplicates` were learned before; `ahead` came before their turn and were left for when they come again. Of an
    undisturbed log there are none of either. `foreign` ones were made by another feature table: their vectors cannot be
    read with this one.
    """

    policy_version: int
    weights_version: int
    examples: int
    sightings: int
    duplicates: int
    ahead: int
    foreign: int
    epoch: int
    drift_alarms: int
    frozen: bool
    value: ValueFigures
    buys_in_week: OddsFigures
    stays_active: OddsFigures
    burn: OddsFigures
    next_category: CategoryFigures


class Trainer:
    """Learns from the examples topic, record by record.

    Example:
        >>> trainer = Trainer()
        >>> trainer.learn(PolicyNotice(version=1, text='''
        ... format = 1
        ... [programme]
        ... name = "Corner shop"
        ... currency = "EUR"
        ... [tiers]
        ... basis = "spend"
        ... ladder = [{id = "member", threshold = 0}]
        ... '''), 0)
        >>> trainer.figures().policy_version
        1
    """

    def __init__(self) -> None:
        self._next_number: dict[int, int] = {}
        self._duplicates = 0
        self._ahead = 0
        self._foreign = 0
        self._examples = 0
        self._sightings = 0
        self._epoch = 0
        self._epoch_examples = 0
        self._calm_epochs = 0
        self._span_ms = (0, 0)
        self._notice: PolicyNotice | None = None
        self._policy: Policy | None = None
        self._weights = STATIC
        self._models: Models | None = None
        self.insights = Insights()
        self.findings: tuple[Finding, ...] = ()
        self.recommendation: Recommendation | None = None

    def learn(self, record: Record, offset: int) -> PublishedWeights | None:
        """Read the next record of the examples topic, at `offset`; return a weights version if it completes one.

        An example counts once: of each source partition only the next number is accepted. A lower one was sent again,
        a higher one will be, after those before it.

        What else the record completes is then in `findings` and `recommendation`, until the next one is read.

        Raises:
            ContractError: an example comes before any policy notice.
            PolicyError: a notice's policy cannot be read.
        """
        self.findings, self.recommendation = (), None
        if isinstance(record, PolicyNotice):
            self._adopt(record)
            return None
        expected = self._next_number.get(record.partition, 0)
        if record.number != expected:
            self._duplicates += record.number < expected
            self._ahead += record.number > expected
            return None
        if self._models is None or self._policy is None:
            raise ContractError(f"example {record.partition}/{record.number}, offset {offset}, comes before any policy")
        self._next_number[record.partition] = expected + 1
        if not isinstance(record, Example):
            self._sightings += 1
            self.findings = self.insights.read(record, offset, self._policy, frozen=self._frozen)
            self.recommendation = self.insights.recommend(record, offset, self._policy)
            return None
        if record.outcome.table != TABLE:
            self._foreign += 1
            return None
        self._examples += 1
        self._epoch_examples += 1
        moment_ms = record.outcome.predicted_at_ms
        first_ms, last_ms = self._span_ms
        self._span_ms = (min(first_ms or moment_ms, moment_ms), max(last_ms, moment_ms))
        self.insights.offers.observe(record.outcome, self._policy)
        if self._models.learn(record.outcome, record.log_time_ms):
            self._calm_epochs = _CALM_EPOCHS
            self.insights.offers.forget(KEPT_SHARE)
        if self._epoch_examples < self._policy.learning.epoch_examples:
            return None
        return self._end_epoch(self._policy, self._models, record, offset)

    def _adopt(self, notice: PolicyNotice) -> None:
        """Take up a policy; the first notice of a version counts, and no earlier version after it."""
        if self._notice is not None and notice.version <= self._notice.version:
            return
        policy = parse_policy(notice.text, f"policy version {notice.version}")
        self._models = Models(policy) if self._models is None else self._models.under(policy)
        self._notice, self._policy = notice, policy
        self.insights.offers.adopt(policy)

    def _end_epoch(self, policy: Policy, models: Models, record: Example, offset: int) -> PublishedWeights | None:
        """Close the epoch: propose new weights where learning is not frozen, and publish them if they differ."""
        self._epoch += 1
        self._epoch_examples = 0
        calm, self._calm_epochs = self._calm_epochs, max(0, self._calm_epochs - 1)
        learning = policy.learning
        published = None
        if learning.enabled and not learning.frozen and not calm:
            actions, terms = models.propose(self._weights, learning)
            earning_bp = tuple((item.action, item.weight_bp) for item in actions if item.weight_bp != BP)
            now = self._weights
            weights = Weights(
                version=now.version + 1,
                earning_bp=earning_bp if actions else now.earning_bp,  # no evidence yet under this policy: as they are
                score_bp=as_pairs(terms) if terms else now.score_bp,
            )
            if (weights.earning_bp, weights.score_bp) != (now.earning_bp, now.score_bp):
                self._weights = weights
                published = PublishedWeights(
                    example_offset=offset,
                    log_time_ms=record.log_time_ms,
                    weights=weights,
                    evidence=self._evidence(models, actions, terms),
                )
        models.issuance.fade()
        found = (models.portrait.publish(), self.insights.offers.end_epoch(policy))
        self.findings = self.insights.report((each for each in found if each is not None), offset, record.log_time_ms)
        return published

    def _evidence(
        self, models: Models, actions: tuple[ActionEvidence, ...], terms: tuple[TermEvidence, ...]
    ) -> Evidence:
        return Evidence(
            policy_version=self._notice.version if self._notice else 0,
            epoch=self._epoch,
            examples=self._examples,
            compared_examples=models.effects.examples,
            from_ms=self._span_ms[0],
            until_ms=self._span_ms[1],
            spend_per_point_micro=round(models.issuance.spend_per_point() * _MICRO),
            drift_alarms=models.drift.alarms,
            value=models.score.figures(),
            actions=actions,
            terms=terms,
        )

    def review(self) -> Evidence | None:
        """What would be said of the weights now: the evidence an epoch that ended here would rest on."""
        if self._models is None or self._policy is None:
            return None
        actions, terms = self._models.propose(self._weights, self._policy.learning)
        return self._evidence(self._models, actions, terms)

    @property
    def _frozen(self) -> bool:
        """Whether nothing that is learned may change what anybody gets: after a drift, or by the operator's switch."""
        return self._calm_epochs > 0 or bool(self._policy and self._policy.learning.frozen)

    @property
    def weights(self) -> Weights:
        """The newest weights; those of the static programme until the first are published."""
        return self._weights

    def figures(self) -> TrainerFigures:
        """Where the trainer stands."""
        return TrainerFigures(
            policy_version=self._notice.version if self._notice else 0,
            weights_version=self._weights.version,
            examples=self._examples,
            sightings=self._sightings,
            duplicates=self._duplicates,
            ahead=self._ahead,
            foreign=self._foreign,
            epoch=self._epoch,
            drift_alarms=self._models.drift.alarms if self._models else 0,
            frozen=self._frozen,
            value=self._models.score.figures() if self._models else ValueScore().figures(),
            buys_in_week=self._models.buys_in_week.figures() if self._models else OddsFigures(),
            stays_active=self._models.stays_active.figures() if self._models else OddsFigures(),
            burn=self._models.burn.figures() if self._models else OddsFigures(),
            next_category=self._models.next_category.figures() if self._models else CategoryFigures(),
        )

    def to_checkpoint(self) -> bytes:
        """The whole state, stamped; see `online_models.checkpoint`."""
        return checkpoint.pack({name: value for name, value in vars(self).items() if name != "_policy"})

    @classmethod
    def from_checkpoint(cls, raw: bytes) -> Self:
        """The trainer that `to_checkpoint` wrote down.

        Raises:
            CheckpointError: the bytes were not written by this code, river, numpy, scipy and Python, or are damaged.
        """
        state = checkpoint.unpack(raw)
        trainer = cls()
        if not isinstance(state, dict) or state.keys() | {"_policy"} != vars(trainer).keys():
            raise checkpoint.CheckpointError("the checkpoint holds something else than a trainer")
        vars(trainer).update(state)
        if trainer._notice is not None:
            trainer._policy = parse_policy(trainer._notice.text, f"policy version {trainer._notice.version}")
        return trainer
