"""A next row format reads the rows of the one before; code that does not know a format says so and stops."""

from pathlib import Path

import pytest

from features.errors import ContractError, CorruptStateError
from loyalty.budgets import Slices
from streams.controls import PolicyData
from streams.memory_store import MemoryStore
from streams.partition import Partition
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.row_format import ROW_FORMAT, pack_row, row_payload
from streams.state import member_prefix
from streams.versions import Versions
from tests.support.next_code import NEXT_ENGINE, NEXT_FORMAT, next_code
from tests.support.partition_log import TOPIC_ID
from tests.support.past_format import PastFormat, go_on

NEWEST = PastFormat(Path(__file__).parents[1] / "fixtures" / f"format-{ROW_FORMAT}")


def formats(rows: MemoryStore) -> set[int]:
    return {(rows.get(key) or b"\x00")[0] for key in rows.scan(b"", b"\xff")}


def test_the_next_format_reads_the_rows_of_this_one_and_decides_the_same() -> None:
    facts, log, rows = NEWEST.facts(), NEWEST.log(), NEWEST.rows()
    assert formats(rows) == {ROW_FORMAT}
    with next_code():
        rest = go_on(PartitionFold(0, TOPIC_ID, rows), rows, log[facts.half :])
    assert rest == NEWEST.outputs()[-len(rest) :]
    assert formats(rows) == {ROW_FORMAT, NEXT_FORMAT}, "rows are converted when they change, not before"


def test_a_row_that_was_upgraded_is_the_row_that_the_next_code_writes() -> None:
    facts, log = NEWEST.facts(), NEWEST.log()
    upgraded, written = NEWEST.rows(), MemoryStore()
    with next_code():
        go_on(PartitionFold(0, TOPIC_ID, written), written, log[: facts.half])
        for key in [*upgraded.scan(b"", b"\xff")]:
            assert row_payload(key, upgraded.get(key) or b"") == row_payload(key, written.get(key) or b"")


def test_code_that_does_not_know_a_format_stops_with_a_cure() -> None:
    facts, log, rows = NEWEST.facts(), NEWEST.log(), NEWEST.rows()
    with next_code():
        go_on(PartitionFold(0, TOPIC_ID, rows), rows, log[facts.half : facts.half + 60])
    with pytest.raises(CorruptStateError, match="finish the upgrade, or roll it back"):
        PartitionFold(0, TOPIC_ID, rows)
    with pytest.raises(CorruptStateError, match=f"has format 0, this code reads {ROW_FORMAT} to {ROW_FORMAT}"):
        row_payload(member_prefix("m") + b"c", b"\x00" + pack_row(1, b"x")[1:])


def test_new_code_keeps_the_previous_engine_until_a_policy_names_the_new_one() -> None:
    log, outputs = NEWEST.log(), NEWEST.outputs()
    with next_code():
        store = MemoryStore()
        assert go_on(PartitionFold(0, TOPIC_ID, store), store, log) == outputs
        policy = Partition.stored(0, store).versions.newest_policy
        assert policy is not None
    named = PolicyData(3, 0, NEXT_ENGINE, policy.text, policy.zone, policy.public_keys)
    with pytest.raises(ContractError, match="upgrade the workers first"):
        Versions(Slices()).add_policy(named, 0)
    with next_code():
        Versions(Slices()).add_policy(named, 0)
    assert isinstance(log[0], LogRecord)
