"""Ids that turn out to be one person, wherever they live: the smaller id is canonical, the larger one its alias.

    link_identity at the larger id     all that it has goes to the smaller id (`identity_merge`); it is an alias now
    link_identity at the smaller id    `identity_link` asks the larger one to do just that
    anything that reaches an alias     goes on to the id that it is an alias of, as it came

An alias points to a smaller id, always and for ever. So links come to an end whatever they form: chains are followed,
a link between two ids of one person finds that they are, and of two links that cross the second finds an alias.

Between two partitions effects stay in order, so the canonical id gets all that an alias had before anything that was
forwarded after it. What an alias has is sent in pieces that fit a record; it is taken over when the last has come.
"""

from collections.abc import Mapping

from features.dedupe import SeenIds
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.context import Context, Parts
from loyalty.decisions import Cause
from loyalty.doubles import Side
from loyalty.effects import Effect, IdentityLink, IdentityMerge
from loyalty.merging import absorb, leave
from loyalty.orders import Orders
from online_models.labels import OpenLabels
from streams import accounting
from streams.due_work import DueWork
from streams.outbox import Outbox
from streams.partition import Partition
from streams.pieces import cut, join
from streams.state import Member


class Links:
    """Links members that live in one partition to members anywhere."""

    def __init__(self, partition: Partition, outbox: Outbox, due: DueWork) -> None:
        self._partition = partition
        self._outbox = outbox
        self._due = due

    def link(self, member: Member, other: str, cause: Cause, time_ms: int) -> None:
        """Let `member`, who is no alias and whose due work is done, be the same person as `other`."""
        if other > member.id:
            self._outbox.send(Effect(other, time_ms, IdentityLink(canonical=member.id, cause=cause)))
        elif other < member.id:
            self._leave(member, other, cause, time_ms)

    def take_piece(self, member: Member, body: IdentityMerge, time_ms: int) -> None:
        """Take a piece of what an alias had, and with the last one all of it."""
        if body.piece < body.pieces - 1:
            member.inbox.put(body)
            return
        pieces = [*member.inbox.take(body.alias), body]
        self._absorb(member, body, join([piece.rows for piece in pieces]), time_ms)

    def _leave(self, member: Member, canonical: str, cause: Cause, time_ms: int) -> None:
        """Send everything that `member` has to the canonical id, and let it be an alias."""
        pieces = [] if member.account.is_unknown else cut(member.rows())
        context = self._context((member.account, member.orders, member.windows), member.id, cause, time_ms)
        leave(context, canonical)
        for consequence in context.out:
            self._outbox.tell(consequence)
        for number, rows in enumerate(pieces):
            body = IdentityMerge(alias=member.id, piece=number, pieces=len(pieces), rows=rows, cause=cause)
            self._outbox.send(Effect(canonical, time_ms, body))
        for waiting in member.inbox.take_all():
            self._outbox.send(Effect(canonical, time_ms, waiting))
        member.retire()
        self._partition.count(accounting.ALIASES)

    def _absorb(self, member: Member, body: IdentityMerge, rows: Mapping[bytes, bytes], time_ms: int) -> None:
        """Take over all that an alias had; the caller has done the work that was due before."""
        parts = (Account.load(rows.get), Orders.load(rows.get), ActivityWindows.load(rows.get))
        theirs = self._context(parts, body.alias, body.cause, time_ms)
        mine = self._context((member.account, member.orders, member.windows), member.id, body.cause, time_ms)
        was_new = member.account.is_new
        absorb(Side(mine, member.seen_ids), Side(theirs, SeenIds.load(rows.get)))
        for consequence in mine.out:
            self._outbox.tell(consequence)
        if not theirs.account.is_new:
            member.labels.touch(member.id, self._partition.row.log_time_ms, mine.policy.learning)
            member.labels.absorb(OpenLabels.load(rows.get))
            if was_new:
                self._partition.count(accounting.MEMBERS)
        self._due.run(member)

    def _context(self, parts: Parts, member: str, cause: Cause, time_ms: int) -> Context:
        """What two histories come to together is decided as of log time: it is no event of its own time."""
        log_time_ms = self._partition.row.log_time_ms
        return Context(parts, member, cause, (time_ms, log_time_ms), self._partition.versions.at_due(log_time_ms))
