"""The running audit sees a wrong row or entry in the batch that writes it, and nothing else."""

from functools import partial

import msgspec
import pytest

from loyalty.account_rows import Core
from streams.lanes import Landed
from streams.memory_store import MemoryStore
from streams.metrics import Metrics
from streams.observing import observer, show_audit
from streams.pipeline import PartitionFold
from streams.records import Batch, Output
from streams.sampled_audit import SampledAudit, Tally
from streams.state import core_member
from tests.support.ledger_evidence import rewrite_account, some_log
from tests.support.partition_log import TOPIC_ID

LOG = some_log()
EVERYBODY = 1


def batches(size: int = 10) -> list[tuple[Batch, int]]:
    """The log's batches with the log time after each."""
    fold = PartitionFold(0, TOPIC_ID, MemoryStore())
    return [(fold.fold(LOG[start : start + size]), fold.log_time_ms) for start in range(0, len(LOG), size)]


def tallies(found: list[tuple[Batch, int]], sample_of: int = EVERYBODY) -> list[Tally]:
    audit = SampledAudit(sample_of)
    return [audit.landed(batch, log_time_ms) for batch, log_time_ms in found]


def with_points(batch: Batch, more: int) -> Batch:
    """The batch with points put into the first account's row, and into a lot of it."""
    rows = dict(batch.rows)
    member = next(member for key in rows if (member := core_member(key)) is not None)
    table = MemoryStore()
    table.write(batch.rows)

    def change(core: Core) -> None:
        core.pending_points += more
        core.pending[0].points += more

    rows.update(rewrite_account(table, member, change))
    return msgspec.structs.replace(batch, rows=list(rows.items()))


def test_nothing_is_wrong_with_an_undisturbed_ledger() -> None:
    seen = tallies(batches())
    assert sum(tally.audited for tally in seen) > 30
    assert [tally.problems for tally in seen if tally.problems] == []


def test_points_out_of_nowhere_are_seen_in_the_batch_that_writes_them() -> None:
    found = batches()
    found[4] = with_points(found[4][0], 10), found[4][1]
    seen = tallies(found)
    assert seen[4].problems == ("the row is not the sum of its entries",)


def test_an_entry_that_was_left_out_is_seen() -> None:
    (batch, log_time_ms), (again, later_ms) = batches(50)[1:3]
    gone = next(output for output in batch.outputs if output.topic == "points")
    fewer = msgspec.structs.replace(batch, outputs=[output for output in batch.outputs if output is not gone])
    later = [output for output in fewer.outputs if output.topic == "points" and output.key == gone.key]
    seen = tallies([(fewer, log_time_ms), (again, later_ms)])
    assert later
    assert [tally.problems for tally in seen] == [(), ()]  # the first entries of a member are taken as they are
    middle: list[Output] = [output for output in batch.outputs if output not in later[:1]]
    seen = tallies([(msgspec.structs.replace(batch, outputs=middle), log_time_ms)])
    assert seen[0].problems == ("an entry does not follow on the one before it",)


def test_a_sample_is_small_and_moves_on_with_log_time() -> None:
    found = batches()
    everybody = sum(tally.audited for tally in tallies(found))
    some = [tally.audited for tally in tallies(found, sample_of=4)]
    assert 0 < sum(some) < everybody / 2
    assert tallies(found, sample_of=4) == tallies(found, sample_of=4)


def test_a_partition_that_comes_back_is_looked_at_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another worker did meanwhile is no mismatch."""
    monkeypatch.setattr("streams.observing.SampledAudit", partial(SampledAudit, EVERYBODY))
    metrics = Metrics()
    observe = observer(metrics)
    before, after = (PartitionFold(0, TOPIC_ID, MemoryStore()) for _ in range(2))
    for number, (batch, _) in enumerate(batches()):
        if number not in {3, 4}:
            observe(Landed(0, before if number < 3 else after, batch, 1, 0.0, 0.0))
    assert (metrics.value("tierstream_audited_members_total") or 0) > 10
    assert metrics.value("tierstream_audit_mismatches_total") == 0


def test_what_is_found_becomes_a_metric() -> None:
    metrics = Metrics()
    batch, log_time_ms = batches()[4]
    fold = PartitionFold(0, TOPIC_ID, MemoryStore())
    fold._partition.advance(log_time_ms)
    landed = Landed(3, fold, batch, 1, 0.0, 0.0)
    show_audit(metrics, landed, Tally(0))
    assert metrics.value("tierstream_audit_log_time_seconds", partition="3") is None
    show_audit(metrics, landed, Tally(5, ("something",)))
    assert metrics.value("tierstream_audited_members_total") == 5
    assert metrics.value("tierstream_audit_mismatches_total") == 1
    assert metrics.value("tierstream_audit_log_time_seconds", partition="3") == log_time_ms / 1000
