"""Effects that arrive: taken in their turn, and handed to the member or the owner that they are for."""

from typing import assert_never

from loyalty.effects import Claim, ClaimAnswer, ClaimReturn
from loyalty.owners import Asked, OwnerRequest, ask
from loyalty.reception import MemberEffect, Received, receive
from streams import accounting
from streams.due_work import DueWork
from streams.effects import EffectRecord
from streams.members import Members
from streams.outbox import Outbox
from streams.owners import Owners
from streams.partition import Partition


class Exchange:
    """The receiving end of effects, in one partition."""

    def __init__(self, partition: Partition, members: Members, owners: Owners, outbox: Outbox, due: DueWork) -> None:
        self._partition = partition
        self._members = members
        self._owners = owners
        self._outbox = outbox
        self._due = due

    def take(self, record: EffectRecord) -> None:
        """Apply a signed effect if it is the next one of its sender.

        A lower number has been applied before. A higher one comes again: its sender has not had the ones before
        acknowledged, so it sends them all once more, in order.
        """
        data = record.data
        if self._in_turn(data.sender, data.number):
            self._partition.count(accounting.EFFECTS_APPLIED)
            self._apply(record)

    def _in_turn(self, sender: int, number: int) -> bool:
        expected = self._partition.row.effects_in.get(sender, 0)
        if number == expected:
            self._partition.row.effects_in[sender] = number + 1
            return True
        self._partition.count(accounting.EFFECTS_REPEATED if number < expected else accounting.EFFECTS_AHEAD)
        return False

    def _apply(self, record: EffectRecord) -> None:
        body = record.data.effect
        match body:
            case Claim() | ClaimReturn():
                self._ask_owner(record, body)
            case ClaimAnswer():
                self._tell_member(record, body)
            case _:
                assert_never(body)

    def _ask_owner(self, record: EffectRecord, body: OwnerRequest) -> None:
        """Let the owner decide, by the policy in force at log time: what it gives away it gives away now."""
        scope = self._partition.versions.at_due(self._partition.row.log_time_ms)
        owner = self._owners.change(record.subject)
        for effect in ask(owner, Asked(record.subject, record.time_ms, body, scope)):
            self._outbox.send(effect)

    def _tell_member(self, record: EffectRecord, body: MemberEffect) -> None:
        """Let the member take it in, by the policy of the effect's own time, after the work that was due before."""
        time_ms = record.time_ms
        member = self._members.open(record.subject)
        self._due.run(member)
        received = Received(member.id, time_ms, body)
        scope = self._partition.versions.at_event(time_ms)
        parts = (member.account, member.orders, member.windows)
        for consequence in receive(parts, received, scope, self._partition.row.log_time_ms):
            self._outbox.tell(consequence)
        self._members.touch(member)
