"""A member's statement: balances and lots, derived from the entries of the ledger and from nothing else.

What a reader of `loyalty.points` can recompute without us. The account that is stored must say the same.
"""

from typing import Self

from loyalty.account_rows import Core
from loyalty.decisions import EntryData, LotStatus
from loyalty.lots import DEBT, active_name

Lots = dict[tuple[LotStatus, str], int]
"""What each lot holds, by status and name; lots that hold nothing are left out. A debt is negative."""


class Statement:
    """The sum of a member's entries, taken in one after another.

    Example:
        >>> from loyalty.decisions import Cause, LotChange
        >>> lots = (LotChange("active/never", "active", 30),)
        >>> earned = EntryData(1, "earned", 0, 30, 0, 30, lots, Cause("shop", "o-1"), 1, 0, 1)
        >>> statement = Statement()
        >>> statement.add(earned), statement.active, statement.lots()
        ('', 30, {('active', 'active/never'): 30})
    """

    __slots__ = ("_lots", "active", "pending", "sequence")

    def __init__(self) -> None:
        self.sequence = 0
        self.pending = 0
        self.active = 0
        self._lots: Lots = {}

    @classmethod
    def opened(cls, core: Core) -> Self:
        """The statement that goes on from an account."""
        statement = cls()
        statement.sequence = core.sequences.points
        statement.pending, statement.active = core.pending_points, core.active_points
        statement._lots = lots_of(core)
        return statement

    def add(self, entry: EntryData) -> str:
        """Take in the next entry; returns what is wrong with its sums, "" where they are right."""
        self.sequence = entry.sequence
        self.pending += entry.pending_points
        self.active += entry.active_points
        pending = active = 0
        for change in entry.lots:
            key = (change.status, change.lot)
            self._lots[key] = self._lots.get(key, 0) + change.points
            if change.status == "pending":
                pending += change.points
            else:
                active += change.points
        if (pending, active) != (entry.pending_points, entry.active_points):
            moved = f"{entry.pending_points} pending and {entry.active_points} active"
            return f"entry {entry.sequence} moves {moved} points, its lots {pending} and {active}"
        if (self.pending, self.active) != (entry.pending_balance, entry.active_balance):
            said = f"{entry.pending_balance} pending and {entry.active_balance} active"
            return f"entry {entry.sequence} says {said} points are left, the entries add up to {self._balances()}"
        return ""

    def lots(self) -> Lots:
        """What each lot holds now."""
        return {key: points for key, points in self._lots.items() if points}

    def differs_from(self, core: Core) -> str:
        """What an account says otherwise, "" where it says the same."""
        if (self.pending, self.active) != (core.pending_points, core.active_points):
            said = f"{core.pending_points} pending and {core.active_points} active"
            return f"the row says {said} points, the entries add up to {self._balances()}"
        theirs = lots_of(core)
        mine = self.lots()
        for status, name in sorted(mine.keys() | theirs.keys()):
            ours, stored = mine.get((status, name), 0), theirs.get((status, name), 0)
            if ours != stored:
                return f"the row has {stored} {status} points in lot {name}, the entries put {ours} there"
        return ""

    def _balances(self) -> str:
        return f"{self.pending} pending and {self.active} active"


def lots_of(core: Core) -> Lots:
    """What each lot of an account holds."""
    found: Lots = {}
    for waiting in core.pending:
        key: tuple[LotStatus, str] = ("pending", waiting.lot.hex())
        found[key] = found.get(key, 0) + waiting.points
    for lot in core.active:
        found["active", active_name(lot.expires_ms)] = lot.points
    if core.debt:
        found["debt", DEBT] = -core.debt
    return {key: points for key, points in found.items() if points}


def imbalance(core: Core, *, pending_known: bool = True) -> str:
    """How an account's balances differ from the sum of its lots, "" where they do not.

    Without `pending_known` its pending lots are elsewhere, and only the active ones are added up.

    Example:
        >>> imbalance(Core(member="m-42", active_points=5))
        'the row says 0 pending and 5 active points, its lots add up to 0 and 0'
    """
    pending = sum(lot.points for lot in core.pending) if pending_known else core.pending_points
    active = sum(lot.points for lot in core.active) - core.debt
    if (pending, active) == (core.pending_points, core.active_points):
        return ""
    said = f"{core.pending_points} pending and {core.active_points} active"
    return f"the row says {said} points, its lots add up to {pending} and {active}"
