"""Laws of the fold: what comes out depends on the log, on nothing else."""

from collections import Counter
from itertools import chain, repeat

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.accounting import is_balanced
from streams.decision_log import DECISION_TOPICS
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import Output
from tests.support.partition_log import (
    TOPIC_ID,
    build_log,
    decisions_of,
    ending_at,
    policy_data,
    read_at_once,
    read_in_batches,
)
from tests.support.random_history import DAY_MS, histories

RETAIL = policy_data("retail.toml")


@given(histories(), st.lists(st.integers(0, 60), max_size=8))
@settings(max_examples=60, deadline=None)
def test_one_run_equals_any_number_of_restarts(history: list[tuple[int, bytes]], ends: list[int]) -> None:
    records = build_log(history, RETAIL, tick_every_ms=DAY_MS)
    at_once, fold = read_at_once(records)
    for restart in (False, True):
        outputs, other = read_in_batches(records, ends, restart=restart)
        assert outputs == at_once
        assert other.counts == fold.counts
        assert other.log_time_ms == fold.log_time_ms


@given(histories(), st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_a_batch_done_again_after_a_crash_says_the_same_again(
    history: list[tuple[int, bytes]], attempts: list[tuple[int, bool]]
) -> None:
    records = build_log(history, RETAIL, tick_every_ms=DAY_MS)
    at_once, _ = read_at_once(records)
    store, delivered, landed = MemoryStore(), list[Output](), 0
    plan = chain(attempts, repeat((7, True)))
    while landed < len(records):
        size, survives = next(plan)
        fold = PartitionFold(0, TOPIC_ID, store, cached_members=1)
        batch = fold.fold(records[landed : landed + size])
        delivered += batch.outputs
        if survives:
            store.write(batch.rows)
            landed = batch.mark + 1
    assert decisions_of(delivered).digest() == decisions_of(at_once).digest()
    assert set(delivered) == set(at_once)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_every_action_is_applied_or_a_duplicate_or_a_dead_letter(history: list[tuple[int, bytes]]) -> None:
    outputs, fold = read_at_once(build_log(history, RETAIL, tick_every_ms=DAY_MS))
    assert is_balanced(fold.counts)
    assert fold.counts["actions_in"] == len(history)
    dead = [output for output in outputs if output.topic == "deadletter"]
    assert len(dead) == fold.counts.get("dead_lettered", 0)


@given(histories())
@settings(max_examples=60, deadline=None)
def test_decisions_are_numbered_without_holes_and_told_apart_by_id(history: list[tuple[int, bytes]]) -> None:
    outputs, _ = read_at_once(build_log(history, RETAIL, tick_every_ms=DAY_MS))
    log = decisions_of(outputs)
    assert log.gaps() == []
    assert sum(log.kinds().values()) == sum(1 for output in outputs if output.topic in DECISION_TOPICS)
    assert max(Counter(value.split(b'"id":"', 1)[1][:32] for value in log.values()).values(), default=1) == 1


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_dead_ticker_delays_work_and_changes_nothing_else(history: list[tuple[int, bytes]]) -> None:
    """Ticked and lazy processing give the same ledger, once the ticker is back."""
    end_ms = history[-1][0] + DAY_MS
    with_ticks, _ = read_at_once(ending_at(build_log(history, RETAIL, tick_every_ms=DAY_MS), end_ms))
    without, _ = read_at_once(ending_at(build_log(history, RETAIL), end_ms))
    assert list(decisions_of(with_ticks).values()) == list(decisions_of(without).values())
