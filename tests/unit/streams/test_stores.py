"""One suite over both kinds of partition store, and the laws of replaying a changelog into them."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import CorruptStateError
from streams.changelog import Replay
from streams.row_format import pack_row, row_mark, row_payload
from streams.state import PARTITION_KEY
from streams.stores import LOCK_WAIT_S, NOTHING_READ, MemoryPartition, PartitionStore, RocksPartition
from streams.writers import MARK_HEADER
from tests.support.processes import eventually

CACHE = 1024 * 1024
NewStore = Callable[[], PartitionStore]


@pytest.fixture(params=["memory", "rocksdb"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    if request.param == "memory":
        return MemoryPartition
    return lambda: RocksPartition(tmp_path / "store", b"changelog-1", CACHE)


def record(offset: int, key: bytes, mark: int, payload: bytes | None) -> Any:  # noqa: ANN401 - stands in for aiokafka's
    """A changelog record; no payload makes a tombstone."""
    value = None if payload is None else pack_row(mark, payload)
    headers = [(MARK_HEADER, mark.to_bytes(8, "big"))] if payload is None else []
    return SimpleNamespace(topic="changelog", partition=0, offset=offset, key=key, value=value, headers=headers)


def batch(first: int, mark: int, rows: dict[bytes, bytes | None]) -> list[Any]:
    """The records of one state batch: its rows, then the partition row."""
    records = [record(first + at, key, mark, payload) for at, (key, payload) in enumerate(rows.items())]
    return [*records, record(first + len(rows), PARTITION_KEY, mark, b"p")]


def rows_of(store: PartitionStore) -> dict[bytes, bytes]:
    return {key: row_payload(key, store.get(key) or b"") for key in store.scan(b"", b"\xff") if key != PARTITION_KEY}


def test_rows_are_found_in_key_order_and_deleted_ones_are_not(new_store: NewStore) -> None:
    store = new_store()
    store.write([(b"c", b"3"), (b"a", b"1"), (b"b", b"2")], 2)
    store.write([(b"b", None), (b"d", b"4")], 4)
    assert list(store.scan(b"a", b"d")) == [b"a", b"c"]
    assert (store.get(b"a"), store.get(b"b")) == (b"1", None)
    assert store.changelog_offset == 4


def test_an_empty_store_has_read_nothing(new_store: NewStore) -> None:
    assert new_store().changelog_offset == NOTHING_READ


def test_a_disk_store_keeps_rows_and_offset_in_step(tmp_path: Path) -> None:
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.write([(b"a", b"1")], 7)
    store.close()
    again = RocksPartition(tmp_path, b"changelog-1", CACHE)
    assert (again.get(b"a"), again.changelog_offset) == (b"1", 7)


def test_a_store_of_another_changelog_is_built_anew(tmp_path: Path) -> None:
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.write([(b"a", b"1")], 7)
    store.close()
    again = RocksPartition(tmp_path, b"changelog-2", CACHE)
    assert (again.get(b"a"), again.changelog_offset) == (None, NOTHING_READ)


@pytest.mark.parametrize("harm", ["truncate", "overwrite"])
def test_a_damaged_store_is_built_anew(tmp_path: Path, harm: str) -> None:
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.write([(b"a", b"1")], 7)
    store.close()
    for path in tmp_path.glob("MANIFEST-*"):
        path.write_bytes(b"" if harm == "truncate" else b"\xff" * path.stat().st_size)
    assert RocksPartition(tmp_path, b"changelog-1", CACHE).changelog_offset == NOTHING_READ


def test_a_replay_restores_what_was_committed(new_store: NewStore) -> None:
    replay = Replay(new_store())
    replay.apply([*batch(0, 9, {b"Ma": b"1", b"Mb": b"1"}), *batch(3, 19, {b"Ma": b"2", b"Mb": None})], 6)
    assert rows_of(replay.store) == {b"Ma": b"2"}
    assert (replay.floor, replay.stale, replay.store.changelog_offset, replay.position) == (19, set(), 5, 6)


def test_rows_written_too_late_change_nothing_and_are_named(new_store: NewStore) -> None:
    replay = Replay(new_store())
    committed = [*batch(0, 9, {b"Ma": b"1", b"Mb": b"1"}), *batch(3, 29, {b"Ma": b"3", b"Mb": None})]
    late = batch(6, 19, {b"Ma": b"2", b"Mb": b"2", b"Mc": b"2"})
    replay.apply([*committed, *late], 10)
    assert rows_of(replay.store) == {b"Ma": b"3"}
    assert replay.stale == {b"Ma", b"Mb", b"Mc", PARTITION_KEY}


def test_a_store_stays_before_late_rows_until_an_owner_has_written_its_own_behind_them(new_store: NewStore) -> None:
    replay = Replay(new_store())
    replay.apply(batch(0, 29, {b"Ma": b"3"}), 2)
    replay.apply(batch(2, 19, {b"Ma": b"2"}), 4)
    assert (replay.store.changelog_offset, replay.position) == (1, 4)
    replay.apply(batch(4, 29, {b"Ma": b"3"}), 6)
    assert (replay.stale, replay.store.changelog_offset) == (set(), 5)


def test_a_tombstone_that_no_worker_wrote_is_refused(new_store: NewStore) -> None:
    foreign = SimpleNamespace(topic="changelog", partition=0, offset=0, key=b"Ma", value=None, headers=[])
    with pytest.raises(CorruptStateError, match="take away its right"):
        Replay(new_store()).apply([foreign], 1)


@given(
    st.lists(st.tuples(st.sampled_from([b"Ma", b"Mb", PARTITION_KEY]), st.integers(0, 5), st.booleans()), max_size=12),
    st.integers(1, 12),
)
def test_looking_nothing_up_on_an_empty_store_changes_nothing(
    written: list[tuple[bytes, int, bool]], chunk: int
) -> None:
    records = [
        record(offset, key, mark, None if gone and key != PARTITION_KEY else b"%d" % offset)
        for offset, (key, mark, gone) in enumerate(written)
    ]
    bystander = (b"Mz", pack_row(0, b""))
    quick, thorough = Replay(MemoryPartition()), MemoryPartition()
    thorough.write([bystander], NOTHING_READ)
    slow = Replay(thorough)
    for start in range(0, len(records), chunk):
        for replay in (quick, slow):
            replay.apply(records[start : start + chunk], min(start + chunk, len(records)))
    quick.store.write([bystander], quick.store.changelog_offset)
    assert rows_of(quick.store) == rows_of(slow.store)
    assert (quick.stale, quick.floor, quick.position) == (slow.stale, slow.floor, slow.position)
    assert quick.store.changelog_offset == slow.store.changelog_offset


# A late writer's batch ends before, at or after a batch boundary of its successor; wherever it lands, the rows that a
# replay restores are those of the log alone.
KEYS = [b"Ma", b"Mb", b"Mc"]
Log = list[tuple[bytes, int | None]]


def state_at(log: Log, mark: int) -> dict[bytes, bytes]:
    """Rows after the first `mark + 1` entries: a number sets the key to it, None deletes it."""
    rows: dict[bytes, bytes] = {}
    for key, value in log[: mark + 1]:
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = b"%d" % value
    return rows


def changes(log: Log, after: int, mark: int) -> dict[bytes, bytes | None]:
    """What a batch of the entries in `(after, mark]` writes."""
    rows = state_at(log, mark)
    return {key: rows.get(key) for key, _ in log[after + 1 : mark + 1]}


@given(
    log=st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.integers(0, 9)), min_size=3, max_size=20),
    cuts=st.sets(st.integers(0, 19), min_size=1, max_size=5),
    late_length=st.integers(1, 20),
    late_start=st.integers(0, 5),
    late_place=st.integers(0, 5),
)
def test_a_late_batch_never_changes_what_a_replay_restores(
    log: Log, cuts: set[int], late_length: int, late_start: int, late_place: int
) -> None:
    marks = [-1, *sorted(cut for cut in cuts if cut < len(log) - 1), len(log) - 1]
    pairs = list(pairwise(marks))
    began = min(late_start, len(pairs) - 1)
    from_mark = pairs[began][0]
    to_mark = min(from_mark + late_length, len(log) - 1)
    late = (to_mark, changes(log, from_mark, to_mark))
    batches = [(mark, changes(log, after, mark)) for after, mark in pairs]
    batches.insert(max(began, min(late_place, len(batches))), late)
    replay = Replay(MemoryPartition())
    offset = 0
    for mark, rows in batches:
        records = batch(offset, mark, rows)
        offset += len(records)
        replay.apply(records, offset)
    assert rows_of(replay.store) == state_at(log, len(log) - 1)
    assert row_mark(replay.store.get(PARTITION_KEY) or b"") == len(log) - 1


def spoil(folder: Path, at: float) -> None:
    """Change a byte of the largest table file: its block no longer has the checksum it was written with."""
    table = max(folder.glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(table.read_bytes())
    content[round(len(content) * at)] ^= 1
    table.write_bytes(content)


def with_a_torn_block(folder: Path, at: float = 0.25) -> None:
    """A store of many blocks, one of them torn: by default one of rows, which opening does not read."""
    store = RocksPartition(folder, b"changelog-1", CACHE)
    draw = random.Random(1)
    store.write([(b"k-%05d" % number, draw.randbytes(100)) for number in range(5_000)], 41)
    store._db.flush()
    store.close()
    spoil(folder, at)


def scan_all(store: RocksPartition) -> None:
    list(store.scan(b"k", b"l"))


def get_all(store: RocksPartition) -> None:
    for number in range(5_000):
        store.get(b"k-%05d" % number)


@pytest.mark.parametrize("read", [scan_all, get_all])
def test_a_torn_block_is_an_error_for_its_reader_and_the_next_start_builds_anew(
    tmp_path: Path, read: Callable[[RocksPartition], object]
) -> None:
    folder = tmp_path / "0.db"
    with_a_torn_block(folder)
    torn = RocksPartition(folder, b"changelog-1", CACHE)
    assert torn.changelog_offset == 41, "nothing has read the block yet"
    with pytest.raises(CorruptStateError, match="built anew at the next start"):
        read(torn)
    torn.close()
    fresh = RocksPartition(folder, b"changelog-1", CACHE)
    assert (fresh.changelog_offset, list(fresh.scan(b"", b"\xff"))) == (NOTHING_READ, [])
    fresh.write([(b"k", b"v")], 7)
    fresh.close()
    assert RocksPartition(folder, b"changelog-1", CACHE).changelog_offset == 7, "it is built anew once"


WRITES_AND_IS_KILLED = """
import os, sys
from pathlib import Path
from streams.stores import RocksPartition
store = RocksPartition(Path(sys.argv[1]), b"changelog-1", 1024 * 1024)
for offset in range(600):
    rows = [(b"k-%03d" % (number % 1_000), b"%09d" % offset * 100) for number in range(offset, offset + 100)]
    store.write([(b"last", b"%d" % offset), *rows], offset)
print(store.changelog_offset, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_killed_process_leaves_a_store_of_one_offset(tmp_path: Path) -> None:
    """Its rows have no log but the changelog; what had not reached the disk is missing whole, from an offset on."""
    folder = tmp_path / "0.db"
    killed = subprocess.run(
        [sys.executable, "-c", WRITES_AND_IS_KILLED, str(folder)], stdout=subprocess.PIPE, check=False
    )
    assert (killed.returncode, killed.stdout) == (-9, b"599\n")
    store = RocksPartition(folder, b"changelog-1", CACHE)
    offset = store.changelog_offset
    assert 0 < offset < 599
    assert store.get(b"last") == b"%d" % offset
    rows = {number: store.get(b"k-%03d" % number) for number in range(700)}
    last = {number % 1_000: at for at in range(offset + 1) for number in range(at, at + 100)}
    assert rows == {number: b"%09d" % last[number] * 100 if number in last else None for number in rows}


def test_rows_do_not_stay_in_memory_alone_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.stores._FLUSH_EVERY_S", 0.0)
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    before = len(list(tmp_path.glob("*.sst")))
    store.write([(b"a", b"1")], 7)
    eventually(lambda: len(list(tmp_path.glob("*.sst"))) > before, 10, "the buffer is on disk")
    store.close()


def test_a_torn_block_that_opening_reads_is_damage_and_no_lock(tmp_path: Path) -> None:
    """`block checksum mismatch` has the word `lock` in it: such a store was waited for, at every start anew."""
    folder = tmp_path / "0.db"
    with_a_torn_block(folder, at=0.998)  # the properties of the table, near its end
    before = time.monotonic()
    fresh = RocksPartition(folder, b"changelog-1", CACHE)
    assert (fresh.changelog_offset, list(fresh.scan(b"", b"\xff"))) == (NOTHING_READ, [])
    assert time.monotonic() - before < LOCK_WAIT_S


def test_a_store_that_somebody_else_has_open_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.stores.LOCK_WAIT_S", 0.2)
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.write([(b"a", b"1")], 7)
    with pytest.raises(CorruptStateError, match="in use by another process"):
        RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.close()
    assert RocksPartition(tmp_path, b"changelog-1", CACHE).changelog_offset == 7


@pytest.mark.parametrize(("days", "offset"), [(28, 7), (30, NOTHING_READ)])
def test_a_store_that_was_off_for_longer_than_deletions_are_kept_is_built_anew(
    tmp_path: Path, days: int, offset: int
) -> None:
    store = RocksPartition(tmp_path, b"changelog-1", CACHE)
    store.write([(b"a", b"1")], 7)
    store.close()
    then = time.time() - days * 86_400
    for file in tmp_path.glob("*"):
        os.utime(file, (then, then))
    again = RocksPartition(tmp_path, b"changelog-1", CACHE)
    assert again.changelog_offset == offset
    again.close()
