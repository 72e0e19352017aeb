"""Fold a partition's log into its ledger.

Pure: what comes out depends on the records and the stored rows, on nothing else. A worker, a replay and an audit run
this same code and get the same bytes.
"""

from collections.abc import Sequence
from typing import assert_never

from features.actions import Envelope
from loyalty.owners import Owner
from streams.addressed import Addressed
from streams.codecs import InvalidAction, decode
from streams.controls import OfferRecord, OpeningRecord, PolicyRecord, RevealRecord, Tick, VerdictRecord, WeightsRecord
from streams.due_work import DueWork
from streams.effects import EffectRecord
from streams.exchange import Exchange
from streams.intake import Intake
from streams.links import Links
from streams.member_effects import Handlers, MemberEffects
from streams.members import DEFAULT_CACHED_MEMBERS, Members, members_to_keep
from streams.openings import Books, refuse_before_complete
from streams.outbox import Outbox
from streams.own_records import OwnRecords
from streams.owners import Owners
from streams.partition import Partition
from streams.records import Batch, LogIdentity, LogRecord, Output, RowStore
from streams.row_format import row_header
from streams.state import Member

# A state batch is one Kafka record batch: it must stay well under the topic's max.message.bytes (16 MiB).
MAX_STATE_BATCH_BYTES = 4 * 1024 * 1024


class PartitionFold:
    """The state of one partition between two batches, and how a record changes it.

    `topic` names the actions topic in dead letters. `topic_id` is its Kafka UUID and `partitions` how many it has; both
    are kept in the partition row, so that a topic made anew, or cut differently, is not taken for the old one.

    Raises:
        ContractError: the stored rows belong to another topic.
    """

    def __init__(
        self,
        partition: int,
        topic_id: bytes,
        store: RowStore,
        *,
        partitions: int = 1,
        topic: str = "loyalty.actions",
        cached_members: int = DEFAULT_CACHED_MEMBERS,
    ) -> None:
        self._books = Books(store)
        self._partition = Partition(partition, topic_id, self._books, partitions)
        self._members = Members(self._books, cached_members)
        self._outbox = Outbox(self._partition, topic)
        self._due = DueWork(self._partition, self._members, self._outbox)
        self._owners = Owners(self._books)
        links = Links(self._partition, self._outbox, self._due)
        self._intake = Intake(self._partition, self._members, self._outbox, self._due, links)
        addressed = Addressed(self._partition, self._members, self._outbox, self._due)
        handlers = Handlers(links, self._intake, addressed)
        members = MemberEffects(self._partition, self._members, self._outbox, self._due, handlers)
        exchange = Exchange(self._partition, self._owners, self._outbox, members)
        self._own_records = OwnRecords(self._partition, self._outbox, exchange, addressed)
        self._counted = dict(self.counts)

    @property
    def mark(self) -> int:
        """Offset of the last record applied, -1 before the first."""
        return self._partition.mark

    @property
    def log_time_ms(self) -> int:
        """Running maximum of ticks and record timestamps."""
        return self._partition.row.log_time_ms

    @property
    def sweeping(self) -> bool:
        """Whether members with due work may be left from the last tick."""
        return self._partition.row.sweeping

    @property
    def counts(self) -> dict[str, int]:
        """Totals since the partition began; see `streams.accounting`."""
        return self._partition.row.counts

    @property
    def policy_version(self) -> int:
        """The newest policy version read."""
        return self._partition.row.policy_version

    @property
    def weights_version(self) -> int:
        """The newest weights version read."""
        return self._partition.row.weights_version

    def member(self, member_id: str) -> Member:
        """The member's state as it stands; not to be changed."""
        return self._members.open(member_id)

    def owner(self, subject: str) -> Owner:
        """The owner's state as it stands; not to be changed."""
        return self._owners.open(subject)

    def fold(self, records: Sequence[LogRecord]) -> Batch:
        """Apply records in order, those at or below the mark excepted.

        Stops early when the state batch is large enough: `Batch.mark` is then below the last record's offset, and the
        rest is for the next call.
        """
        self.absorb(records)
        return self.take()

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        """Apply records as `fold` does, without ending the batch; returns whether it is full."""
        for record in records:
            if record.offset <= self.mark:
                continue
            self.apply(record)
            if self._members.changed_bytes_estimate + self._books.pending_bytes > MAX_STATE_BATCH_BYTES:
                return True
        return False

    def landed(self, mark: int) -> None:
        """The rows of all batches up to `mark` are in the store."""
        self._members.landed(mark)
        self._owners.landed(mark)
        self._books.landed(mark)

    def apply(self, record: LogRecord) -> None:
        """Apply one record; the outputs wait in `take_outputs` or the next batch."""
        self._partition.advance(record.timestamp_ms)
        message = decode(record)
        if not isinstance(message, OpeningRecord):
            refuse_before_complete(self._partition, record)
        match message:
            case Envelope():  # every action is one; first, since nearly every record is an action
                self._intake.take(record, message)
            case InvalidAction():
                self._outbox.reject(record, message)
            case Tick() | WeightsRecord() | PolicyRecord() | VerdictRecord() | OfferRecord() | RevealRecord():
                self._own_records.apply_control(record, message)
            case OpeningRecord():
                self._own_records.apply_opening(record, message, self._books)
            case EffectRecord():
                self._own_records.apply_effect(record, message)
            case _:
                assert_never(message)
        self._partition.mark = record.offset
        if self.sweeping:
            self._due.sweep()
        if self._partition.next_edit():
            self._due.sweep_edit()

    def take_outputs(self) -> list[Output]:
        """Hand over the outputs since the last call."""
        return self._outbox.take()

    def take(self) -> Batch:
        """End the batch: everything that was changed since the last one."""
        mark = self.mark
        header = row_header(mark)
        rows = self._books.take(mark)
        rows += [
            (key, None if payload is None else header + payload) for key, payload in self._members.take_changed(mark)
        ]
        rows += [(key, header + payload) for key, payload in self._owners.take_changed(mark)]
        rows += [(key, header + payload) for key, payload in self._partition.take_changed()]
        before, self._counted = self._counted, dict(self.counts)
        counts = {name: grown for name, count in self._counted.items() if (grown := count - before.get(name, 0))}
        return Batch(mark, self.take_outputs(), rows, counts)


def new_fold(
    partition: int,
    identity: LogIdentity,
    store: RowStore,
    topic: str = "loyalty.actions",
    cached_members: int = 0,
) -> PartitionFold:
    """The fold of a partition of the actions topic `identity`, with as many members in memory as go with it."""
    return PartitionFold(
        partition,
        identity.topic_id,
        store,
        partitions=identity.partitions,
        topic=topic,
        cached_members=cached_members or members_to_keep(identity.partitions),
    )
