"""Member actions, as a partition takes them in: in time or not, new or a duplicate, for a member or for an alias."""

from functools import partial

import msgspec

from features.actions import Action, LinkIdentity, Purchase, Refund, decode_action
from features.dedupe import event_digest
from features.event_time import DAY_MS
from features.interests import main_category
from features.table import ALL_TIME, SPEND
from loyalty.decisions import Cause, LedgerEntry
from loyalty.effects import Effect, Forwarded
from loyalty.engine import Rejection, apply_action
from loyalty.notes import moved_note
from loyalty.scope import Scope
from streams import accounting
from streams.codecs import InvalidAction
from streams.due_work import DueWork
from streams.links import Links
from streams.members import Members
from streams.observations import observations
from streams.outbox import Outbox
from streams.partition import Partition, no_policy
from streams.records import LogRecord
from streams.state import Member


class Intake:
    """Applies actions to members; those for an alias go on to whoever it is an alias of."""

    def __init__(self, partition: Partition, members: Members, outbox: Outbox, due: DueWork, links: Links) -> None:
        self._partition = partition
        self._members = members
        self._outbox = outbox
        self._due = due
        self._links = links

    def take(self, record: LogRecord, action: Action) -> None:
        """Take in an action of the partition's own log."""
        if self._partition.versions.newest_policy is None:
            raise no_policy(record)
        time_ms = action.time_ms
        log_time_ms = self._partition.row.log_time_ms
        scope = self._partition.versions.at_event(time_ms)
        limits = scope.policy.input
        if time_ms < log_time_ms - limits.lateness_ms:
            self._outbox.reject(record, InvalidAction("too_late", f"{log_time_ms - time_ms} ms behind log time"))
            return
        if time_ms > log_time_ms + limits.max_skew_ms:
            self._outbox.reject(
                record, InvalidAction("ahead_of_log_time", f"{time_ms - log_time_ms} ms ahead of log time")
            )
            return
        self._enter(record, self._members.open(action.subject), action, scope)

    def take_forwarded(self, record: LogRecord, member: Member, body: Forwarded) -> None:
        """Take in an action that an alias's partition has found to be in time, as the member's own."""
        action = msgspec.structs.replace(decode_action(body.action), subject=member.id)
        original = msgspec.structs.replace(record, key=body.alias.encode(), value=body.action)
        self._enter(original, member, action, self._partition.versions.at_event(action.time_ms))

    def _enter(self, record: LogRecord, member: Member, action: Action, scope: Scope) -> None:
        """Do what is due, then apply the action unless it has been before."""
        self._due.catch_up(member)
        log_time_ms = self._partition.row.log_time_ms
        limits = scope.policy.input
        digest = event_digest(action.source, action.id)
        member.seen_ids.expire((log_time_ms - limits.lateness_ms - limits.max_skew_ms) // DAY_MS)
        if member.seen_ids.seen(digest):
            self._partition.count(accounting.ACTIONS_IN)
            self._partition.count(accounting.DUPLICATES)
        elif member.account.core.alias_of:
            self._forward(record, member, action, digest)
        else:
            self._decide(record, member, action, scope, digest)
        self._members.touch(member)

    def _forward(self, record: LogRecord, member: Member, action: Action, digest: bytes) -> None:
        """Send an action on to the canonical id; an alias goes on remembering its ids, by its own log."""
        self._partition.count(accounting.ACTIONS_IN)
        self._partition.count(accounting.FORWARDED)
        member.seen_ids.remember(digest, self._partition.row.log_time_ms // DAY_MS)
        body = Forwarded(alias=member.id, action=record.value or b"")
        self._outbox.send(Effect(member.account.core.alias_of, action.time_ms, body))

    def _decide(self, record: LogRecord, member: Member, action: Action, scope: Scope, digest: bytes) -> None:
        """Apply an action that is new and in time."""
        log_time_ms = self._partition.row.log_time_ms
        time_ms = action.time_ms
        spend_time_ms = _purchase_time_ms(member, action) if isinstance(action, Refund) else time_ms
        spend_minor = member.windows.total(SPEND, ALL_TIME)
        is_new = member.account.is_new
        result = apply_action(member.account, member.orders, member.windows, action, scope, log_time_ms)
        if isinstance(result, Rejection):
            self._outbox.reject(record, InvalidAction(result.reason, result.detail))
            return
        self._partition.count(accounting.ACTIONS_IN)
        self._partition.count(accounting.APPLIED)
        if is_new:
            self._partition.count(accounting.MEMBERS)
        _remember(member, digest, log_time_ms)
        member.labels.touch(member.id, log_time_ms, scope.policy.learning)
        spent_minor = member.windows.total(SPEND, ALL_TIME) - spend_minor
        if spent_minor:
            member.labels.spent(spend_time_ms, spent_minor)
        if isinstance(action, Purchase):
            _note_category(member, action, time_ms)
        for decision in result:
            if isinstance(decision, LedgerEntry):
                member.labels.entered(spend_time_ms, decision.data)
            self._outbox.tell(decision)
        if scope.policy.observes:
            for seen in observations(member, action, scope.policy):
                self._outbox.show(member.id, seen)
        if isinstance(action, LinkIdentity):
            self._links.link(member, action.data.other, Cause(action.source, action.id), time_ms)


def _purchase_time_ms(member: Member, action: Refund) -> int:
    """The event time that a refund's spend counts at: that of its purchase."""
    order = member.orders.get(action.data.order_id)
    return action.time_ms if order is None else order.time_ms


def _note_category(member: Member, action: Purchase, time_ms: int) -> None:
    """Tell the labels what was bought above all, where one of them still has to learn it."""
    if member.labels.awaits_category(time_ms):
        category = main_category(action.data.items)
        if category:
            member.labels.bought(time_ms, category)


def _remember(member: Member, digest: bytes, log_time_ms: int) -> None:
    """Remember an action that was applied, and let earlier notes follow the points that it has moved."""
    if member.account.moved_ms:
        member.seen_ids.rewrite(partial(moved_note, member.account.moved_ms))
    member.seen_ids.remember(digest, log_time_ms // DAY_MS, member.account.note)
