"""Desks of several ids that turn out to be one person: each remembers what it has applied, and one absorbs another."""

from collections.abc import Iterable
from functools import partial

from features.actions import Action
from features.dedupe import SeenIds, event_digest
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.context import Context
from loyalty.decisions import Cause, Decision
from loyalty.doubles import Side
from loyalty.effects import Effect
from loyalty.merging import absorb, leave
from loyalty.notes import moved_note
from loyalty.orders import Orders
from loyalty.policy import Policy
from tests.support.member_desk import DAY_MS, Desk


class LinkedDesk(Desk):
    """A desk that applies each event once and notes what it has earned, as the pipeline does."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.ids = SeenIds.load(dict[bytes, bytes]().get)

    def act(self, action: Action, log_time_ms: int | None = None) -> list[Decision]:
        """Apply an action unless it has been applied before."""
        log_time_ms = action.time_ms if log_time_ms is None else log_time_ms
        digest = event_digest(action.source, action.id)
        rejected = len(self.rejections)
        if self.ids.seen(digest):
            self.until(log_time_ms)
            return []
        decisions = super().act(action, log_time_ms)
        if len(self.rejections) == rejected:
            if self.account.moved_ms:
                self.ids.rewrite(partial(moved_note, self.account.moved_ms))
            self.ids.remember(digest, log_time_ms // DAY_MS, self.account.note)
        return decisions

    def absorb(self, other: "LinkedDesk", log_time_ms: int, left_ms: int | None = None) -> None:
        """Take over everything of `other`, which is an alias from here on; what goes over goes as rows.

        It has left at `left_ms`, or just now.
        """
        self.until(log_time_ms)
        other.until(log_time_ms if left_ms is None else left_ms)
        rows = dict(row for part in (other.account, other.orders, other.windows, other.ids) for row in part.rows())
        times_ms = (log_time_ms, log_time_ms)
        cause = Cause("shop/test", "link")
        gone = Context((other.account, other.orders, other.windows), "alias", cause, times_ms, other.scope)
        leave(gone, "canonical")
        other.decisions += _decided(gone)
        there = Context((self.account, self.orders, self.windows), "canonical", cause, times_ms, self.scope)
        parts = (Account.load(rows.get), Orders.load(rows.get), ActivityWindows.load(rows.get))
        theirs = Context(parts, "alias", cause, times_ms, self.scope)
        absorb(Side(there, self.ids), Side(theirs, SeenIds.load(rows.get)))
        self.decisions += _decided(there)
        self.save()

    def seen_by_the_member(self) -> tuple[object, ...]:
        """Lots by when they become active and expire, balances, tier: all that does not name an id."""
        core = self.account.core
        pending: dict[tuple[int, int], int] = {}
        for lot in core.pending:
            place = (lot.due_ms, lot.expires_ms)
            pending[place] = pending.get(place, 0) + lot.points
        return (
            sorted(pending.items()),
            [(lot.expires_ms, lot.points) for lot in core.active],
            (core.debt, core.pending_points, core.active_points),
            (core.tier.tier, core.tier.valid_until_ms),
        )


def _decided(context: Context) -> Iterable[Decision]:
    return [decision for decision in context.out if not isinstance(decision, Effect)]
