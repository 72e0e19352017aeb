"""Members that move to other partitions decide as if they had stayed."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import ContractError
from streams.controls import OpeningData, opening_record
from streams.decision_log import DECISION_TOPICS
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output
from streams.repartitioning import moving_digest, moving_rows, openings, undrained
from streams.state import PartitionRow
from tests.support.partition_log import KEY, TOPIC_ID, build_log, ending_at, key_of, policy_data
from tests.support.random_history import DAY_MS, START_MS, histories, purchase

RETAIL = policy_data("retail.toml")
History = Sequence[tuple[int, bytes]]


def fold_all(
    number: int, records: Sequence[LogRecord], rows: MemoryStore, step: int = 1_000
) -> tuple[list[Output], PartitionFold]:
    """Fold into `rows` in batches of `step`, each from stored rows alone."""
    outputs: list[Output] = []
    fold = PartitionFold(number, TOPIC_ID, rows)
    for start in range(0, len(records), step):
        fold = PartitionFold(number, TOPIC_ID, rows)
        batch = fold.fold(records[start : start + step])
        rows.write(batch.rows)
        outputs += batch.outputs
    return outputs, fold


def part(history: History, number: int, partitions: int) -> History:
    return [(at, value) for at, value in history if partition_of(key_of(value) or b"", partitions) == number]


def drained(number: int, history: History, end_ms: int) -> tuple[list[Output], MemoryStore]:
    """The first generation's partition at rest."""
    log = ending_at(build_log(history, RETAIL), end_ms)
    rows = MemoryStore()
    outputs, _ = fold_all(number, log, rows)
    assert undrained(number, rows) == ""
    return outputs, rows


def next_log(number: int, parts: Sequence[OpeningData], history: History, start_ms: int) -> list[LogRecord]:
    opening = [(start_ms, None, opening_record(data, KEY)) for data in parts]
    records = [*opening, *((max(at, start_ms), key_of(value), value) for at, value in history)]
    return [LogRecord(number, offset, at, key, value) for offset, (at, key, value) in enumerate(records)]


def decisions(outputs: Iterable[Output]) -> list[bytes]:
    return sorted(output.value for output in outputs if output.topic in DECISION_TOPICS)


@given(histories(), st.integers(1, 3), st.integers(1, 3), st.integers(0, 40), st.integers(5, 30))
@settings(max_examples=40, deadline=None)
def test_members_decide_as_if_they_had_stayed(history: History, old: int, new: int, cut: int, step: int) -> None:
    first, second = history[:cut], history[cut:]
    half_ms = max([at for at, _ in first], default=START_MS)
    end_ms = max(at for at, _ in history)
    came = [drained(number, part(first, number, old), half_ms) for number in range(old)]
    tables = [rows for _, rows in came]
    told = [output for outputs, _ in came for output in outputs]
    opened = openings(tables, new)
    moved = [MemoryStore() for _ in range(new)]
    for number, parts in enumerate(opened):
        fold_all(number, next_log(number, parts, [], half_ms), moved[number])
    assert moving_digest(row for rows in moved for row in moving_rows(rows)) == moving_digest(
        row for rows in tables for row in moving_rows(rows)
    )
    total = 0
    for number, parts in enumerate(opened):
        log = ending_at(next_log(number, parts, part(second, number, new), half_ms), end_ms)
        outputs, fold = fold_all(number, log, MemoryStore(), step)
        told += outputs
        total += fold.counts.get("applied", 0)
        hot = PartitionFold(number, TOPIC_ID, MemoryStore())
        for record in log:
            hot.apply(record)
        assert hot.take_outputs() == outputs
    stayed, fold = fold_all(0, ending_at(build_log(history, RETAIL), end_ms), MemoryStore())
    assert decisions(told) == decisions(stayed)
    assert total == fold.counts.get("applied", 0)


def some_openings() -> list[OpeningData]:
    history = [(START_MS + n * DAY_MS, purchase(f"o-{n}", f"m-{n}", START_MS + n * DAY_MS, 5_000)) for n in range(60)]
    _, rows = drained(0, history, START_MS + 60 * DAY_MS)
    (parts,) = openings([rows], 1)
    return parts


def test_an_opening_that_is_not_whole_lets_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.repartitioning.OPENING_BYTES", 8_000)
    parts = some_openings()
    assert len(parts) > 4
    late = START_MS + 61 * DAY_MS
    history = [(late, purchase("late", "m-1", late, 900))]
    with pytest.raises(ContractError, match=r"3 of \d+ records are there"):
        fold_all(0, next_log(0, parts[:3], history, late), MemoryStore())
    with pytest.raises(ContractError, match="goes on with 3, 2 is missing"):
        fold_all(0, next_log(0, [*parts[:2], *parts[3:]], history, late), MemoryStore())
    with pytest.raises(ContractError, match="goes on with 1, 0 is missing"):
        fold_all(0, next_log(0, parts[1:], history, late), MemoryStore())
    begun = build_log(history, RETAIL)
    head = LogRecord(0, len(begun), late, None, opening_record(parts[0], KEY))
    with pytest.raises(ContractError, match="has begun without one"):
        fold_all(0, [*begun, head], MemoryStore())
    twice, _ = fold_all(0, next_log(0, [*parts[:3], parts[1], *parts[2:]], history, late), MemoryStore())
    once, _ = fold_all(0, next_log(0, parts, history, late), MemoryStore())
    assert decisions(twice) == decisions(once) != []


def test_a_partition_with_work_left_does_not_move() -> None:
    history = [(START_MS + n * DAY_MS, purchase(f"o-{n}", f"m-{n}", START_MS, 5_000)) for n in range(20)]
    rows = MemoryStore()
    assert "has applied nothing" in undrained(0, rows)
    fold_all(0, build_log(history, RETAIL), rows)
    assert "due work left" in undrained(0, rows)


def test_partitions_that_have_read_different_policies_do_not_move() -> None:
    _, one = drained(0, [], START_MS)
    two = MemoryStore()
    other = policy_data("five-level.toml")
    fold_all(1, build_log([], other), two)
    with pytest.raises(ContractError, match="have not read the same policies"):
        openings([one, two], 4)


def test_every_field_of_a_partition_row_is_told_where_it_goes() -> None:
    """A new field: say in `streams.repartitioning` how the new partitions come by it, then name it here."""
    merged = {"log_time_ms", "policy_version", "weights_version", "examples", "counts", "adopted_ms", "edit_swept"}
    anew = {"topic_id", "partitions", "sweeping", "edit_target", "edit_cursor", "opening", "effects_out", "effects_in"}
    anew |= {"slices"}  # asked for anew; owners of budgets have back what the old ones had left: `settled_rows`
    assert set(PartitionRow.__struct_fields__) == merged | anew
