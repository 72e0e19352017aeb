"""A policy as look-up tables, built once per policy version, so that an action looks up instead of searching."""

from typing import TYPE_CHECKING

import msgspec

from features.event_time import DAY_MS, Period
from features.table import measure_index
from features.vector import feature_index
from loyalty.policy.earning import EarningRule, Expiry, Hold, Milestone, Penalty, Streak
from loyalty.policy.ladder import Ladder
from loyalty.policy.offers import WEEKDAYS, Campaign, Reward, Segment, to_ms

if TYPE_CHECKING:
    from loyalty.policy.model import Policy


class BoundPlan(msgspec.Struct, frozen=True, gc=False):
    """One bound of a segment: `low <= vector[feature] < high`; None is open."""

    feature: int
    low: int | None
    high: int | None


class CapPlan(msgspec.Struct, frozen=True, gc=False):
    """A cap with the key that its counters are kept under. `period` None is for ever."""

    key: str
    period: Period | None
    name: str
    points: int | None
    times: int | None


class RulePlan(msgspec.Struct, frozen=True, gc=False):
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
    least_text: int
    least_votes: int
    original: bool
    streak: Streak | None
    day_over_ms: int
    tiers: frozenset[str]
    segments: tuple[tuple[BoundPlan, ...], ...]
    conditional: bool
    pending_ms: int
    pending_until: str
    limit_ms: int
    expiry: Expiry
    caps: tuple[CapPlan, ...]


class CampaignPlan(msgspec.Struct, frozen=True, gc=False):
    """A campaign with its references resolved; empty sets match all. `valid_ms` is 0 for one that is not offered."""

    campaign: Campaign
    start_ms: int
    end_ms: int
    actions: frozenset[str]
    rules: frozenset[str]
    weekdays: frozenset[int]
    hours: frozenset[int]
    tiers: frozenset[str]
    segments: tuple[tuple[BoundPlan, ...], ...]
    valid_ms: int


CAP_PERIODS: dict[str, Period] = {
    "day": "day",
    "week": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
}
"""Calendar period of a cap or quota; `ever` has none."""


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
        each = (plan for plans in rules.values() for plan in plans)
        self.originals = {plan.rule.id: plan.pending_ms for plan in each if plan.original}
        self.campaigns = tuple(self._campaign(campaign) for campaign in policy.campaigns)
        self.offered = {plan.campaign.id: plan for plan in self.campaigns if plan.valid_ms}
        self.budgets = {each.id: each for each in policy.campaigns if each.budget_points is not None}
        self.ladder = Ladder(policy.tiers)
        milestones: dict[int, list[Milestone]] = {}
        for milestone in policy.milestones:
            milestones.setdefault(measure_index(milestone.measure), []).append(milestone)
        self.milestones = {measure: tuple(those) for measure, those in milestones.items()}
        self.rewards: dict[str, Reward] = {reward.id: reward for reward in policy.rewards}
        self.benefits = {benefit.id: benefit for benefit in policy.benefits}
        self.holds: tuple[Hold, ...] = tuple(hold for hold in policy.holds if hold.by == "misconduct")
        self.anomaly_holds: tuple[Hold, ...] = tuple(hold for hold in policy.holds if hold.by == "anomaly")
        self.penalties: tuple[Penalty, ...] = policy.penalties
        expiry = policy.points.expiry
        self.pending_ms = policy.points.pending_days * DAY_MS
        self.extending = frozenset() if policy.points.extension is None else frozenset(policy.points.extension.actions)
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
        of_review = bool(rule.rating_from or rule.text_from or rule.helpful_from or rule.original)
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
            least_text=rule.text_from or 0,
            least_votes=rule.helpful_from or 0,
            original=rule.original,
            streak=rule.streak,
            day_over_ms=rule.day_over_ms or 0,
            tiers=frozenset(rule.tiers),
            segments=tuple(self._segments[name] for name in rule.segments),
            conditional=conditional
            or bool(rule.segments or rule.tiers or rule.day_over_ms or rule.streak)
            or of_review,
            pending_ms=pending_days * DAY_MS,
            pending_until=rule.pending_until or "",
            limit_ms=(rule.pending_limit_days or 0) * DAY_MS,
            expiry=rule.expiry or points.expiry,
            caps=_caps(rule),
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
            valid_ms=(campaign.valid_days or 0) * DAY_MS,
        )


def _caps(rule: EarningRule) -> tuple[CapPlan, ...]:
    """A rule's caps; `first_time` is one."""
    caps = [
        CapPlan(f"{rule.id}/{number}", CAP_PERIODS.get(cap.per), f"{cap.per}", cap.points, cap.times)
        for number, cap in enumerate(rule.caps)
    ]
    if rule.first_time:
        caps.append(CapPlan(f"{rule.id}/first", None, "first time", None, 1))
    return tuple(caps)


def _bounds(segment: Segment) -> tuple[BoundPlan, ...]:
    return tuple(BoundPlan(feature_index(bound.feature), bound.at_least, bound.below) for bound in segment.bounds)
