"""The audit of one partition: its ledger, re-derived in three ways that must agree.

1. `loyalty.points` as a reader takes it in, each member's next number only: entries add up to balances and lots.
2. The member table, as the changelog has it.
3. `loyalty.actions`, folded once more by the same code.

Pure: the evidence comes in as values, and the verdict is a list of mismatches, each of a kind that has a cure.
"""

from collections.abc import Iterable, Iterator

import msgspec

from loyalty.account_rows import Core
from loyalty.core_row import CORE_ROW
from loyalty.decisions import LedgerEntry
from loyalty.statement import Statement, imbalance
from streams.audit_replay import Refolded
from streams.mismatches import Mismatch, MismatchKind
from streams.records import RowStore
from streams.row_format import row_payload
from streams.state import ALL_MEMBERS, core_member, is_member_row, member_of, member_prefix, stored_account


class PartitionAudit(msgspec.Struct, frozen=True):
    """What the audit of a partition came to.

    `mark` is the source offset up to which rows were compared. `redelivered` entries came more than once with the same
    bytes, `ahead` are those of batches that have not landed yet: both are as promised.
    """

    partition: int
    mark: int
    members: int
    entries: int
    redelivered: int
    ahead: int
    mismatches: list[Mismatch]


class _Reading:
    """What one member's deliveries come to, for a reader that takes the next number only, up to `until`.

    `opened` is the account that the log begins with.
    """

    def __init__(self, until: int, opened: Core) -> None:
        self.until = until
        self.statement = Statement.opened(opened)
        self.values: dict[int, bytes] = {}
        self.numbers: dict[str, int] = {}

    def take(self, entry: LedgerEntry, value: bytes) -> Iterator[tuple[MismatchKind, str]]:
        """One delivery; yields what is wrong with it."""
        number = entry.data.sequence
        known = self.values.get(number)
        if known is not None:
            if known != value:
                yield "changed_entry", f"entry {number} was delivered with two different contents"
            elif number == self.statement.sequence + 1 <= self.until:
                yield from self._accept(entry)
            return
        self.values[number] = value
        first = self.numbers.setdefault(entry.id, number)
        if first != number:
            yield "doubled_entry", f"entry {entry.id} stands under the numbers {first} and {number}"
        if number == self.statement.sequence + 1 <= self.until:
            yield from self._accept(entry)

    def _accept(self, entry: LedgerEntry) -> Iterator[tuple[MismatchKind, str]]:
        problem = self.statement.add(entry.data)
        if problem:
            yield "wrong_sum", problem


class PartitionEvidence(msgspec.Struct, frozen=True):
    """What an audit looks at: deliveries of `loyalty.points` in order, the table's rows, and the log folded again.

    `table` was read before the deliveries, and those before the log, so nothing is missing that has landed.
    """

    partition: int
    deliveries: Iterable[bytes]
    table: RowStore
    refolded: Refolded


_ENTRY = msgspec.json.Decoder(LedgerEntry)


def audit_partition(evidence: PartitionEvidence, member: str | None = None) -> PartitionAudit:
    """Compare; `member` looks at one only.

    Raises:
        CorruptStateError: a row of the table cannot be read at all.
    """
    audit = _Audit(evidence, member)
    audit.read()
    audit.compare_log()
    audit.compare_accounts()
    audit.compare_rows()
    numbers = [number for reading in audit.readings.values() for number in reading.values]
    ahead = sum(
        1 for reading in audit.readings.values() for number in reading.values if number > reading.until
    )  # batches on their way
    return PartitionAudit(
        evidence.partition,
        evidence.refolded.mark,
        len(audit.cores),
        len(numbers),
        audit.redelivered,
        ahead,
        sorted(audit.found),
    )


class _Audit:
    """The steps of an audit, over one evidence."""

    def __init__(self, evidence: PartitionEvidence, member: str | None) -> None:
        self.found: list[Mismatch] = []
        self.readings: dict[str, _Reading] = {}
        self.redelivered = 0
        self._evidence = evidence
        self._member = member
        self.cores = dict(_cores(evidence.table, member))

    def read(self) -> None:
        """Take in the deliveries as a reader does."""
        for value in self._evidence.deliveries:
            try:
                entry = _ENTRY.decode(value)
            except msgspec.MsgspecError as problem:
                self._say("unreadable_entry", "", f"{problem}: {value[:200]!r}")
                continue
            if self._member not in {None, entry.subject}:
                continue
            reading = self._reading(entry.subject)
            self.redelivered += reading.values.get(entry.data.sequence) == value
            for kind, detail in reading.take(entry, value):
                self._say(kind, entry.subject, detail)

    def compare_log(self) -> None:
        """Hold the deliveries against the entries that the log leads to."""
        refolded = self._evidence.refolded
        for (member, number), value in refolded.landed.items():
            if self._member in {None, member}:
                delivered = self._reading(member).values.get(number)
                if delivered is None:
                    self._say("missing_entry", member, f"entry {number} is not there: {value[:200]!r}")
        for member, reading in self.readings.items():
            for number, value in reading.values.items():
                wanted = refolded.landed.get((member, number)) or refolded.ahead.get((member, number))
                if wanted != value:
                    why = "there is none of this number" if wanted is None else "its content differs"
                    self._say("foreign_entry", member, f"entry {number} does not follow from the log: {why}")

    def compare_accounts(self) -> None:
        """Hold each account against its lots and its entries."""
        for member, core in self.cores.items():
            problem = imbalance(core)
            if problem:
                self._say("wrong_lots", member, problem)
            reading = self._reading(member)
            taken = reading.statement.sequence
            if taken < reading.until:
                if taken + 1 in reading.values:
                    self._say("out_of_order", member, f"a reader stops after entry {taken} of {reading.until}")
                continue
            problem = reading.statement.differs_from(core)
            if problem:
                self._say("wrong_balance", member, problem)

    def compare_rows(self) -> None:
        """Hold each row against the one that the log leads to."""
        table, expected = self._evidence.table, self._evidence.refolded.rows
        wrong: dict[str, list[str]] = {}
        for key in sorted({*_keys(table, self._member), *_keys(expected, self._member)}):
            ours, theirs = table.get(key), expected.get(key)
            if ours is None or theirs is None or row_payload(key, ours) != row_payload(key, theirs):
                owner = member_of(key) if is_member_row(key) else ""
                name = key[len(member_prefix(owner)) :] if owner else key
                what = "is missing" if ours is None else "should not be there" if theirs is None else "differs"
                wrong.setdefault(owner, []).append(f"{name!r} {what}")
        for owner, rows in wrong.items():
            self._say("wrong_row", owner, f"of {len(rows)} rows: {', '.join(rows[:8])}")

    def _reading(self, member: str) -> _Reading:
        reading = self.readings.get(member)
        if reading is None:
            core = self.cores.get(member)
            opened = stored_account(member, self._evidence.refolded.opened.get)
            until = 0 if core is None else core.sequences.points
            reading = self.readings[member] = _Reading(until, opened.core)
        return reading

    def _say(self, kind: MismatchKind, member: str, detail: str) -> None:
        self.found.append(Mismatch(kind, self._evidence.partition, member, detail))


def _keys(rows: RowStore, member: str | None) -> Iterator[bytes]:
    if member is None:
        return rows.scan(b"", b"\xff")
    prefix = member_prefix(member)
    return rows.scan(prefix, prefix + b"\xff")


def _cores(rows: RowStore, member: str | None) -> Iterator[tuple[str, Core]]:
    keys = rows.scan(*ALL_MEMBERS) if member is None else iter([member_prefix(member) + CORE_ROW])
    for key in keys:
        owner = core_member(key)
        if owner is not None and rows.get(key) is not None:
            yield owner, stored_account(owner, rows.get).core
