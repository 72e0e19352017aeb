"""What concerns several fields of a policy: references, order, words that make sense only together."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from features.actions import ACTION_NAMES
from features.table import FEATURES, MEASURES
from loyalty.policy.earning import EarningRule, Expiry
from loyalty.policy.fields import BP
from loyalty.policy.programme import PPM
from loyalty.verdicts import MAX_SCORE

if TYPE_CHECKING:
    from loyalty.policy.model import Policy

# Actions that spend, take back or correct points cannot earn any.
_CANNOT_EARN = frozenset({"refund", "redeem", "redeem_cancel", "misconduct", "adjust", "erase", "consent"})
_WITH_ITEM = frozenset({"purchase", "browse", "click", "favourite", "add_to_cart", "review", "share"})
_SHORTEST_MONTH_DAYS = 28

EARNED_POINTS = "earned_points"
QUALIFYING_POINTS = "qualifying_points"
ACTIVE_MONTHS = "active_months"
"""Measures that only tiers count, beside those of `features.table`."""

_MEASURE_NAMES = frozenset({measure.name for measure in MEASURES} | {EARNED_POINTS, QUALIFYING_POINTS, ACTIVE_MONTHS})
_FEATURE_NAMES = frozenset(feature.name for feature in FEATURES)


def problems_of(policy: "Policy") -> Iterator[str]:
    """Everything that is wrong with a policy whose fields are right one by one."""
    yield from _duplicates(policy)
    for rule in policy.earning:
        path = f"earning[{rule.id}]."
        yield from (path + problem for problem in _rule_problems(policy, rule))
    yield from _expiry_problems("points.expiry.", policy.points.expiry, policy.points.pending_days)
    if policy.points.extension is not None:
        path = "points.extension."
        yield from _unknown(f"{path}actions", policy.points.extension.actions, ACTION_NAMES, "action")
        if policy.points.expiry.kind in {"never", "inactivity"} and all(rule.expiry is None for rule in policy.earning):
            yield f"{path}days: no points have a date that could be moved"
    yield from _ladder_problems(policy)
    yield from _score_problems(policy)
    yield from _segment_problems(policy)
    yield from _offer_problems(policy)
    yield from _hold_problems(policy)
    earning = (rule.action for rule in policy.earning if rule.learned and rule.unit == "points")
    yield from _unknown("trial.actions", policy.trial.actions, earning, "action with a learned rule")
    for milestone in policy.milestones:
        path = f"milestones[{milestone.id}].measure"
        yield from _unknown(path, (milestone.measure,), (measure.name for measure in MEASURES), "measure")


def _duplicates(policy: "Policy") -> Iterator[str]:
    ids: dict[str, Iterable[str]] = {
        "earning": (rule.id for rule in policy.earning),
        "tiers.ladder": (tier.id for tier in policy.tiers.ladder),
        "segments": (segment.id for segment in policy.segments),
        "campaigns": (campaign.id for campaign in policy.campaigns),
        "milestones": (milestone.id for milestone in policy.milestones),
        "holds": (hold.id for hold in policy.holds),
        "rewards and benefits": chain(
            (reward.id for reward in policy.rewards), (benefit.id for benefit in policy.benefits)
        ),
        "penalties": (penalty.id for penalty in policy.penalties),
        "tiers.score": (term.measure for term in policy.tiers.score),
    }
    for path, names in ids.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{path}[{name}]: given {count} times"


def _unknown(field: str, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    have = set(known)
    for name in names:
        if name not in have:
            yield f"{field}: there is no {what} `{name}`; there are: {', '.join(sorted(have)) or 'none'}"


def _rule_problems(policy: "Policy", rule: EarningRule) -> Iterator[str]:
    yield from _unknown("action", (rule.action,), (name for name in ACTION_NAMES if name not in _CANNOT_EARN), "action")
    yield from _unknown("segments", rule.segments, (segment.id for segment in policy.segments), "segment")
    yield from _unknown("tiers", rule.tiers, (tier.id for tier in policy.tiers.ladder), "tier")
    yield from _action_problems(rule)
    if rule.unit == "qualifying" and QUALIFYING_POINTS not in _counted(policy):
        yield "unit: qualifying units count for nothing: the tiers' basis is not qualifying_points"
    if rule.unit == "qualifying" and (rule.pending_days is not None or rule.expiry is not None):
        yield "pending_days and expiry: qualifying units are not spendable, so they neither wait nor expire"
    if rule.streak is not None and (
        rule.per_minor is not None or rule.per_ms is not None or rule.day_over_ms is not None
    ):
        yield "streak: its award is a fixed one, without per_minor, per_ms and day_over_ms"
    for cap in rule.caps:
        if (cap.points is None) == (cap.times is None):
            yield f"caps[{cap.per}]: give either points or times"
    pending_days = policy.points.pending_days if rule.pending_days is None else rule.pending_days
    if rule.expiry is not None and rule.expiry.kind == "inactivity" and policy.points.expiry.kind != "inactivity":
        yield "expiry.kind: inactivity ends all points together, so it can only be set in [points]"
    if rule.expiry is not None:
        yield from _expiry_problems("expiry.", rule.expiry, pending_days)
    elif rule.pending_days is not None:
        yield from _expiry_problems("pending_days against points.expiry.", policy.points.expiry, pending_days)


def _action_problems(rule: EarningRule) -> Iterator[str]:
    """Conditions on what the rule's action does not have."""
    by_amount = (rule.per_minor, rule.amount_over_minor, rule.amount_from_minor)
    if rule.action != "purchase" and any(value is not None for value in by_amount):
        yield "per_minor, amount_over_minor and amount_from_minor: only purchases have an amount"
    if rule.action != "browse" and (rule.per_ms is not None or rule.day_over_ms is not None):
        yield "per_ms and day_over_ms: only browsing has a duration"
    of_review = (rule.rating_from, rule.text_from, rule.helpful_from)
    if rule.action != "review" and any(value is not None for value in of_review):
        yield "rating_from, text_from and helpful_from: only reviews have a rating, a text and votes"
    if rule.original and rule.action != "review":
        yield "original: only reviews have a text"
    if (rule.categories or rule.items) and rule.action not in _WITH_ITEM:
        yield f"categories and items: {rule.action} has no items"
    if rule.action == "share" and rule.categories:
        yield "categories: share has no category"
    if rule.per_ms is not None and rule.day_over_ms is not None:
        yield "per_ms and day_over_ms: give one; an award for a day's total is a fixed one"


def _counted(policy: "Policy") -> set[str]:
    """Measures that the tiers count."""
    return {policy.tiers.basis, *(term.measure for term in policy.tiers.score)}


def _expiry_problems(path: str, expiry: Expiry, pending_days: int) -> Iterator[str]:
    match expiry.kind:
        case "never":
            if expiry.days or expiry.after_months:
                yield f"{path}kind: points that never expire have neither days nor after_months"
            return
        case "after_days" | "inactivity":
            if expiry.days == 0:
                yield f"{path}days: must be at least 1 for {expiry.kind}"
            if expiry.after_months:
                yield f"{path}after_months: is for end_of_month, end_of_quarter and end_of_year"
            shortest_days = expiry.days
        case "end_of_month" | "end_of_quarter" | "end_of_year":
            if expiry.days:
                yield f"{path}days: is for after_days and inactivity"
            shortest_days = expiry.after_months * _SHORTEST_MONTH_DAYS
    if expiry.kind != "inactivity" and shortest_days < pending_days:
        yield f"{path}kind: points could expire before they leave pending after {pending_days} days"


def _ladder_problems(policy: "Policy") -> Iterator[str]:
    ladder = policy.tiers.ladder
    if not ladder:
        yield "tiers.ladder: needs at least the tier that everyone starts in"
        return
    if ladder[0].threshold != 0:
        yield f"tiers.ladder[{ladder[0].id}].threshold: everyone starts here, so it must be 0"
    for lower, upper in pairwise(ladder):
        if upper.threshold <= lower.threshold:
            yield f"tiers.ladder[{upper.id}].threshold: must be over {lower.id}'s {lower.threshold}"
    if policy.tiers.window == "lifetime" and policy.tiers.grace_days:
        yield "tiers.grace_days: a lifetime window has no cycle that could end"
    if policy.tiers.window == "rolling_months" and policy.tiers.grace_days > _SHORTEST_MONTH_DAYS:
        yield f"tiers.grace_days: must be at most {_SHORTEST_MONTH_DAYS} where the cycle is a month"


def _score_problems(policy: "Policy") -> Iterator[str]:
    tiers = policy.tiers
    if tiers.basis == "score" and not tiers.score:
        yield "tiers.score: basis `score` needs at least one term"
    if tiers.basis != "score" and tiers.score:
        yield f"tiers.score: basis `{tiers.basis}` has no score terms"
    yield from _unknown("tiers.score", (term.measure for term in tiers.score), _MEASURE_NAMES, "measure")
    for term in tiers.score:
        if term.per is None and term.cap is None:
            yield f"tiers.score[{term.measure}]: give per, cap or both"


def _segment_problems(policy: "Policy") -> Iterator[str]:
    for segment in policy.segments:
        path = f"segments[{segment.id}].bounds"
        if not segment.bounds:
            yield f"{path}: must name at least one feature"
        yield from _unknown(path, (bound.feature for bound in segment.bounds), _FEATURE_NAMES, "feature")
        for bound in segment.bounds:
            if bound.at_least is None and bound.below is None:
                yield f"{path}[{bound.feature}]: give at_least, below or both"
            elif bound.at_least is not None and bound.below is not None and bound.at_least >= bound.below:
                yield f"{path}[{bound.feature}]: at_least must be less than below"


def _hold_problems(policy: "Policy") -> Iterator[str]:
    for hold in policy.holds:
        path = f"holds[{hold.id}]."
        if hold.by == "anomaly":
            if hold.kinds or hold.severity_from > 1:
                yield f"{path}by: the misconduct score knows neither kinds nor severity_from, only score_from"
            if hold.score_from > MAX_SCORE:
                yield f"{path}score_from: the misconduct score is at most {MAX_SCORE}"
        elif hold.cancels:
            yield f"{path}cancels: is for holds by anomaly; after misconduct an operator's verdict cancels"


def _campaign_problems(policy: "Policy", tiers: list[str], segments: list[str]) -> Iterator[str]:
    for campaign in policy.campaigns:
        path = f"campaigns[{campaign.id}]."
        if campaign.start >= campaign.end:
            yield f"{path}end: must be after start"
        if campaign.multiplier_bp == BP and campaign.bonus == 0:
            yield f"{path}multiplier_bp: changes nothing; give a multiplier over 10000 or a bonus"
        if campaign.budget_slice_points is not None and campaign.budget_slice_points > (campaign.budget_points or 0):
            yield f"{path}budget_slice_points: must be at most budget_points"
        yield from _unknown(f"{path}tiers", campaign.tiers, tiers, "tier")
        yield from _unknown(f"{path}segments", campaign.segments, segments, "segment")
        yield from _unknown(f"{path}rules", campaign.rules, (rule.id for rule in policy.earning), "earning rule")
        yield from _unknown(f"{path}actions", campaign.actions, ACTION_NAMES, "action")


def _offer_problems(policy: "Policy") -> Iterator[str]:
    tiers = [tier.id for tier in policy.tiers.ladder]
    segments = [segment.id for segment in policy.segments]
    yield from _campaign_problems(policy, tiers, segments)
    for reward in policy.rewards:
        path = f"rewards[{reward.id}]."
        if reward.start is not None and reward.end is not None and reward.start >= reward.end:
            yield f"{path}end: must be after start"
        yield from _unknown(f"{path}tiers", reward.tiers, tiers, "tier")
        yield from _unknown(f"{path}prices", reward.prices, tiers, "tier")
        if (reward.kind == "draw") != (reward.draw is not None):
            yield f"{path}draw: goes with kind `draw`, and with no other"
    entitled = {benefit for tier in policy.tiers.ladder for benefit in tier.benefits}
    for benefit in policy.benefits:
        if benefit.id not in entitled:
            yield f"benefits[{benefit.id}].id: no tier of the ladder has this benefit"
    if policy.programme.rates_ppm.get(policy.programme.currency, PPM) != PPM:
        yield f"programme.rates_ppm.{policy.programme.currency}: the programme's own currency has rate 1000000"
