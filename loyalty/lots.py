"""Lots: points on their way from pending to active to spent or expired.

Pending lots stand apart by cause, since a refund takes back what its own order granted. Active lots that expire
together are one lot: which of two equal points is spent first changes nothing. So their number is bounded by the number
of different expiry times, about five with the end of the quarter after twelve months.

Every function changes the lots and both balances together, and tells what it did as the changes of an entry.
"""

from bisect import bisect_left

from loyalty.account_rows import ActiveLot, Core, ExpiredLot, PendingLot, VoidedLot
from loyalty.calendar import INACTIVE_MS, NEVER_MS
from loyalty.decisions import LotChange

DEBT = "debt"


def active_name(expires_ms: int) -> str:
    """Name of the active lot that expires then.

    Example:
        >>> active_name(1_546_300_800_000), active_name(NEVER_MS)
        ('active/1546300800000', 'active/never')
    """
    if expires_ms == NEVER_MS:
        return "active/never"
    return "active/inactivity" if expires_ms == INACTIVE_MS else f"active/{expires_ms}"


def shown_ms(expires_ms: int) -> int:
    """What an entry shows of an expiry: 0 where there is no date."""
    return expires_ms if expires_ms < INACTIVE_MS else 0


def place_of(lot: PendingLot) -> tuple[int, bytes]:
    """What pending lots are in order of."""
    return lot.due_ms, lot.lot


def add_pending(core: Core, lot: PendingLot) -> LotChange:
    """Add points to the pending lot of their cause, which is made if it is not there."""
    pending = core.pending
    at = _pending_place(core, lot.due_ms, lot.lot)
    if at < len(pending) and pending[at].lot == lot.lot:
        pending[at].points += lot.points
    else:
        pending.insert(at, lot)
    core.pending_points += lot.points
    return LotChange(lot.lot.hex(), "pending", lot.points, shown_ms(lot.expires_ms))


def _pending_place(core: Core, due_ms: int, lot: bytes) -> int:
    pending = core.pending
    if not pending or pending[-1].due_ms < due_ms:
        return len(pending)
    if pending[-1].lot == lot:
        return len(pending) - 1
    return bisect_left(pending, (due_ms, lot), key=place_of)


def take_pending(core: Core, lot: bytes, points: int) -> LotChange | None:
    """Take up to `points` from a pending lot; None where nothing of it is left."""
    at = next((at for at, other in enumerate(core.pending) if other.lot == lot), -1)
    if points <= 0 or at < 0:
        return None
    held = core.pending[at]
    taken = min(points, held.points)
    held.points -= taken
    core.pending_points -= taken
    if not held.points:
        del core.pending[at]
        if core.awaiting:
            core.awaiting = [awaited for awaited in core.awaiting if awaited.lot != lot]
    return LotChange(lot.hex(), "pending", -taken, shown_ms(held.expires_ms))


def void(core: Core, lots: list[PendingLot], at_ms: int, memory_ms: int) -> list[LotChange]:
    """Take pending lots whole, and remember for `memory_ms` whose they were: no refund takes their points again."""
    core.voided = [past for past in core.voided if past.at_ms >= at_ms - memory_ms]
    core.voided += [VoidedLot(lot.lot, at_ms) for lot in lots]
    taken = [take_pending(core, lot.lot, lot.points) for lot in lots]
    return [change for change in taken if change is not None]


def add_active(core: Core, expires_ms: int, points: int, remind_ms: int = 0) -> list[LotChange]:
    """Add spendable points; what the member owes is paid from them first."""
    changes = []
    core.active_points += points
    if core.debt and points:
        paid = min(core.debt, points)
        core.debt -= paid
        points -= paid
        changes.append(LotChange(DEBT, "debt", paid))
    if points:
        active = core.active
        at = bisect_left(active, expires_ms, key=lambda lot: lot.expires_ms)
        if at < len(active) and active[at].expires_ms == expires_ms:
            active[at].points += points
        else:
            active.insert(at, ActiveLot(expires_ms, points, remind_ms))
        changes.append(LotChange(active_name(expires_ms), "active", points, shown_ms(expires_ms)))
    return changes


def spendable(core: Core) -> int:
    """What the active lots hold."""
    return core.active_points + core.debt


def debit(core: Core, points: int, *, first_ms: int = 0, owe: bool = False) -> list[LotChange]:
    """Take `points`, earliest-expiring lot first, but before that from the lot that expires at `first_ms`.

    Where the lots do not hold enough: with `owe` the rest becomes debt, else it is left.
    """
    changes = []
    rest = points
    for expires_ms in _debit_order(core, first_ms):
        if rest:
            change = _take_active(core, expires_ms, rest)
            rest += change.points
            changes.append(change)
    if rest and owe:
        core.debt += rest
        core.active_points -= rest
        changes.append(LotChange(DEBT, "debt", -rest))
    return changes


def _debit_order(core: Core, first_ms: int) -> list[int]:
    order = [lot.expires_ms for lot in core.active]
    if first_ms in order:
        order.remove(first_ms)
        order.insert(0, first_ms)
    return order


def _take_active(core: Core, expires_ms: int, points: int) -> LotChange:
    at = bisect_left(core.active, expires_ms, key=lambda lot: lot.expires_ms)
    lot = core.active[at]
    taken = min(points, lot.points)
    lot.points -= taken
    core.active_points -= taken
    if not lot.points:
        del core.active[at]
    return LotChange(active_name(expires_ms), "active", -taken, shown_ms(expires_ms))


def extend(core: Core, later_ms: int) -> list[LotChange]:
    """Move the expiry of all points that have a date."""
    changes = []
    for waiting in core.pending:
        if waiting.expires_ms < INACTIVE_MS:
            before_ms, waiting.expires_ms = waiting.expires_ms, waiting.expires_ms + later_ms
            name, points = waiting.lot.hex(), waiting.points
            changes.append(LotChange(name, "pending", -points, before_ms))
            changes.append(LotChange(name, "pending", points, waiting.expires_ms))
    for lot in core.active:
        if lot.expires_ms < INACTIVE_MS:
            before_ms, lot.expires_ms = lot.expires_ms, lot.expires_ms + later_ms
            lot.remind_ms += later_ms if lot.remind_ms else 0
            changes.append(LotChange(active_name(before_ms), "active", -lot.points, before_ms))
            changes.append(LotChange(active_name(lot.expires_ms), "active", lot.points, lot.expires_ms))
    return changes


def move_expiry(core: Core, dates_ms: set[int], end_ms: int, remind_ms: int) -> list[LotChange]:
    """Let all points that would expire at one of `dates_ms` expire at `end_ms`; the active ones become one lot."""
    changes = []
    for waiting in core.pending:
        if waiting.expires_ms in dates_ms:
            before_ms, waiting.expires_ms = waiting.expires_ms, end_ms
            changes.append(LotChange(waiting.lot.hex(), "pending", -waiting.points, before_ms))
            changes.append(LotChange(waiting.lot.hex(), "pending", waiting.points, end_ms))
    early = [lot for lot in core.active if lot.expires_ms in dates_ms]
    points = sum(lot.points for lot in early)
    changes += [_take_active(core, lot.expires_ms, lot.points) for lot in early]
    return changes + add_active(core, end_ms, points, remind_ms) if early else changes


def expire(core: Core, lot: ActiveLot, at_ms: int) -> tuple[LotChange, int]:
    """End an active lot. Also returns how often a lot of this expiry has ended at this time before.

    Points that come late to a lot that has ended end with it again; one that ends by inactivity begins anew instead.
    """
    change = _take_active(core, lot.expires_ms, lot.points)
    for past in core.expired:
        if past.expires_ms == lot.expires_ms and past.at_ms == at_ms:
            past.points -= change.points
            past.times += 1
            return change, past.times - 1
    core.expired.append(ExpiredLot(lot.expires_ms, at_ms, -change.points, 1))
    return change, 0


def is_forgotten(core: Core, at_ms: int, memory_ms: int) -> bool:
    """Whether what ended at `at_ms` may have been forgotten: the lots that end do so in order, but for late points."""
    return any(past.at_ms - memory_ms > at_ms for past in core.expired)


def forget_expired(core: Core, before_ms: int) -> None:
    """Forget expired lots that no refund and no late action can ask for any more."""
    core.expired = [past for past in core.expired if past.at_ms >= before_ms]


def forgive_expired(core: Core, expires_ms: int, earned_ms: int, points: int) -> int:
    """How many of `points`, earned at `earned_ms`, have expired already; they are not taken a second time."""
    rest = points
    for past in core.expired:
        if past.expires_ms == expires_ms and earned_ms < past.at_ms:
            forgiven = min(rest, past.points)
            past.points -= forgiven
            rest -= forgiven
    return points - rest
