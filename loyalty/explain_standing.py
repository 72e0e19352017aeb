"""What a member is on the way to, and what holds the member up: milestones, quotas, holds, in plain words."""

from collections.abc import Iterator

from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.context import Context
from loyalty.decisions import Cause, instant
from loyalty.explain import show_points
from loyalty.milestones import progress
from loyalty.offers import open_offers
from loyalty.orders import Orders
from loyalty.rewards import benefit_left
from loyalty.scope import Scope


def explain_standing(account: Account, orders: Orders, windows: ActivityWindows, scope: Scope, log_time_ms: int) -> str:
    """Milestones, benefits with what is left of their quotas, open offers, a hold with its end; empty for none.

    Example: see `tests/unit/loyalty/test_milestones.py`.
    """
    if account.is_new:
        return ""
    times_ms = (log_time_ms, log_time_ms)
    context = Context((account, orders, windows), account.core.member, Cause("", ""), times_ms, scope)
    return "\n".join((*_milestones(context), *_benefits(context), *_offers(context), *_hold(context)))


def _milestones(context: Context) -> Iterator[str]:
    scale = context.policy.programme.point_scale
    for measure, milestones in context.compiled.milestones.items():
        for milestone in milestones:
            reached, target = progress(context, milestone, measure)
            again = ", again and again" if milestone.repeat == "every" else ""
            worth = f"{show_points(milestone.points, scale)} points{again}"
            yield f"Milestone {milestone.id}: {reached} of {target} {milestone.measure}, worth {worth}."


def _benefits(context: Context) -> Iterator[str]:
    for name in context.compiled.ladder.benefits.get(context.core.tier.tier, ()):
        terms = context.compiled.benefits.get(name)
        if terms is None or terms.quota is None:
            yield f"Benefit {name}."
        else:
            yield f"Benefit {name}: {benefit_left(context, terms, terms.quota)} of {terms.quota} left, per {terms.per}."


def _offers(context: Context) -> Iterator[str]:
    if context.compiled.offered:
        for campaign, until_ms in open_offers(context):
            yield f"Offer {campaign}, until {_when(until_ms)}."


def _hold(context: Context) -> Iterator[str]:
    hold_ms = context.core.hold_ms
    if hold_ms > context.now_ms:
        yield f"Pending points are held until {_when(hold_ms)}, unless somebody decides before."


def _when(time_ms: int) -> str:
    return instant(time_ms).isoformat().replace("T", " ").replace("+00:00", " UTC")
