"""Offers: a campaign that holds only for members to whom it has been offered, for some days from then on.

    moment drawn     the partition tells the trainer what could be offered to the member (`offerable`)
    offer record     the trainer's choice comes back in the member's own log: the offer is open, the member is told
    award            a matching action within the days gets what the campaign gives, by its rules, cap and budget

An offer is open by event time, in `[from, until)`, so nothing is to be done when it ends. Who is in the hold-out
follows from the policy and the member id; nobody in it is ever made an offer, whatever a record says. What is known of
a member's offers stands among the counters, so a member who has none has nothing of them in any row.
"""

from typing import Final, NamedTuple

from features.event_time import DAY_MS
from loyalty.campaigns import OFFER, added_points, fits_member, forget_added, in_holdout
from loyalty.context import Context
from loyalty.notices import notify
from loyalty.offer_records import Offer
from loyalty.policy.compiled import CampaignPlan

OFFERS: Final = "offers:"
"""Counter of what has been asked and answered: when it was asked what to offer, and the newest record taken."""

_ASKED: Final = 0
_NEWEST: Final = 1

LATEST_MS: Final = DAY_MS
"""An offer that comes later than this after its moment is not made: what it brings would not be measured in full."""


class Offerable(NamedTuple):
    """What could be offered to a member, in the policy's order, and whether the member is in the hold-out."""

    campaigns: tuple[str, ...]
    held_out: bool


def offerable(context: Context) -> Offerable | None:
    """What could be offered to the member at the context's time; None where nothing, or where it was asked lately.

    Asking is noted, for members of the hold-out too: they are looked at as often as the others.
    """
    asked_ms = context.account.counters.get(OFFERS, {}).get(_ASKED)
    lately = asked_ms is not None and context.time_ms < asked_ms + context.policy.offers.every_days * DAY_MS
    if lately or not _may_be_offered(context):
        return None
    slices = context.scope.slices
    campaigns = tuple(
        plan.campaign.id
        for plan in context.compiled.offered.values()
        if _covers(context, plan) and slices.left(plan.campaign.id) and fits_member(context, plan)
    )
    if not campaigns:
        return None
    _note(context, _ASKED, context.time_ms)
    return Offerable(campaigns, is_held_out(context))


def take_offer(context: Context, offer: Offer) -> None:
    """Open an offer and tell the member, unless it was taken before or may not be made any more; each once."""
    if offer.example_offset <= context.account.counters.get(OFFERS, {}).get(_NEWEST, -1):
        return
    _note(context, _NEWEST, offer.example_offset)
    plan = context.compiled.offered.get(offer.campaign)
    if plan is None or not _may_be_offered(context) or is_held_out(context) or not _covers(context, plan):
        return
    if context.now_ms > offer.log_time_ms + LATEST_MS or _has_open(context):
        return
    until_ms = context.now_ms + plan.valid_ms
    _forget_past(context)
    context.account.counters.setdefault(OFFER + offer.campaign, {})[context.now_ms] = until_ms
    forget_added(context, offer.campaign)
    notify(context, "offer_made", offer.campaign, due_ms=until_ms)


def newest_offer(context: Context) -> tuple[str, int] | None:
    """The campaign that the member was offered last, and what it has added to awards since, as its cap counts it."""
    counters = context.account.counters
    made = [(max(counters[OFFER + name]), name) for name in context.compiled.offered if OFFER + name in counters]
    return (max(made)[1], added_points(context, max(made)[1])) if made else None


def open_offers(context: Context) -> list[tuple[str, int]]:
    """The offers that are open at the context's time, in the policy's order: campaign, and until when."""
    counters, now_ms = context.account.counters, context.time_ms
    return [
        (name, until_ms)
        for name in context.compiled.offered
        for from_ms, until_ms in counters.get(OFFER + name, {}).items()
        if from_ms <= now_ms < until_ms
    ]


def is_held_out(context: Context) -> bool:
    """Whether the member is in the hold-out of the policy's offers."""
    terms = context.policy.offers
    return in_holdout(context.member, f"{OFFER}{terms.id}", terms.holdout_bp)


def _may_be_offered(context: Context) -> bool:
    """Whether offers are made at all, and the member has not withdrawn consent."""
    terms = context.policy.offers
    return terms.enabled and terms.purpose not in context.core.withheld


def _covers(context: Context, plan: CampaignPlan) -> bool:
    """Whether an offer that is made now ends within the campaign."""
    return plan.start_ms <= context.now_ms and context.now_ms + plan.valid_ms <= plan.end_ms


def _has_open(context: Context) -> bool:
    """Whether any offer is open, be its campaign in the policy or not; two ids of one person may have had one each."""
    counters, now_ms = context.account.counters, context.now_ms
    return any(now_ms < until_ms for key in counters if key.startswith(OFFER) for until_ms in counters[key].values())


def _forget_past(context: Context) -> None:
    """Drop offers that no action can be about any more."""
    counters, limits = context.account.counters, context.policy.input
    oldest_ms = context.now_ms - limits.lateness_ms - limits.max_skew_ms
    for key in [key for key in counters if key.startswith(OFFER)]:
        counters[key] = {from_ms: until_ms for from_ms, until_ms in counters[key].items() if until_ms > oldest_ms}
        if not counters[key]:
            del counters[key]


def _note(context: Context, place: int, value: int) -> None:
    context.account.counters.setdefault(OFFERS, {})[place] = value
    context.account.counters_changed = True
