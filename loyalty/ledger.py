"""The append-only ledger: every change of points is an entry, and every entry goes through here.

An entry carries both balances as they are after it, so whoever holds the last entry holds the balance, and a reader can
check each line against the one before.
"""

from loyalty.context import Context
from loyalty.decisions import (
    NOTIFICATION_TYPE,
    POINTS_TYPE,
    EntryData,
    EntryKind,
    Factors,
    LedgerEntry,
    LotChange,
    Notification,
    NotificationData,
    NotificationKind,
    derived_id,
    instant,
)


def entry_id(context: Context, kind: EntryKind, key: str) -> str:
    """Id of the entry that `context`'s cause makes of this kind; `key` tells several apart, such as the rule's id."""
    return derived_id(context.member, context.cause.source, context.cause.id, kind, key)


def post(
    context: Context,
    kind: EntryKind,
    identity: str,
    lots: list[LotChange],
    *,
    action: str = "",
    rule: str = "",
    order_id: str = "",
    grant: str = "",
    factors: Factors | None = None,
    reason: str = "",
    operator: str = "",
) -> None:
    """Append an entry over the changes that `lots` tell; the balances already contain them."""
    pending = active = 0
    for change in lots:
        if change.status == "pending":
            pending += change.points
        else:
            active += change.points
    core = context.core
    context.account.core_changed = True
    core.sequences.points += 1
    scope = context.scope
    data = EntryData(
        sequence=core.sequences.points,
        kind=kind,
        pending_points=pending,
        active_points=active,
        pending_balance=core.pending_points,
        active_balance=core.active_points,
        lots=tuple(lots),
        cause=context.cause,
        action=action,
        rule=rule,
        order_id=order_id,
        grant=grant,
        factors=factors,
        reason=reason,
        operator=operator,
        policy_version=scope.policy_version,
        weights_version=scope.weights.version,
        engine=scope.engine,
    )
    context.out.append(
        LedgerEntry(
            id=identity, type=POINTS_TYPE + kind, time=instant(context.time_ms), subject=context.member, data=data
        )
    )


def notify(
    context: Context,
    kind: NotificationKind,
    *,
    tier: str = "",
    points: int = 0,
    due_ms: int = 0,
    reward_id: str = "",
    reason: str = "",
    answer: bool = False,
) -> None:
    """Tell the member something, unless it is no answer and consent for the notifications' purpose was withdrawn."""
    core = context.core
    if not answer and context.policy.notifications.purpose in core.withheld:
        return
    context.account.core_changed = True
    core.sequences.notifications += 1
    data = NotificationData(
        sequence=core.sequences.notifications,
        kind=kind,
        channels=core.channels,
        tier=tier,
        points=points,
        due_ms=due_ms,
        reward_id=reward_id,
        reason=reason,
        cause=context.cause,
        policy_version=context.scope.policy_version,
        engine=context.scope.engine,
    )
    identity = derived_id(context.member, context.cause.source, context.cause.id, "notification", kind, tier, reward_id)
    context.out.append(
        Notification(
            id=identity, type=NOTIFICATION_TYPE + kind, time=instant(context.time_ms), subject=context.member, data=data
        )
    )
