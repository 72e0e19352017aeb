"""The append-only ledger: every change of points is an entry, and every entry goes through here.

An entry carries both balances as they are after it, so whoever holds the last entry holds the balance, and a reader can
check each line against the one before.
"""

import msgspec

from loyalty.context import Context
from loyalty.decisions import (
    POINTS_TYPE,
    EntryData,
    EntryKind,
    Factors,
    LedgerEntry,
    LotChange,
    instant,
)


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What an entry is about, beside points and cause: see `decisions.EntryData`."""

    action: str = ""
    rule: str = ""
    order_id: str = ""
    grant: str = ""
    factors: Factors | None = None
    reason: str = ""
    operator: str = ""
    misconduct_score: int = 0


NO_FACTS = Facts()


def entry_id(context: Context, kind: EntryKind, key: str) -> str:
    """Id of the entry that `context`'s cause makes of this kind; `key` tells several apart, such as the rule's id."""
    return context.identity(kind, key)


def post(context: Context, kind: EntryKind, identity: str, lots: list[LotChange], facts: Facts = NO_FACTS) -> None:
    """Append an entry over the changes that `lots` tell; the balances already contain them."""
    pending = active = 0
    for change in lots:
        if change.status == "pending":
            pending += change.points
        else:
            active += change.points
    core, scope = context.core, context.scope
    context.account.core_changed = True
    core.sequences.points += 1
    data = EntryData(
        core.sequences.points,
        kind,
        pending,
        active,
        core.pending_points,
        core.active_points,
        tuple(lots),
        context.cause,
        scope.policy_version,
        scope.weights.version,
        scope.engine,
        facts.action,
        facts.rule,
        facts.order_id,
        facts.grant,
        facts.factors,
        facts.reason,
        facts.operator,
        facts.misconduct_score,
    )
    time = instant(context.time_ms)
    context.out.append(LedgerEntry(id=identity, type=POINTS_TYPE + kind, time=time, subject=context.member, data=data))
