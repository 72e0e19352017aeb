"""Tier decisions as events that carry their explanation."""

from loyalty.calendar import NEVER_MS
from loyalty.context import Context
from loyalty.decisions import (
    TIER_TYPE,
    NotificationKind,
    OverrideData,
    TierChange,
    TierChangeKind,
    TierData,
    instant,
)
from loyalty.notices import notify
from loyalty.qualification import contributions

_TOLD: dict[TierChangeKind, NotificationKind] = {
    "joined": "tier_joined",
    "upgraded": "tier_upgraded",
    "downgraded": "tier_downgraded",
    "prolonged": "tier_prolonged",
    "will_downgrade": "tier_will_downgrade",
}


def announce(
    context: Context,
    kind: TierChangeKind,
    tiers: tuple[str, str],
    reason: str,
    override: OverrideData | None = None,
    before: tuple[str, ...] | None = None,
) -> None:
    """Emit a change of `tiers`, from old to new, with its reasons, and tell the member.

    For `will_downgrade`, the new tier is the one that the member is going to have. `before` are the benefits until now
    where those of the old tier have changed themselves.
    """
    old, new = tiers
    core, scope, ladder = context.core, context.scope, context.compiled.ladder
    state = core.tier
    context.account.core_changed = True
    core.sequences.tier_changes += 1
    parts = contributions(context, context.cycle.span(ladder.period, context.now_ms).day)
    score = sum(part.points for part in parts)
    rank = ladder.index.get(new, 0)
    held = ladder.index.get(state.tier, 0)
    above = rank + 1 if rank + 1 < len(ladder.ids) else None
    before, after = _benefits(context, old) if before is None else before, _benefits(context, new)
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
        valid_until_ms=0 if state.valid_until_ms == NEVER_MS else state.valid_until_ms,
        benefits_granted=tuple(benefit for benefit in after if benefit not in before),
        benefits_revoked=tuple(benefit for benefit in before if benefit not in after),
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
    told = _TOLD.get(kind)
    if told is not None and context.compiled.tells_tiers:
        notify(context, told, new, due_ms=data.valid_until_ms)


def announce_benefits(context: Context, before: tuple[str, ...]) -> None:
    """Say so where the tier's own benefits are others than `before`, by a new policy."""
    tier = context.core.tier.tier
    if sorted(before) != sorted(_benefits(context, tier)):
        announce(context, "benefits_changed", (tier, tier), "policy_change", before=before)


def _benefits(context: Context, tier: str) -> tuple[str, ...]:
    return context.compiled.ladder.benefits.get(tier, ())
