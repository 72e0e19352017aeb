"""Campaigns: what multiplies or tops up an award in a span of event time."""

from collections.abc import Callable
from hashlib import blake2b

import msgspec

from features.event_time import weekday
from loyalty.awards import remaining
from loyalty.context import Context
from loyalty.orders import Grant
from loyalty.policy.compiled import CampaignPlan
from loyalty.policy.fields import BP
from loyalty.policy.offers import Campaign

_MINUTES_PER_HOUR = 60


class Boost(msgspec.Struct, frozen=True, gc=False):
    """What campaigns add to one award: a factor in basis points, points on top, and which campaigns."""

    multiplier_bp: int
    bonus: int
    campaigns: tuple[str, ...]
    capped: tuple[Campaign, ...] = ()


Spent = tuple[str, int]
"""A campaign, and what an award has taken of its budget."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What campaigns' caps and budgets leave of an award, and which of them cut it.

    `spent` is what was taken of budgets, `added` what each campaign with a cap has added.
    """

    granted: int
    cap: str
    spent: list[Spent]
    added: list[tuple[str, int]]


NO_BOOST = Boost(BP, 0, ())

_COUNTER = "campaign/"

OFFER = "offer:"
"""Counter of the offers of a campaign to a member: from when, and until when. No rule's cap has such a name."""


def boost_of(context: Context, action: str, rule: str) -> Boost:
    """What the campaigns of the policy add to an award of `rule`.

    `best_of`: the campaign with the highest multiplier, of equals the one with the higher bonus, then the one that
    comes first. `priority`: the one with the highest priority, of equals the one that comes first. `sum`: what each
    multiplier adds over one is added up, and so are the bonuses.
    """
    time_ms = context.time_ms
    matching = [
        plan.campaign
        for plan in context.compiled.campaigns
        if plan.start_ms <= time_ms < plan.end_ms and _matches(context, plan, action, rule)
    ]
    if not matching:
        return NO_BOOST
    match context.policy.points.stacking:
        case "best_of":
            chosen = [max(matching, key=lambda campaign: (campaign.multiplier_bp, campaign.bonus))]
        case "priority":
            chosen = [max(matching, key=lambda campaign: campaign.priority)]
        case "sum":
            chosen = matching
    return Boost(
        BP + sum(campaign.multiplier_bp - BP for campaign in chosen),
        sum(campaign.bonus for campaign in chosen),
        tuple(campaign.id for campaign in chosen),
        tuple(campaign for campaign in chosen if campaign.cap_points is not None or campaign.budget_points is not None),
    )


def within_campaign_caps(context: Context, boost: Boost, desired: int, award_at: Callable[[int], int]) -> Kept:
    """What of `desired` the campaigns' own caps and budgets leave; counts what each campaign adds.

    `award_at` is the award at a campaign factor. Only what a campaign adds is ever cut, never the award without it.
    """
    granted, cut = desired, ""
    spent: list[Spent] = []
    used_now: list[tuple[str, int]] = []
    plain = award_at(BP)
    for campaign in boost.capped:
        added = kept = award_at(campaign.multiplier_bp) - plain + campaign.bonus
        used = 0
        if campaign.cap_points is not None:
            used = added_points(context, campaign.id)
            kept = max(0, min(added, campaign.cap_points - used))
            cut = f"campaign {campaign.id}" if kept < added else cut
        if campaign.budget_points is not None:
            kept, wanted = _spend(context, campaign, kept), kept
            spent.append((campaign.id, kept))
            cut = "budget" if kept < wanted else cut
        if kept < added:
            granted = max(plain, granted - added + kept)
        if kept and campaign.cap_points is not None:
            _use(context, _COUNTER + campaign.id, used + kept)
            used_now.append((campaign.id, kept))
    return Kept(granted, cut, spent, used_now)


def free_campaign_caps(context: Context, grant: Grant, refunded: int, whole: int) -> None:
    """Make room again for what campaigns added to a grant of which `refunded` of `whole` has been given back by now."""
    for number, (campaign, added, freed) in enumerate(grant.boosts):
        freed_now = added - remaining(added, whole, refunded)
        key = _COUNTER + campaign
        if freed_now > freed:
            grant.boosts[number] = (campaign, added, freed_now)
            if key in context.account.counters:
                context.account.counters[key][0] -= freed_now - freed
                context.account.counters_changed = True


def _spend(context: Context, campaign: Campaign, wanted: int) -> int:
    """Take points of the campaign's budget from the partition's slice, which is filled up in time."""
    slices = context.scope.slices
    drawn = slices.draw(campaign.id, wanted)
    request = slices.request(campaign, context.time_ms)
    if request is not None:
        context.out.append(request)
    return drawn


def cut_short(context: Context, kept: Kept, points: int) -> Kept:
    """What is left of it where the rule's own caps cut `points` more: they are used of no campaign."""
    spent = unspend(context, kept.spent, points) if kept.spent else kept.spent
    added: list[tuple[str, int]] = []
    for campaign, used in reversed(kept.added):
        back = min(used, points)
        points -= back
        context.account.counters[_COUNTER + campaign][0] -= back
        context.account.counters_changed = True
        added.append((campaign, used - back))
    return msgspec.structs.replace(kept, spent=spent, added=added[::-1])


def unspend(context: Context, spent: list[Spent], points: int) -> list[Spent]:
    """Give `points` back to the slices that they came from, the last one first; returns what is still spent."""
    left: list[Spent] = []
    for campaign, kept in reversed(spent):
        back = min(kept, points)
        points -= back
        if back:
            context.scope.slices.put_back(campaign, back)
        left.append((campaign, kept - back))
    return left[::-1]


def _use(context: Context, key: str, points: int) -> None:
    """Note what a campaign has added; those that are no more in the policy are forgotten on the way."""
    counters = context.account.counters
    if key not in counters:
        known = {_COUNTER + plan.campaign.id for plan in context.compiled.campaigns}
        for past in [past for past in counters if past.startswith(_COUNTER) and past not in known]:
            del counters[past]
    counters[key] = {0: points}
    context.account.counters_changed = True


def in_holdout(member: str, campaign: str, share_bp: int) -> bool:
    """Whether the member is drawn into the campaign's hold-out group; the same answer every time.

    Example:
        >>> sum(in_holdout(f"m-{n}", "spring", 1_000) for n in range(1_000))
        100
    """
    digest = blake2b(f"{len(campaign)}:{campaign}{member}".encode(), digest_size=8, person=b"ts-holdout").digest()
    return int.from_bytes(digest, "big") % BP < share_bp


def _matches(context: Context, plan: CampaignPlan, action: str, rule: str) -> bool:
    """Whether a campaign that is on raises an award of this rule for the member at this time."""
    time_ms = context.time_ms
    if (plan.actions and action not in plan.actions) or (plan.rules and rule not in plan.rules):
        return False
    zone = context.calendar.zone
    if plan.weekdays and weekday(zone.local_day(time_ms)) not in plan.weekdays:
        return False
    if plan.hours and zone.minute_of_day(time_ms) // _MINUTES_PER_HOUR not in plan.hours:
        return False
    return _takes_part(context, plan)


def _takes_part(context: Context, plan: CampaignPlan) -> bool:
    """Whether the campaign is for this member."""
    campaign = plan.campaign
    if campaign.holdout_share_bp and in_holdout(context.member, campaign.id, campaign.holdout_share_bp):
        return False
    return fits_member(context, plan) and (not plan.valid_ms or is_offered(context, campaign.id))


def fits_member(context: Context, plan: CampaignPlan) -> bool:
    """Whether the member has one of the campaign's tiers and is in one of its segments."""
    if plan.tiers and context.core.tier.tier not in plan.tiers:
        return False
    return not plan.segments or context.in_segments(plan.segments)


def is_offered(context: Context, campaign: str) -> bool:
    """Whether an offer of the campaign to the member covers the event time."""
    spans = context.account.counters.get(OFFER + campaign)
    return spans is not None and any(from_ms <= context.time_ms < until_ms for from_ms, until_ms in spans.items())


def forget_added(context: Context, campaign: str) -> None:
    """Let the campaign's cap begin anew for the member, who is offered it again."""
    _use(context, _COUNTER + campaign, 0)


def added_points(context: Context, campaign: str) -> int:
    """What the campaign has added for the member, counted for its cap: refunds that make room again taken off."""
    return context.account.counters.get(_COUNTER + campaign, {}).get(0, 0)
