"""What the trainer has to say to one member, as it gets there: verdicts of the misconduct score, and offers."""

from typing import Final

import msgspec

from loyalty.effects import Effect, ForwardedOffer, ForwardedVerdict
from loyalty.engine import apply_addressed
from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict
from streams.codecs import InvalidAction
from streams.controls import OfferRecord, VerdictRecord
from streams.due_work import DueWork
from streams.members import Members
from streams.outbox import Outbox
from streams.partition import Partition
from streams.records import LogRecord
from streams.state import Member

_OTHER_KEY: Final = InvalidAction("key_mismatch", "the Kafka key must be the member, whose ledger is in that partition")


class Addressed:
    """Follows verdicts and offers: work that is due first, then what the policy in force lets them do."""

    def __init__(self, partition: Partition, members: Members, outbox: Outbox, due: DueWork) -> None:
        self._partition = partition
        self._members = members
        self._outbox = outbox
        self._due = due

    def follow(self, record: LogRecord, control: VerdictRecord | OfferRecord) -> bool:
        """Apply a record whose signature is good; False where it is a dead letter instead."""
        body = control.data
        if record.key != body.member.encode():
            self._outbox.reject(record, _OTHER_KEY)
            return False
        member = self._members.open(body.member)
        if member.account.is_new:
            self._outbox.reject(record, InvalidAction("unknown_member", f"{body.member!r} has not joined"))
            return False
        canonical = member.account.core.alias_of
        if canonical:
            onward = ForwardedOffer(offer=body) if isinstance(body, Offer) else ForwardedVerdict(verdict=body)
            self._outbox.send(Effect(canonical, self._partition.row.log_time_ms, onward))
            return True
        self._due.run(member)
        self.apply(member, body)
        self._members.touch(member)
        return True

    def apply(self, member: Member, body: Verdict | Offer) -> None:
        """Let it do what the policy in force lets it, to the member that its alias may have become."""
        log_time_ms = self._partition.row.log_time_ms
        scope = self._partition.versions.at_due(log_time_ms)
        parts = (member.account, member.orders, member.windows)
        for decision in apply_addressed(parts, msgspec.structs.replace(body, member=member.id), scope, log_time_ms):
            self._outbox.tell(decision)
