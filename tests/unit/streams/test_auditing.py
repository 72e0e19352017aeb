"""An audit finds each kind of damage, says what it is, and finds nothing where there is none."""

from collections.abc import Callable

import msgspec
import pytest

from loyalty.account_rows import Core
from loyalty.decisions import LedgerEntry, encode_decision
from streams.auditing import audit_partition
from streams.mismatches import CURES, MismatchKind
from streams.row_format import pack_row
from streams.state import PARTITION_KEY, due_key, member_prefix
from tests.support.ledger_evidence import Worker, rewrite_account, some_log

LOG = some_log()
MEMBER = "m-1"
CORE = member_prefix(MEMBER) + b"c"


@pytest.fixture
def worker() -> Worker:
    return Worker(LOG)


def entry_of(value: bytes) -> LedgerEntry:
    return msgspec.json.decode(value, type=LedgerEntry)


def place(worker: Worker, number: int, member: str = MEMBER) -> int:
    """Where the member's entry of this number stands among the deliveries."""
    entries = [entry_of(value) for value in worker.points]
    return next(at for at, entry in enumerate(entries) if (entry.subject, entry.data.sequence) == (member, number))


def changed(value: bytes, **data: int) -> bytes:
    """The entry with other numbers in it."""
    entry = entry_of(value)
    return encode_decision(msgspec.structs.replace(entry, data=msgspec.structs.replace(entry.data, **data)))


def put(member: str, points: int) -> Callable[[Core], None]:
    """Set the balance of active points."""

    def change(core: Core) -> None:
        assert core.member == member
        core.active_points = points

    return change


def test_an_undisturbed_ledger_agrees_with_itself_three_times(worker: Worker) -> None:
    audit = audit_partition(worker.evidence())
    assert audit.mismatches == []
    assert (audit.members, audit.entries, audit.redelivered, audit.ahead) == (3, len(worker.points), 0, 0)
    assert audit.entries > 60


def test_redelivery_and_a_batch_that_has_not_landed_are_as_promised() -> None:
    worker = Worker(LOG, landed=80, sent=100)
    ahead = len(worker.points) - len(Worker(LOG, landed=80).points)
    worker.points += worker.points[5:40]
    audit = audit_partition(worker.evidence())
    assert audit.mismatches == []
    assert ahead > 0
    assert (audit.redelivered, audit.ahead) == (35, ahead)


def test_a_missing_entry_is_found(worker: Worker) -> None:
    del worker.points[place(worker, 7)]
    assert worker.found() == {"missing_entry"}
    del worker.points[place(worker, 8) :]
    assert worker.found() == {"missing_entry"}


def test_an_entry_that_no_event_leads_to_is_found(worker: Worker) -> None:
    last = max(entry.data.sequence for value in worker.points if (entry := entry_of(value)).subject == MEMBER)
    forged = changed(worker.points[place(worker, last)], sequence=last + 1)
    worker.points.append(forged.replace(b'"id":"', b'"id":"f'))
    assert worker.found() == {"foreign_entry"}


def test_one_entry_under_two_numbers_is_found(worker: Worker) -> None:
    last = max(entry.data.sequence for value in worker.points if (entry := entry_of(value)).subject == MEMBER)
    worker.points.append(changed(worker.points[place(worker, last)], sequence=last + 1))
    assert worker.found() == {"foreign_entry", "doubled_entry"}


def test_changed_bytes_under_one_number_are_found(worker: Worker) -> None:
    worker.points.append(changed(worker.points[place(worker, 7)], policy_version=9))
    assert worker.found() == {"changed_entry"}


def test_an_entry_that_was_altered_is_found_in_its_sums_in_the_account_and_in_the_log(worker: Worker) -> None:
    at = place(worker, 7)
    entry = entry_of(worker.points[at])
    worker.points[at] = changed(worker.points[at], pending_points=entry.data.pending_points + 1)
    assert worker.found() == {"wrong_sum", "wrong_balance", "foreign_entry"}


def test_entries_in_the_wrong_order_are_found(worker: Worker) -> None:
    one, two = place(worker, 7), place(worker, 8)
    worker.points[one], worker.points[two] = worker.points[two], worker.points[one]
    assert worker.found() == {"out_of_order"}


def test_an_entry_that_cannot_be_read_is_found(worker: Worker) -> None:
    worker.points.append(b'{"type":"loyalty.points.earned"}')
    assert worker.found() == {"unreadable_entry"}


def test_a_wrong_balance_row_is_found(worker: Worker) -> None:
    rewrite_account(worker.table, MEMBER, put(MEMBER, 123_456))
    assert worker.found() == {"wrong_balance", "wrong_lots", "wrong_row"}


def test_a_row_whose_wrong_lots_add_up_to_its_wrong_balance_is_found(worker: Worker) -> None:
    def change(core: Core) -> None:
        core.active[0].points += 50
        core.active_points += 50

    rewrite_account(worker.table, MEMBER, change)
    assert worker.found() == {"wrong_balance", "wrong_row"}


@pytest.mark.parametrize("key", [CORE, member_prefix(MEMBER) + b"w", PARTITION_KEY])
def test_a_row_that_is_gone_is_found(worker: Worker, key: bytes) -> None:
    found = next(found for found in worker.table.scan(key, key + b"\xff"))
    worker.table.write([(found, None)])
    assert "wrong_row" in worker.found()


def test_a_row_too_many_is_found(worker: Worker) -> None:
    worker.table.write([(due_key(5, "m-9"), pack_row(3, b""))])
    assert worker.found() == {"wrong_row"}


def test_one_member_can_be_looked_at_alone(worker: Worker) -> None:
    rewrite_account(worker.table, MEMBER, put(MEMBER, 123_456))
    assert audit_partition(worker.evidence(), "m-0").mismatches == []
    mine = audit_partition(worker.evidence(), MEMBER)
    assert mine.members == 1
    assert {mismatch.member for mismatch in mine.mismatches} == {MEMBER}


def test_every_kind_of_mismatch_has_a_cure() -> None:
    assert set(CURES) == set(MismatchKind.__args__)  # type: ignore[attr-defined]  # a Literal has its words there
