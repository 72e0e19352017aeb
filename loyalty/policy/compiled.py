"""A policy as look-up tables, built once per policy version, so that an action looks up instead of searching."""

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from features.event_time import DAY_MS, Period
from features.table import measure_index
from features.vector import feature_index
from loyalty.policy.checks import EARNED_POINTS, QUALIFYING_POINTS
from loyalty.policy.earning import EarningRule, Expiry, Penalty
from loyalty.policy.fields import BP
from loyalty.policy.offers import WEEKDAYS, Campaign, Reward, Segment, to_ms
from loyalty.policy.tiers import ScoreTerm, Tiers

if TYPE_CHECKING:
    from loyalty.policy.model import Policy
    from loyalty.weights import Weights


class BoundPlan(NamedTuple):
    """One bound of a segment: `low <= vector[feature] < high`; None is open."""

    feature: int
    low: int | None
    high: int | None


class CapPlan(NamedTuple):
    """A cap with the key that its counters are kept under. `period` None is for ever."""

    key: str
    period: Period | None
    name: str
    points: int | None
    times: int | None


class RulePlan(NamedTuple):
    """An earning rule with all references resolved. `per` is 1 and `by_*` are false for a fixed award.

    `conditional`: there are conditions beside amounts and lines of a purchase, which are looked at in any case.
    """

    rule: EarningRule
    points: int
    per: int
    by_amount: bool
    by_duration: bool
    qualifying: bool
    by_line: bool
    categories: frozenset[str]
    items: frozenset[str]
    least_minor: int
    least_rating: int
    day_over_ms: int
    tiers: frozenset[str]
    segments: tuple[tuple[BoundPlan, ...], ...]
    conditional: bool
    pending_ms: int
    expiry: Expiry
    caps: tuple[CapPlan, ...]


class CampaignPlan(NamedTuple):
    """A campaign with its references resolved; empty sets match all."""

    campaign: Campaign
    start_ms: int
    end_ms: int
    actions: frozenset[str]
    rules: frozenset[str]
    weekdays: frozenset[int]
    hours: frozenset[int]
    tiers: frozenset[str]
    segments: tuple[tuple[BoundPlan, ...], ...]


class TermPlan(NamedTuple):
    """A counted measure: value on the ladder's scale is `weight * min(x, cap) * learned // (per * 10,000)`.

    `key` is the measure's index in `features.table`, or `EARNED_KEY`, `QUALIFYING_KEY`.
    """

    key: int
    measure: str
    weight: int
    per: int
    cap: int | None
    learned: bool

    def points(self, amount: int, weights: "Weights") -> int:
        """What `amount` of the measure contributes."""
        capped = amount if self.cap is None or amount < self.cap else self.cap
        if not self.learned:
            return self.weight * capped // self.per
        return self.weight * capped * weights.score(self.measure) // (self.per * BP)


EARNED_KEY = -1
QUALIFYING_KEY = -2

_BASIS_MEASURE = {
    "spend": "spend_minor",
    "visits": "purchase_count",
    "earned_points": EARNED_POINTS,
    "qualifying_points": QUALIFYING_POINTS,
}
_PERIODS: dict[str, Period] = {"calendar_year": "year", "anniversary": "year", "rolling_months": "month"}
_CAP_PERIODS: dict[str, Period] = {
    "day": "day",
    "week": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
}


class Ladder:
    """The tiers in order, and what is counted for them. `period` is None for a lifetime window."""

    def __init__(self, tiers: Tiers) -> None:
        self.ids = tuple(tier.id for tier in tiers.ladder)
        self.index = {tier.id: index for index, tier in enumerate(tiers.ladder)}
        self.thresholds = tuple(tier.threshold for tier in tiers.ladder)
        self.holds_lower = tiers.hold_bp < BP
        self.hold_thresholds = tuple(-(-threshold * tiers.hold_bp // BP) for threshold in self.thresholds)
        self.multipliers_bp = {tier.id: tier.multiplier_bp for tier in tiers.ladder}
        self.benefits = {tier.id: tier.benefits for tier in tiers.ladder}
        self.window = tiers.window
        self.period = _PERIODS.get(tiers.window)
        self.window_months = tiers.window_months if tiers.window == "rolling_months" else 1
        self.valid_periods = tiers.valid_periods
        self.downgrade = tiers.downgrade
        self.grace_ms = tiers.grace_days * DAY_MS
        self.warn_ms = tiers.warn_days * DAY_MS
        terms = tiers.score or (ScoreTerm(measure=_BASIS_MEASURE[tiers.basis], weight=1, per=1, learned=False),)
        self.terms = tuple(_term(term) for term in terms)
        self.counted = frozenset(term.key for term in self.terms)

    def rank(self, value: int) -> int:
        """Index of the tier that `value` reaches."""
        return bisect_right(self.thresholds, value) - 1

    def value(self, sums: dict[int, int], weights: "Weights") -> int:
        """The qualification value of a window's sums by measure."""
        total = 0
        for term in self.terms:
            amount = sums.get(term.key)
            if amount:
                total += term.points(amount, weights)
        return total


def _term(term: ScoreTerm) -> TermPlan:
    ledger_keys = {EARNED_POINTS: EARNED_KEY, QUALIFYING_POINTS: QUALIFYING_KEY}
    key = ledger_keys[term.measure] if term.measure in ledger_keys else measure_index(term.measure)
    return TermPlan(key, term.measure, term.weight, term.per or term.cap or 1, term.cap, term.learned)


class Compiled:
    """Tables by action, tier, reward and so on. Built from a checked policy."""

    def __init__(self, policy: "Policy") -> None:
        self._policy = policy
        self._segments = {segment.id: _bounds(segment) for segment in policy.segments}
        rules: dict[str, list[RulePlan]] = {}
        for rule in policy.earning:
            rules.setdefault(rule.action, []).append(self._rule(rule))
        self.rules = {action: tuple(plans) for action, plans in rules.items()}
        self.rule_caps = {plan.rule.id: plan.caps for plans in rules.values() for plan in plans}
        self.day_total_actions = frozenset(rule.action for rule in policy.earning if rule.day_over_ms is not None)
        self.campaigns = tuple(self._campaign(campaign) for campaign in policy.campaigns)
        self.ladder = Ladder(policy.tiers)
        self.rewards: dict[str, Reward] = {reward.id: reward for reward in policy.rewards}
        self.penalties: tuple[Penalty, ...] = policy.penalties
        expiry = policy.points.expiry
        self.inactivity_ms = expiry.days * DAY_MS if expiry.kind == "inactivity" else 0
        self.remind_ms = (
            policy.notifications.points_remind_days * DAY_MS if "points_expiry" in policy.notifications.about else 0
        )
        self.tells_tiers = "tier_changes" in policy.notifications.about

    def _rule(self, rule: EarningRule) -> RulePlan:
        points = self._policy.points
        pending_days = points.pending_days if rule.pending_days is None else rule.pending_days
        over = 0 if rule.amount_over_minor is None else rule.amount_over_minor + 1
        conditional = rule.action != "purchase" and bool(rule.categories or rule.items)
        return RulePlan(
            rule=rule,
            points=rule.points,
            per=rule.per_minor or rule.per_ms or 1,
            by_amount=rule.per_minor is not None,
            by_duration=rule.per_ms is not None,
            qualifying=rule.unit == "qualifying",
            by_line=bool(rule.categories or rule.items),
            categories=frozenset(rule.categories),
            items=frozenset(rule.items),
            least_minor=max(over, rule.amount_from_minor or 0),
            least_rating=rule.rating_from or 0,
            day_over_ms=rule.day_over_ms or 0,
            tiers=frozenset(rule.tiers),
            segments=tuple(self._segments[name] for name in rule.segments),
            conditional=conditional or bool(rule.segments or rule.tiers or rule.day_over_ms or rule.rating_from),
            pending_ms=pending_days * DAY_MS,
            expiry=rule.expiry or points.expiry,
            caps=tuple(
                CapPlan(f"{rule.id}/{number}", _CAP_PERIODS.get(cap.per), f"{cap.per}", cap.points, cap.times)
                for number, cap in enumerate(rule.caps)
            ),
        )

    def _campaign(self, campaign: Campaign) -> CampaignPlan:
        return CampaignPlan(
            campaign=campaign,
            start_ms=to_ms(campaign.start),
            end_ms=to_ms(campaign.end),
            actions=frozenset(campaign.actions),
            rules=frozenset(campaign.rules),
            weekdays=frozenset(WEEKDAYS.index(day) for day in campaign.weekdays),
            hours=frozenset(campaign.hours),
            tiers=frozenset(campaign.tiers),
            segments=tuple(self._segments[name] for name in campaign.segments),
        )


def _bounds(segment: Segment) -> tuple[BoundPlan, ...]:
    return tuple(BoundPlan(feature_index(bound.feature), bound.at_least, bound.below) for bound in segment.bounds)
