"""Two ids turn out to be one person: everything of the one goes over to the other, as if it had always been there.

    alias      transferred_out: its lots, debt and balances, down to 0; its row says whose alias it is
    canonical  transferred_in: the same points with the same expiry. Windows, sums of the tier, counters, orders and ids
               are added up; what both have earned for one and the same event is taken back once (`loyalty.doubles`)

So the order in which ids are linked and actions arrive leaves no trace, but for what depends on an order with a single
member too: awards that a tier, a cap, a streak, a first time or a milestone has made larger or smaller stay as they
were granted, spent points stay spent, and of two tiers set by hand one is kept.
"""

from bisect import insort

from features.event_time import DAY_MS
from loyalty.account_rows import Core, ExpiredLot, Held, PendingLot
from loyalty.context import Context
from loyalty.decisions import LotChange
from loyalty.doubles import Side, find_doubles, take_back
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import DEBT, active_name, add_active, add_pending, debit, shown_ms
from loyalty.merging_counters import absorb_counters, award_days, reached_days
from loyalty.merging_tiers import absorb_tier
from loyalty.milestones import award_milestones
from loyalty.referrals import absorb_referral
from loyalty.tier_events import announce
from loyalty.tiers import count, join, settle


def leave(context: Context, canonical: str) -> None:
    """Post what goes over to `canonical`, and leave nothing but the numbers of the last entries.

    All rows have been read before; the caller drops those of everything but the account's core and the ids.
    """
    core, account = context.core, context.account
    if not account.is_new:
        changes = [LotChange(lot.lot.hex(), "pending", -lot.points, shown_ms(lot.expires_ms)) for lot in core.pending]
        changes += [
            LotChange(active_name(lot.expires_ms), "active", -lot.points, shown_ms(lot.expires_ms))
            for lot in core.active
        ]
        if core.debt:
            changes.append(LotChange(DEBT, "debt", core.debt))
        core.pending_points = core.active_points = 0
        if changes:
            facts = Facts("link_identity", reason=f"linked to {canonical}")
            post(context, "transferred_out", entry_id(context, "transferred_out", canonical), changes, facts)
        announce(context, "merged", (core.tier.tier, ""), "linked")
    account.core = context.core = Core(
        member=context.member, joined_ms=core.joined_ms or context.time_ms, sequences=core.sequences, alias_of=canonical
    )
    account.core_changed = True


def absorb(mine: Side, theirs: Side) -> None:
    """Take over everything of `theirs`, a member who is the same person, whose parts are used up by it."""
    context, other = mine.context, theirs.context
    context.core.aliases = sorted({*context.core.aliases, *other.core.aliases, other.member})
    absorb_referral(context, other)
    if other.account.is_new:
        return
    if context.account.is_new:
        context.core.member, context.core.joined_ms = context.member, other.core.joined_ms
        join(context)
    reached = reached_days(theirs)
    doubles = find_doubles(mine, theirs)
    paid_twice, days = absorb_counters(mine, theirs, reached)
    context.windows.absorb(other.windows)
    _take_over(context, other)
    _absorb_facts(context, other.core)
    absorb_tier(context, other)
    for double in (*doubles, *paid_twice):
        take_back(context, other.member, double)
    context.orders.absorb(other.orders, other.member)
    mine.ids.absorb(theirs.ids, context.now_ms // DAY_MS)
    context.account.core_changed = True
    award_days(context, days)
    milestones = tuple((measure, 1) for measure in sorted(context.compiled.milestones))
    count(context, (), context.time_ms, award_milestones(context, milestones))
    settle(context, "linked")


def _take_over(context: Context, theirs: Context) -> None:
    """Take the lots, and what is owed with them: points of the one pay the debts of the other."""
    core, other = context.core, theirs.core
    changes = [add_pending(core, PendingLot(lot.due_ms, lot.lot, lot.points, lot.expires_ms)) for lot in other.pending]
    for lot in other.active:
        changes += add_active(core, lot.expires_ms, lot.points, lot.remind_ms)
    changes += debit(core, other.debt, owe=True)
    if changes:
        facts = Facts("link_identity", reason=f"linked with {theirs.member}")
        post(context, "transferred_in", entry_id(context, "transferred_in", theirs.member), changes, facts)


def _absorb_facts(context: Context, other: Core) -> None:
    """Everything of the core beside lots and tier."""
    core = context.core
    core.inactive_ms = max(core.inactive_ms, other.inactive_ms)
    core.channels = core.channels or other.channels
    core.withheld = sorted({*core.withheld, *other.withheld})
    awards = [last for last in (other.last_award, core.last_award) if last is not None]
    core.last_award = max(awards, key=lambda last: last.time_ms, default=None)
    core.voided += other.voided
    awaiting = {awaited.lot: awaited for awaited in (*other.awaiting, *core.awaiting)}
    core.awaiting = [awaiting[lot] for lot in sorted(awaiting)]
    for past in other.expired:
        _absorb_expired(core, past)
    if core.held is not None or other.held is not None:
        first, second = core.held or Held(), other.held or Held()
        core.held = Held(
            max(first.misconduct_ms, second.misconduct_ms),
            max(first.verdict_ms, second.verdict_ms),
            max(first.example_offset, second.example_offset),
        )


def _absorb_expired(core: Core, past: ExpiredLot) -> None:
    for mine in core.expired:
        if (mine.expires_ms, mine.at_ms) == (past.expires_ms, past.at_ms):
            mine.points += past.points
            mine.times = max(mine.times, past.times)
            return
    insort(core.expired, past, key=lambda lot: (lot.at_ms, lot.expires_ms))
