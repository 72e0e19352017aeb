"""Effects that reach a member, and what becomes of them there."""

from typing import NamedTuple, assert_never

from loyalty.effects import (
    ClaimAnswer,
    DrawWon,
    Effect,
    Forwarded,
    ForwardedOffer,
    ForwardedVerdict,
    IdentityLink,
    IdentityMerge,
    ReferralEarned,
    ReferralUndone,
    Referred,
)
from loyalty.reception import MemberEffect, Received, receive
from streams.addressed import Addressed
from streams.due_work import DueWork
from streams.effects import EffectRecord
from streams.intake import Intake
from streams.links import Links
from streams.members import Members
from streams.outbox import Outbox
from streams.partition import Partition
from streams.records import LogRecord
from streams.state import Member

PersonEffect = MemberEffect | IdentityLink | IdentityMerge | Forwarded | ForwardedVerdict | ForwardedOffer
"""Every kind of effect that is addressed to a member."""


class Handlers(NamedTuple):
    """Who knows what to do about links, forwarded actions, and forwarded verdicts and offers."""

    links: Links
    intake: Intake
    addressed: Addressed


class MemberEffects:
    """The receiving end of effects for members: an alias sends them on as they are."""

    def __init__(
        self,
        partition: Partition,
        members: Members,
        outbox: Outbox,
        due: DueWork,
        handlers: Handlers,
    ) -> None:
        self._partition = partition
        self._members = members
        self._outbox = outbox
        self._due = due
        self._links, self._intake, self._addressed = handlers

    def tell(self, record: LogRecord, effect: EffectRecord, body: PersonEffect) -> None:
        """Let the member take the effect in, after the work that was due before."""
        member = self._members.open(effect.subject)
        canonical = member.account.core.alias_of
        if canonical:
            self._outbox.send(Effect(canonical, effect.time_ms, body))
            return
        self._due.run(member)
        match body:
            case ClaimAnswer() | DrawWon() | Referred() | ReferralEarned() | ReferralUndone():
                self._receive(member, body, effect.time_ms)
            case IdentityLink(canonical=other, cause=cause):
                self._links.link(member, other, cause, effect.time_ms)
            case IdentityMerge():
                self._links.take_piece(member, body, effect.time_ms)
            case Forwarded():
                self._intake.take_forwarded(record, member, body)
            case ForwardedVerdict(verdict=verdict):
                self._addressed.apply(member, verdict)
            case ForwardedOffer(offer=offer):
                self._addressed.apply(member, offer)
            case _:
                assert_never(body)
        self._members.touch(member)

    def _receive(self, member: Member, body: MemberEffect, time_ms: int) -> None:
        """By the policy of the effect's own time."""
        scope = self._partition.versions.at_event(time_ms)
        parts = (member.account, member.orders, member.windows)
        for consequence in receive(parts, Received(member.id, time_ms, body), scope, self._partition.row.log_time_ms):
            self._outbox.tell(consequence)
