"""What earlier code has written is read by this code, and goes on to the same bytes.

Fails after a change of decisions or rows: before the first release make the fixture anew (tests/fixtures/README.md says
how); after it, keep the fixture and add a row format or an engine.
"""

from pathlib import Path

import msgspec
import pytest

from loyalty.decisions import LedgerEntry, Notification, TierChange, encode_decision
from online_models.checkpoint import CheckpointError, stamp_now, stamp_of
from online_models.examples import decode_record, encode_record
from online_models.training import Trainer
from streams.codecs import DeadLetter
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.row_format import ROW_FORMAT
from streams.state import ALL_MEMBERS, Member, member_of
from tests.support.partition_log import TOPIC_ID
from tests.support.past_format import PastFormat, evidence_digest, go_on, learn, rows_digest

FOLDERS = sorted((Path(__file__).parents[1] / "fixtures").glob("format-*"))


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def past(request: pytest.FixtureRequest) -> PastFormat:
    return PastFormat(request.param)


def test_there_is_a_fixture_of_every_format_so_far() -> None:
    assert [PastFormat(folder).facts().row_format for folder in FOLDERS] == list(range(1, ROW_FORMAT + 1))


def test_stored_rows_are_read_and_the_ledger_goes_on_as_it_did(past: PastFormat) -> None:
    facts, log, outputs, rows = past.facts(), past.log(), past.outputs(), past.rows()
    fold = PartitionFold(0, TOPIC_ID, rows)
    assert fold.mark == facts.half - 1
    rest = go_on(fold, rows, log[facts.half :])
    assert [output.value for output in rest] == [output.value for output in outputs[-len(rest) :]]
    assert len(rest) > facts.outputs // 3
    assert rows_digest(rows) == facts.rows_digest


def test_every_row_of_every_member_is_read(past: PastFormat) -> None:
    rows = past.rows()
    members = {member_of(key) for key in rows.scan(*ALL_MEMBERS)}
    assert len(members) == 5
    for member in members:
        assert not Member(member, rows.get).account.is_new


def test_the_log_from_its_beginning_leads_to_the_same_bytes(past: PastFormat) -> None:
    store = MemoryStore()
    assert go_on(PartitionFold(0, TOPIC_ID, store), store, past.log()) == past.outputs()
    assert rows_digest(store) == past.facts().rows_digest


def test_messages_are_read_and_said_again_in_the_same_bytes(past: PastFormat) -> None:
    types = {"points": LedgerEntry, "tier-changes": TierChange, "notifications": Notification}
    for output in past.outputs():
        if output.topic == "examples":
            assert encode_record(decode_record(output.value)) == output.value
        elif output.topic == "deadletter":
            assert msgspec.json.encode(msgspec.json.decode(output.value, type=DeadLetter)) == output.value
        else:
            assert encode_decision(msgspec.json.decode(output.value, type=types[output.topic])) == output.value


def test_a_trainer_goes_on_from_a_checkpoint_or_refuses_it_and_learns_again_to_the_same(past: PastFormat) -> None:
    facts, outputs = past.facts(), past.outputs()
    again = Trainer()
    learn(again, outputs)
    assert evidence_digest(again) == facts.evidence_digest
    if stamp_of(past.checkpoint()) != stamp_now():
        with pytest.raises(CheckpointError, match="learn again from the start"):
            Trainer.from_checkpoint(past.checkpoint())
        return
    trainer = Trainer.from_checkpoint(past.checkpoint())
    learn(trainer, outputs, after=facts.learned)
    assert evidence_digest(trainer) == facts.evidence_digest
