"""What concerns several fields of a policy: references, order, words that make sense only together."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from features.actions import ACTION_NAMES
from features.table import FEATURES, MEASURES
from loyalty.policy.fields import BP
from loyalty.policy.programme import PPM
from loyalty.policy.rule_checks import (
    ACTIVE_MONTHS,
    EARNED_POINTS,
    QUALIFYING_POINTS,
    SHORTEST_MONTH_DAYS,
    expiry_problems,
    rule_problems,
    unknown_names,
)
from loyalty.verdicts import MAX_SCORE

if TYPE_CHECKING:
    from loyalty.policy.model import Policy

_MEASURE_NAMES = frozenset({measure.name for measure in MEASURES} | {EARNED_POINTS, QUALIFYING_POINTS, ACTIVE_MONTHS})
_FEATURE_NAMES = frozenset(feature.name for feature in FEATURES)


def problems_of(policy: "Policy") -> Iterator[str]:
    """Everything that is wrong with a policy whose fields are right one by one."""
    yield from _duplicates(policy)
    for rule in policy.earning:
        path = f"earning[{rule.id}]."
        yield from (path + problem for problem in rule_problems(policy, rule))
    yield from expiry_problems("points.expiry.", policy.points.expiry, policy.points.pending_days)
    if policy.points.extension is not None:
        path = "points.extension."
        yield from unknown_names(f"{path}actions", policy.points.extension.actions, ACTION_NAMES, "action")
        if policy.points.expiry.kind in {"never", "inactivity"} and all(rule.expiry is None for rule in policy.earning):
            yield f"{path}days: no points have a date that could be moved"
    yield from _ladder_problems(policy)
    yield from _score_problems(policy)
    yield from _segment_problems(policy)
    yield from _offer_problems(policy)
    yield from _hold_problems(policy)
    earning = (rule.action for rule in policy.earning if rule.learned and rule.unit == "points")
    yield from unknown_names("trial.actions", policy.trial.actions, earning, "action with a learned rule")
    for milestone in policy.milestones:
        path = f"milestones[{milestone.id}].measure"
        yield from unknown_names(path, (milestone.measure,), (measure.name for measure in MEASURES), "measure")


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
    if policy.tiers.window == "rolling_months" and policy.tiers.grace_days > SHORTEST_MONTH_DAYS:
        yield f"tiers.grace_days: must be at most {SHORTEST_MONTH_DAYS} where the cycle is a month"


def _score_problems(policy: "Policy") -> Iterator[str]:
    tiers = policy.tiers
    if tiers.basis == "score" and not tiers.score:
        yield "tiers.score: basis `score` needs at least one term"
    if tiers.basis != "score" and tiers.score:
        yield f"tiers.score: basis `{tiers.basis}` has no score terms"
    yield from unknown_names("tiers.score", (term.measure for term in tiers.score), _MEASURE_NAMES, "measure")
    for term in tiers.score:
        if term.per is None and term.cap is None:
            yield f"tiers.score[{term.measure}]: give per, cap or both"


def _segment_problems(policy: "Policy") -> Iterator[str]:
    for segment in policy.segments:
        path = f"segments[{segment.id}].bounds"
        if not segment.bounds:
            yield f"{path}: must name at least one feature"
        yield from unknown_names(path, (bound.feature for bound in segment.bounds), _FEATURE_NAMES, "feature")
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
        yield from unknown_names(f"{path}tiers", campaign.tiers, tiers, "tier")
        yield from unknown_names(f"{path}segments", campaign.segments, segments, "segment")
        yield from unknown_names(f"{path}rules", campaign.rules, (rule.id for rule in policy.earning), "earning rule")
        yield from unknown_names(f"{path}actions", campaign.actions, ACTION_NAMES, "action")
        if campaign.valid_days is not None:
            if campaign.cap_points is None or campaign.budget_points is None:
                yield f"{path}valid_days: what is offered to members needs cap_points and budget_points"
            if campaign.holdout_share_bp:
                yield f"{path}holdout_share_bp: what is offered to members has its hold-out in [offers]"
            if campaign.valid_days > policy.offers.every_days:
                yield f"{path}valid_days: must be at most offers.every_days, {policy.offers.every_days}"


def _choice_problems(policy: "Policy") -> Iterator[str]:
    """What is wrong with how offers are chosen, where they are."""
    if not policy.offers.enabled:
        return
    learning = policy.learning
    if all(campaign.valid_days is None for campaign in policy.campaigns):
        yield "offers.enabled: no campaign has valid_days, so there is nothing to offer"
    if not learning.enabled or not learning.sample_share_bp:
        yield "offers.enabled: what an offer brings is learned; give learning.enabled and learning.sample_share_bp"
    if policy.offers.every_days < learning.horizon_days:
        yield f"offers.every_days: must be at least learning.horizon_days, {learning.horizon_days}"


def _offer_problems(policy: "Policy") -> Iterator[str]:
    tiers = [tier.id for tier in policy.tiers.ladder]
    segments = [segment.id for segment in policy.segments]
    yield from _campaign_problems(policy, tiers, segments)
    yield from _choice_problems(policy)
    for reward in policy.rewards:
        path = f"rewards[{reward.id}]."
        if reward.start is not None and reward.end is not None and reward.start >= reward.end:
            yield f"{path}end: must be after start"
        yield from unknown_names(f"{path}tiers", reward.tiers, tiers, "tier")
        yield from unknown_names(f"{path}prices", reward.prices, tiers, "tier")
        if (reward.kind == "draw") != (reward.draw is not None):
            yield f"{path}draw: goes with kind `draw`, and with no other"
    entitled = {benefit for tier in policy.tiers.ladder for benefit in tier.benefits}
    for benefit in policy.benefits:
        if benefit.id not in entitled:
            yield f"benefits[{benefit.id}].id: no tier of the ladder has this benefit"
    if policy.programme.rates_ppm.get(policy.programme.currency, PPM) != PPM:
        yield f"programme.rates_ppm.{policy.programme.currency}: the programme's own currency has rate 1000000"
