"""Tier decisions as events that carry their explanation."""

from typing import NamedTuple

from loyalty.calendar import NEVER_MS
from loyalty.context import Context
from loyalty.decisions import (
    TIER_TYPE,
    BenefitUse,
    Entitlement,
    NotificationKind,
    OverrideData,
    TierChange,
    TierChangeKind,
    TierData,
    instant,
)
from loyalty.notices import notify
from loyalty.policy.compiled import Compiled
from loyalty.qualification import contributions

_TOLD: dict[TierChangeKind, NotificationKind] = {
    "joined": "tier_joined",
    "upgraded": "tier_upgraded",
    "downgraded": "tier_downgraded",
    "prolonged": "tier_prolonged",
    "will_downgrade": "tier_will_downgrade",
}


class Benefits(NamedTuple):
    """What an event says of benefits, where the policy has changed them or one was used.

    `before` are the ones until now, `changed` those that stay under other terms.
    """

    before: tuple[str, ...] | None = None
    changed: tuple[str, ...] = ()
    use: BenefitUse | None = None


def announce(
    context: Context,
    kind: TierChangeKind,
    tiers: tuple[str, str],
    reason: str,
    override: OverrideData | None = None,
    benefits: Benefits = Benefits(),  # noqa: B008 - an immutable value
) -> None:
    """Emit a change of `tiers`, from old to new, with its reasons, and tell the member.

    For `will_downgrade`, the new tier is the one that the member is going to have.
    """
    old, new = tiers
    core, scope, ladder = context.core, context.scope, context.compiled.ladder
    context.account.core_changed = True
    core.sequences.tier_changes += 1
    parts = contributions(context, context.cycle.span(ladder.period, context.now_ms).day)
    score = sum(part.points for part in parts)
    rank = ladder.index.get(new, 0)
    held = ladder.index.get(core.tier.tier, 0)
    above = rank + 1 if rank + 1 < len(ladder.ids) else None
    before = _benefits(context, old) if benefits.before is None else benefits.before
    after = _benefits(context, new)
    granted = tuple(benefit for benefit in after if benefit not in before)
    data = TierData(
        sequence=core.sequences.tier_changes,
        kind=kind,
        old_tier=old,
        new_tier=new,
        next_tier="" if above is None else ladder.ids[above],
        reason=reason,
        score=score,
        contributions=parts,
        to_remain=max(0, ladder.hold_thresholds[held] - score),
        to_next=0 if above is None else max(0, ladder.thresholds[above] - score),
        valid_until_ms=0 if core.tier.valid_until_ms == NEVER_MS else core.tier.valid_until_ms,
        benefits_granted=granted,
        benefits_revoked=tuple(benefit for benefit in before if benefit not in after),
        benefits_changed=benefits.changed,
        entitlements=_entitlements(context, granted + benefits.changed),
        use=benefits.use,
        override=override,
        cause=context.cause,
        policy_version=scope.policy_version,
        weights_version=scope.weights.version,
        engine=scope.engine,
    )
    identity = context.identity("tier/" + kind, f"{old}/{new}")
    context.out.append(
        TierChange(id=identity, type=TIER_TYPE + kind, time=instant(context.time_ms), subject=context.member, data=data)
    )
    if kind in _TOLD and context.compiled.tells_tiers:
        notify(context, _TOLD[kind], new, due_ms=data.valid_until_ms)


def announce_benefits(context: Context, before: Compiled) -> None:
    """Say so where the tier's benefits, or their terms, are others than under the policy `before`."""
    tier = context.core.tier.tier
    had, has = before.ladder.benefits.get(tier, ()), _benefits(context, tier)
    now = context.compiled.benefits
    changed = tuple(each for each in has if each in had and now.get(each) != before.benefits.get(each))
    if changed or sorted(had) != sorted(has):
        announce(context, "benefits_changed", (tier, tier), "policy_change", benefits=Benefits(had, changed))


def announce_use(context: Context, use: BenefitUse) -> None:
    """Say that a benefit was consumed."""
    tier = context.core.tier.tier
    announce(context, "benefit_consumed", (tier, tier), "consumed", benefits=Benefits(use=use))


def _benefits(context: Context, tier: str) -> tuple[str, ...]:
    return context.compiled.ladder.benefits.get(tier, ())


def _entitlements(context: Context, ids: tuple[str, ...]) -> tuple[Entitlement, ...]:
    """The terms of benefits, as far as the policy gives any."""
    known = (context.compiled.benefits.get(each) for each in ids)
    return tuple(
        Entitlement(
            terms.id,
            terms.kind,
            terms.quota or 0,
            terms.per if terms.quota else "",
            terms.value_bp,
            terms.value_minor,
        )
        for terms in known
        if terms is not None
    )
