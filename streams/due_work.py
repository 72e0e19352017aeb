"""Work that is due by log time: of one member when it is looked at, of all members in sweeps of bounded size."""

from msgspec import UNSET

from features.table import ALL_TIME, PURCHASES
from loyalty.context import Context
from loyalty.decisions import SOURCE, Cause
from loyalty.engine import next_due_ms, run_due
from loyalty.offers import LATEST_MS, newest_offer, offerable
from loyalty.policy import Learning
from loyalty.trials import arm_of
from online_models.examples import pseudonym
from online_models.label_rows import View
from online_models.sightings import Occasion
from streams.members import Members
from streams.outbox import Outbox
from streams.partition import Partition
from streams.state import Member, member_prefix


class DueWork:
    """Does what is due, in order of its due time, under the versions in force then.

    A sweep and doing it when the member is next seen come to the same: both call `run`, and neither comes before the
    work is due.
    """

    def __init__(self, partition: Partition, members: Members, outbox: Outbox) -> None:
        self._partition = partition
        self._members = members
        self._outbox = outbox

    def catch_up(self, member: Member) -> None:
        """Do what is due for a member who has just been opened: most have nothing, as their due row says."""
        due_ms = member.scheduled_ms
        if self._partition.versions.edits or (due_ms is not None and due_ms <= self._partition.row.log_time_ms):
            self.run(member)

    def run(self, member: Member) -> None:
        """Do everything that is due for `member` by log time, in order of its due time."""
        until_ms = self._partition.row.log_time_ms
        versions = self._partition.versions
        edits = versions.edits
        while True:
            label_ms = member.labels.next_due_ms()
            account_ms = next_due_ms(member.account, member.orders, edits)
            if label_ms is None or (account_ms is not None and account_ms <= label_ms):
                if account_ms is None or account_ms > until_ms:
                    return
                last_ms = until_ms if label_ms is None else min(until_ms, label_ms)
                for decision in run_due(member.account, member.orders, member.windows, last_ms, versions.at_due, edits):
                    self._outbox.tell(decision)
            else:
                if label_ms > until_ms:
                    return
                last_ms = until_ms if account_ms is None else min(until_ms, account_ms - 1)
                self._run_labels(member, last_ms)

    def _run_labels(self, member: Member, until_ms: int) -> None:
        windows = member.windows

        def look(due_ms: int) -> View:
            vector = windows.vector(due_ms)
            policy = self._partition.versions.at_due(due_ms).policy
            offer = newest_offer(self._context(member, due_ms)) if policy.offers.enabled else None
            arm = arm_of(policy.trial, member.id)
            return View(windows.as_of_ms, vector, windows.interests.shares(), arm, offer or UNSET)

        def learning_at(due_ms: int) -> Learning:
            return self._partition.versions.at_due(due_ms).policy.learning

        def opened(due_ms: int, opened_ms: int) -> None:
            if self._partition.versions.at_due(due_ms).policy.offers.enabled:
                self._ask(member, due_ms, opened_ms)

        for outcome in member.labels.run_due(member.id, until_ms, learning_at, look, opened):
            self._outbox.teach(member.id, outcome)

    def _ask(self, member: Member, due_ms: int, opened_ms: int) -> None:
        """Ask the trainer what to offer at a moment that was due, unless it comes too late for that."""
        if self._partition.row.log_time_ms > due_ms + LATEST_MS:
            return
        could = offerable(self._context(member, due_ms))
        if could is not None:
            occasion = Occasion(
                member=pseudonym(member.id),
                time_ms=opened_ms,
                tier=member.account.core.tier.tier,
                purchases=member.windows.total(PURCHASES, ALL_TIME),
                offers=could.campaigns,
                held_out=could.held_out,
            )
            self._outbox.show(member.id, occasion)

    def _context(self, member: Member, due_ms: int) -> Context:
        parts = (member.account, member.orders, member.windows)
        scope = self._partition.versions.at_due(due_ms)
        return Context(parts, member.id, Cause(SOURCE, f"moment/{due_ms}"), (due_ms, due_ms), scope)

    def sweep(self) -> None:
        """Do due work of a bounded number of members; what is left goes on at the next record."""
        newest = self._partition.versions.newest_policy
        if newest is None:
            return
        most = self._partition.versions.at_due(self._partition.row.log_time_ms).policy.input.sweep_members_per_record
        due = self._members.due(self._partition.row.log_time_ms, most)
        for due_ms, member_id in due:
            member = self._members.open(member_id)
            self.run(member)
            self._members.touch(member)
            self._members.drop_stale(due_ms, member)
        self._partition.row.sweeping = len(due) == most

    def sweep_edit(self) -> None:
        """Look at the tiers of a bounded number of members, in order of their keys, under a new policy."""
        most = self._partition.versions.at_due(self._partition.row.log_time_ms).policy.input.sweep_members_per_record
        members = self._members.after(self._partition.row.edit_cursor, most)
        for member_id in members:
            member = self._members.open(member_id)
            self.run(member)
            self._members.touch(member)
        self._partition.edit_swept_to(member_prefix(members[-1]) if len(members) == most else None)
