"""A verdict of the misconduct score, as it reaches the member whom it is about."""

from typing import Final

import msgspec

from loyalty.effects import Effect, ForwardedVerdict
from loyalty.engine import apply_verdict
from loyalty.verdicts import Verdict
from streams.codecs import InvalidAction
from streams.controls import VerdictRecord
from streams.due_work import DueWork
from streams.members import Members
from streams.outbox import Outbox
from streams.partition import Partition
from streams.records import LogRecord
from streams.state import Member

_OTHER_KEY: Final = InvalidAction("key_mismatch", "the Kafka key must be the member, whose ledger is in that partition")


class Verdicts:
    """Follows verdicts: work that is due first, then what the policy in force lets the verdict do."""

    def __init__(self, partition: Partition, members: Members, outbox: Outbox, due: DueWork) -> None:
        self._partition = partition
        self._members = members
        self._outbox = outbox
        self._due = due

    def follow(self, record: LogRecord, control: VerdictRecord) -> bool:
        """Apply a verdict whose signature is good; False where it is a dead letter instead."""
        verdict = control.data
        if record.key != verdict.member.encode():
            self._outbox.reject(record, _OTHER_KEY)
            return False
        member = self._members.open(verdict.member)
        if member.account.is_new:
            self._outbox.reject(record, InvalidAction("unknown_member", f"{verdict.member!r} has not joined"))
            return False
        canonical = member.account.core.alias_of
        if canonical:
            self._outbox.send(Effect(canonical, self._partition.row.log_time_ms, ForwardedVerdict(verdict=verdict)))
            return True
        self._due.run(member)
        self.apply(member, verdict)
        self._members.touch(member)
        return True

    def apply(self, member: Member, verdict: Verdict) -> None:
        """Let a verdict do what the policy in force lets it, to the member that its alias may have become."""
        log_time_ms = self._partition.row.log_time_ms
        scope = self._partition.versions.at_due(log_time_ms)
        parts = (member.account, member.orders, member.windows)
        for decision in apply_verdict(parts, msgspec.structs.replace(verdict, member=member.id), scope, log_time_ms):
            self._outbox.tell(decision)
