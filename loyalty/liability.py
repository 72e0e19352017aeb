"""The liability book: what all members hold together and how it came about, from the entries of the ledger alone.

Nothing is kept by member. A day has what was issued, spent, expired and so on in it (the roll-forward), and a *cohort*,
the points that expire in one local month, has its flows in each month: so any past month can be looked at again.

An entry belongs to the local day of its effective time. What expires at an instant belongs to the day that ends with
it: points that end with the quarter are breakage of that quarter. So every flow of a cohort lies in or before its
month, but for what comes late.

Debt is what members owe: it is part of the roll-forward, so that its closing is the sum of all balances, and of no
cohort, since it expires never and cannot be redeemed.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import msgspec

from features.event_time import MONTHS_PER_YEAR, ZoneRules, date_of
from loyalty.calendar import INACTIVE_MS, NEVER_MS
from loyalty.decisions import EntryKind, LedgerEntry, LotChange
from loyalty.lots import active_name
from loyalty.policy.offers import to_ms

Side = Literal["issued", "spent", "expired", "clawed_back", "cancelled", "penalised", "adjusted", "transferred"]
SIDE_OF: Mapping[EntryKind, Side] = {
    "earned": "issued",
    "redeemed": "spent",
    "returned": "spent",
    "expired": "expired",
    "clawed_back": "clawed_back",
    "cancelled": "cancelled",
    "penalised": "penalised",
    "adjusted": "adjusted",
    "transferred_out": "transferred",
    "transferred_in": "transferred",
}
"""The side of the roll-forward that a kind of entry is on; other kinds move points between lots, and sum to 0."""
_SIDES: tuple[Side, ...] = tuple(dict.fromkeys(SIDE_OF.values()))

NEVER: Final = 10**6
INACTIVITY: Final = NEVER - 1
UNDATED: Final = NEVER - 2
"""Cohorts without a month: points that never expire, by inactivity, and pending ones of which the ledger does not say
which of the two it will be."""

_NAMES: Mapping[int, str] = {NEVER: "never", INACTIVITY: "inactivity", UNDATED: "undated"}
_NEVER_LOT, _INACTIVITY_LOT = active_name(NEVER_MS), active_name(INACTIVE_MS)


def month_of(day: int) -> int:
    """The month of a day number, counted from the year 0, so that months can be subtracted.

    Example:
        >>> month_of(0), month_name(month_of(59)), month_name(NEVER)
        (23640, '1970-03', 'never')
    """
    on = date_of(day)
    return on.year * MONTHS_PER_YEAR + on.month - 1


def month_name(month: int) -> str:
    """A month or cohort in words."""
    return _NAMES.get(month) or f"{month // MONTHS_PER_YEAR}-{month % MONTHS_PER_YEAR + 1:02}"


class DayMoves(msgspec.Struct, array_like=True):
    """What a day's entries moved: by side, and by what it went into or came from. A debt is negative."""

    sides: dict[Side, int] = {}
    pending: int = 0
    active: int = 0
    debt: int = 0


class Flow(msgspec.Struct, array_like=True):
    """What happened to a cohort within a month, in points but for the two numbers of entries.

    `taken` was clawed back, cancelled, as a penalty or by hand. `moved` came from other cohorts (less what went to them
    or paid debts). `pending` of the change are pending points. `redeemed_squares` sums the squares of single
    redemptions, which tells how large those are that make up the total.
    """

    issued: int = 0
    redeemed: int = 0
    expired: int = 0
    taken: int = 0
    moved: int = 0
    pending: int = 0
    redemptions: int = 0
    redeemed_squares: int = 0
    takings: int = 0

    @property
    def change(self) -> int:
        """What the month adds to the cohort."""
        return self.issued + self.moved - self.redeemed - self.taken - self.expired

    def book(self, kind: EntryKind, points: int) -> None:
        """Book what an entry of this kind did to a lot."""
        match kind:
            case "earned":
                self.issued += points
            case "adjusted" if points > 0:
                self.issued += points
            case "redeemed":
                self.redeemed -= points
                self.redemptions += 1
                self.redeemed_squares += points * points
            case "returned":
                self.redeemed -= points
            case "expired":
                self.expired -= points
            case "clawed_back" | "cancelled" | "penalised" | "adjusted":
                self.taken -= points
                self.takings += 1
            case _:
                self.moved += points


Flows = Mapping[int, Mapping[int, Flow]]
"""Flows by cohort and month."""


class DayLine(msgspec.Struct, frozen=True):
    """A line of the roll-forward, in points: opening + all that follows = closing = pending + active - owed.

    What takes points away is negative. `transferred` is 0 but for the moment in which points of an alias are on their
    way to its other id.
    """

    day: str
    opening: int
    issued: int
    spent: int
    expired: int
    clawed_back: int
    cancelled: int
    penalised: int
    adjusted: int
    transferred: int
    closing: int
    pending: int
    active: int
    owed: int


class LiabilityBook(msgspec.Struct):
    """The book, entry by entry; the caller sees to it that each entry comes once (`OnceInOrder`).

    `zone`: whose local days and months count. `as_of_ms`: the effective time of the newest entry.
    """

    zone: ZoneRules
    entries: int = 0
    as_of_ms: int = 0
    days: dict[int, DayMoves] = {}
    flows: dict[int, dict[int, Flow]] = {}

    def add(self, entry: LedgerEntry) -> None:
        """Book an entry."""
        data, time_ms = entry.data, to_ms(entry.time)
        day = self.zone.local_day(time_ms - 1 if data.kind == "expired" else time_ms)
        self.entries += 1
        self.as_of_ms = max(self.as_of_ms, time_ms)
        moves = self.days.get(day)
        if moves is None:
            moves = self.days[day] = DayMoves()
        side = SIDE_OF.get(data.kind)
        if side is not None:
            moves.sides[side] = moves.sides.get(side, 0) + data.pending_points + data.active_points
        month = month_of(day)
        for change in data.lots:
            if change.status == "debt":
                moves.debt += change.points
                continue
            flow = self._flow(self._cohort_of(change), month)
            flow.book(data.kind, change.points)
            if change.status == "pending":
                moves.pending += change.points
                flow.pending += change.points
            else:
                moves.active += change.points

    def _flow(self, cohort: int, month: int) -> Flow:
        months = self.flows.setdefault(cohort, {})
        flow = months.get(month)
        if flow is None:
            flow = months[month] = Flow()
        return flow

    def _cohort_of(self, change: LotChange) -> int:
        if change.expires_ms:
            return month_of(self.zone.local_day(change.expires_ms - 1))
        if change.lot == _NEVER_LOT:
            return NEVER
        return INACTIVITY if change.lot == _INACTIVITY_LOT else UNDATED

    def balance(self) -> DayMoves:
        """What is outstanding now: the sum of all days."""
        total = DayMoves()
        for moves in self.days.values():
            for side, points in moves.sides.items():
                total.sides[side] = total.sides.get(side, 0) + points
            total.pending += moves.pending
            total.active += moves.active
            total.debt += moves.debt
        return total

    def roll_forward(self) -> Iterator[DayLine]:
        """A line for each day from the first entry to the newest, also where nothing moved."""
        closing = pending = active = debt = 0
        nothing = DayMoves()
        for day in range(min(self.days, default=0), max(self.days, default=-1) + 1):
            moves = self.days.get(day, nothing)
            opening, closing = closing, closing + sum(moves.sides.values())
            pending, active, debt = pending + moves.pending, active + moves.active, debt + moves.debt
            yield DayLine(
                day=date_of(day).isoformat(),
                opening=opening,
                **{side: moves.sides.get(side, 0) for side in _SIDES},
                closing=closing,
                pending=pending,
                active=active,
                owed=-debt,
            )
