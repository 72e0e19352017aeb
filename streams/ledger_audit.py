"""`tierstream audit`: reads the evidence from the broker, one partition after another, and has it compared.

Workers may go on meanwhile: the table is read first, so the entries of all its batches are there already, and entries
that are ahead of the table are told from wrong ones by the log, which is read last.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from features.errors import ContractError
from streams.audit_replay import refold
from streams.auditing import PartitionAudit, PartitionEvidence, audit_partition
from streams.client import Reader
from streams.memory_store import MemoryStore
from streams.mismatches import CURES, Mismatch, MismatchKind
from streams.partition import Partition
from streams.partitioning import partition_of
from streams.pipeline import new_fold
from streams.records import LogIdentity, LogRecord
from streams.settings import Settings
from streams.table_reading import read_table
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind, topic_name


class LedgerAudit(msgspec.Struct, frozen=True):
    """What the audit of all partitions asked for came to."""

    partitions: list[PartitionAudit]

    @property
    def mismatches(self) -> list[Mismatch]:
        """All of them, by kind."""
        return sorted(mismatch for audit in self.partitions for mismatch in audit.mismatches)

    def by_kind(self) -> Mapping[MismatchKind, int]:
        """How many of each kind there are."""
        return Counter(mismatch.kind for mismatch in self.mismatches)

    @property
    def ahead(self) -> int:
        """Entries of batches that have not landed yet."""
        return sum(audit.ahead for audit in self.partitions)


class AuditReport(msgspec.Struct, frozen=True):
    """The audit as JSON: `cures` has those of the kinds that were found."""

    right: bool
    members: int
    entries: int
    redelivered: int
    ahead: int
    by_kind: dict[MismatchKind, int]
    cures: dict[MismatchKind, str]
    partitions: list[PartitionAudit]


def report_of(audit: LedgerAudit) -> AuditReport:
    """The audit with its totals."""
    by_kind = dict(audit.by_kind())
    return AuditReport(
        right=not by_kind,
        members=sum(part.members for part in audit.partitions),
        entries=sum(part.entries for part in audit.partitions),
        redelivered=sum(part.redelivered for part in audit.partitions),
        ahead=audit.ahead,
        by_kind=by_kind,
        cures={kind: CURES[kind] for kind in by_kind},
        partitions=audit.partitions,
    )


def audit_ledger(
    settings: Settings, member: str | None = None, on_partition: Callable[[int], None] = lambda _partition: None
) -> LedgerAudit:
    """Audit every partition, or one member of one.

    Args:
        settings: The broker and the topics' names.
        member: A member id, None for all members.
        on_partition: Told of each partition that is done.

    Raises:
        BrokerError: the topics cannot be read.
        ContractError: the table belongs to another actions topic.
    """
    identity = TopicAdmin(settings).log_identity("actions")
    count = identity.partitions
    numbers = range(count) if member is None else [partition_of(member.encode(), count)]
    audits = []
    for number in numbers:
        audits.append(_audit(settings, number, identity, member))
        on_partition(number)
    return LedgerAudit(audits)


def _audit(settings: Settings, number: int, identity: LogIdentity, member: str | None) -> PartitionAudit:
    table = read_table(settings, number)
    stands = Partition.stored(number, table)
    if stands.mark >= 0 and (stands.row.topic_id, stands.row.partitions) != identity:
        raise ContractError(
            f"partition {number}: the member table belongs to another topic than the {topic_name(settings, 'actions')} "
            "of now; name the topic and the app_id that belong together"
        )
    deliveries = list(_values(settings, "points", number))
    rows = MemoryStore()
    fold = new_fold(number, identity, rows, topic_name(settings, "actions"))
    refolded = refold(fold, rows, log_of(settings, number), stands.mark)
    return audit_partition(PartitionEvidence(number, deliveries, table, refolded), member)


def _values(settings: Settings, kind: TopicKind, number: int) -> Iterator[bytes]:
    with Reader(settings, (kind,), number) as reader:
        for _, message in reader.to_end():
            yield message.value() or b""


def log_of(settings: Settings, number: int) -> Iterator[LogRecord]:
    """The records of a partition of the actions topic up to its end now."""
    with Reader(settings, ("actions",), number) as reader:
        for _, message in reader.to_end():
            _, timestamp_ms = message.timestamp()
            yield LogRecord(number, message.offset(), timestamp_ms, message.key(), message.value())
