"""Earning: what each rule awards for an action, and where the points go.

An award is decided on what was known before the action; the action counts in the features after it.
"""

import msgspec

from features.actions import Action
from loyalty.account_rows import LOT_BYTES, LastAward, PendingLot
from loyalty.awards import award
from loyalty.basket import Basket
from loyalty.calendar import AWAITED_MS
from loyalty.campaigns import NO_BOOST, Kept, Spent, boost_of, cut_short, within_campaign_caps
from loyalty.caps import within_caps
from loyalty.conditions import Basis, add_day_total, basis_of
from loyalty.context import Context
from loyalty.decisions import Factors, derived_id
from loyalty.extensions import kept_ms
from loyalty.holds import due_or_held
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import add_active, add_pending
from loyalty.orders import Grant
from loyalty.pending import await_action
from loyalty.policy.compiled import RulePlan
from loyalty.policy.fields import BP
from loyalty.reminders import remind_ms
from loyalty.trials import raised_bp

Lots = dict[tuple[int, int], bytes]
"""When a pending lot becomes active and when it expires -> its name."""


TEXT_CLAIMED = "text_claimed"
"""Reason on an award that waits until it is known whether the review's text is new."""

_UNCUT = Kept(0, "", [], [])


class Earned(msgspec.Struct, frozen=True, gc=False):
    """What an action earned: spendable points, qualifying units, and the grants that a refund would take back.

    `spent` is what grants, by their place, have taken of the budgets of campaigns.
    """

    points: int
    qualifying: int
    grants: list[Grant]
    spent: list[tuple[int, str, int]]


def earn(context: Context, action: Action, name: str, basket: Basket | None = None) -> Earned | None:
    """Award everything that the policy's rules give for an action; None where they give nothing."""
    plans = context.compiled.rules.get(name)
    if plans is None:
        return None
    day_total = add_day_total(context, action) if name in context.compiled.day_total_actions else None
    points = qualifying = 0
    grants: list[Grant] = []
    spent: list[tuple[int, str, int]] = []
    lots: Lots = {}
    for plan in plans:
        basis = basis_of(context, plan, action, basket, day_total)
        if basis is None:
            continue
        grant, used = grant_basis(context, plan, name, basis, lots)
        if grant is None:
            continue
        if grant.qualifying:
            qualifying += grant.granted
        else:
            points += grant.granted
            spent += [(len(grants), campaign, kept) for campaign, kept in used if kept]
        grants.append(grant)
    return Earned(points, qualifying, grants, spent) if grants else None


def grant_basis(
    context: Context, plan: RulePlan, name: str, basis: Basis, lots: Lots
) -> tuple[Grant | None, list[Spent]]:
    """Award what one rule gives for one basis, and what that takes of budgets.

    `lots` are the pending lots that the same action has made so far.
    """
    if plan.qualifying:
        return _grant_qualifying(context, plan, basis), []
    return _grant_points(context, plan, name, basis, lots)


def _entry_of(context: Context, rule: str, basis: Basis) -> str:
    """Entry id of an award. That for a day's total is the day's, whichever action completed it."""
    if basis.day < 0:
        return entry_id(context, "earned", rule)
    return derived_id(context.member, "day", str(basis.day), "earned", rule)


def _grant_qualifying(context: Context, plan: RulePlan, basis: Basis) -> Grant | None:
    """Units that count for the tier. Thresholds are the same for every member, so nothing personal multiplies them."""
    desired = award(basis.eligible * plan.points, plan.per, (BP, BP, BP), context.policy.programme.rounding)
    granted, _ = within_caps(context, plan, desired) if plan.caps else (desired, "")
    if not granted:
        return None
    entry = _entry_of(context, plan.rule.id, basis)
    return Grant(bytes.fromhex(entry), plan.rule.id, basis.eligible, granted, basis.lines, qualifying=True)


def _grant_points(
    context: Context, plan: RulePlan, name: str, basis: Basis, lots: Lots
) -> tuple[Grant | None, list[Spent]]:
    """Compute one award and put its points where they belong; None where nothing is granted.

    `lots` are the pending lots that this action has made; awards that become active and expire together share one.
    Also returns what the award has taken of budgets.
    """
    factors, kept = _factors(context, plan, name, basis.eligible)
    granted = factors.granted
    if not granted:
        return None, []
    rule = plan.rule.id
    entry = _entry_of(context, rule, basis)
    expires_ms = context.calendar.expires_ms(plan.expiry, basis.since_ms)
    if name in context.compiled.extending:
        expires_ms = kept_ms(context, expires_ms)
    grant = Grant(bytes.fromhex(entry), rule, basis.eligible, granted, basis.lines, expires_ms)
    if kept.added:
        grant.boosts = [(campaign, added, 0) for campaign, added in kept.added]
    due_ms = due_or_held(context, basis.since_ms, plan.pending_ms)
    if plan.original:
        grant.lot = grant.entry[:LOT_BYTES]
        changes = [add_pending(context.core, PendingLot(AWAITED_MS, grant.lot, granted, expires_ms))]
    elif plan.pending_until:
        grant.lot = grant.entry[:LOT_BYTES]
        changes = [await_action(context, plan, basis.since_ms, PendingLot(0, grant.lot, granted, expires_ms))]
    elif due_ms:
        grant.lot = lots.setdefault((due_ms, expires_ms), grant.entry[:LOT_BYTES])
        changes = [add_pending(context.core, PendingLot(due_ms, grant.lot, granted, expires_ms))]
    else:
        changes = add_active(context.core, expires_ms, granted, remind_ms(context, expires_ms))
    context.core.last_award = _last_award(context, name, grant, factors)
    reason = TEXT_CLAIMED if plan.original else plan.pending_until and f"waits for {plan.pending_until}"
    post(context, "earned", entry, changes, Facts(name, rule, context.order_id, factors=factors, reason=reason))
    return grant, kept.spent


def _factors(context: Context, plan: RulePlan, name: str, eligible: int) -> tuple[Factors, Kept]:
    """The award's arithmetic, from the base rule to what the caps leave; and what campaigns had to do with it."""
    weight_bp = learned_bp = context.scope.weights.earning(name) if plan.rule.learned else BP
    trial = context.policy.trial
    if trial.actions and plan.rule.learned:
        weight_bp = raised_bp(trial, context.member, name, learned_bp)
    tier_bp = BP
    if plan.rule.tier_multiplied:
        tier_bp = context.compiled.ladder.multipliers_bp.get(context.core.tier.tier, BP)
    boost = boost_of(context, name, plan.rule.id) if context.compiled.campaigns else NO_BOOST
    rounding = context.policy.programme.rounding
    desired = award(eligible * plan.points, plan.per, (weight_bp, tier_bp, boost.multiplier_bp), rounding) + boost.bonus
    kept = _UNCUT
    granted, cap = desired, ""
    if boost.capped:
        kept = within_campaign_caps(
            context,
            boost,
            desired,
            lambda campaign_bp: award(eligible * plan.points, plan.per, (weight_bp, tier_bp, campaign_bp), rounding),
        )
        granted, cap = kept.granted, kept.cap
    if plan.caps:
        within, rule_cap = within_caps(context, plan, granted)
        if within < granted:
            kept = cut_short(context, kept, granted - within)
        granted, cap = within, rule_cap or cap
    factors = Factors(
        eligible,
        plan.points,
        plan.per,
        weight_bp,
        tier_bp,
        boost.multiplier_bp,
        desired,
        granted,
        rounding,
        boost.campaigns,
        boost.bonus,
        cap,
        "" if weight_bp == learned_bp else trial.id,
        tuple(name for name in boost.campaigns if name in context.compiled.offered) if boost.campaigns else (),
    )
    return factors, kept


def _last_award(context: Context, name: str, grant: Grant, factors: Factors) -> LastAward:
    """The facts of an award, as `explain` will want them."""
    return LastAward(
        context.time_ms,
        name,
        grant.rule,
        grant.entry,
        factors.eligible,
        factors.points,
        factors.per,
        (factors.weight_bp, factors.tier_bp, factors.campaign_bp),
        factors.bonus,
        factors.desired,
        factors.granted,
        factors.cap,
        context.scope.policy_version,
        context.scope.weights.version,
    )
