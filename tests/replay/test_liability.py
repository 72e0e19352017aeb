"""A year of real households under the grocer's programme, with returns and rewards: every point is accounted for.

Each day what the members hold is added up from their lots, and compared with the day before and the day's entries:

    opening + issued - spent - expired - clawed back = closing

A further year goes by in which nothing happens but expiry. The same run shows how large a member's rows become.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from loyalty.core_row import encode_core
from loyalty.decisions import LedgerEntry
from streams.controls import tick_record
from streams.histories.clock import DEFAULT_TICK_EVERY_MS
from streams.histories.files import read_lines
from streams.histories.heads import head_of
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from tests.support.partition_log import KEY, TOPIC_ID, build_log, policy_data
from tests.support.random_history import event
from tests.support.real_year import with_returns_and_rewards

DAY_MS = 86_400_000
END_MS = 1_514_764_800_000  # 2018-01-01
LAST_MS = END_MS + 370 * DAY_MS

# The side of the roll-forward that each kind of entry is on; activation only moves points from pending to active.
SIDES = {
    "earned": "issued",
    "returned": "spent",
    "redeemed": "spent",
    "expired": "expired",
    "cancelled": "clawed back",
    "clawed_back": "clawed back",
    "activated": "moved",
}
_ENTRY = msgspec.json.Decoder(LedgerEntry)


@dataclass
class Book:
    """The partition, what its entries said since the day began, and each day's line."""

    fold: PartitionFold
    offset: int = 1
    members: dict[str, None] = field(default_factory=dict)
    day: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    lines: list[tuple[int, dict[str, int], int]] = field(default_factory=list)
    core_bytes: list[int] = field(default_factory=list)

    def apply(self, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        self.fold.apply(LogRecord(0, self.offset, timestamp_ms, key, value))
        self.offset += 1
        for output in self.fold.take_outputs():
            if output.topic == "points":
                entry = _ENTRY.decode(output.value)
                moved = entry.data.pending_points + entry.data.active_points
                self.day[SIDES[entry.data.kind]] += moved
                self.total[entry.data.kind] += moved

    def close_day(self, day_ms: int) -> None:
        """All due work up to midnight, then what the lots come to."""
        self.apply(day_ms, None, tick_record(day_ms, KEY))
        while self.fold.sweeping:
            self.apply(day_ms, None, tick_record(day_ms, KEY))
        self.lines.append((day_ms, dict(self.day), self.held()))
        self.day.clear()

    def held(self) -> int:
        cores = (self.fold.member(member).account.core for member in self.members)
        return sum(
            sum(lot.points for lot in core.pending) + sum(lot.points for lot in core.active) - core.debt
            for core in cores
        )


@pytest.fixture(scope="module", params=["some_households", pytest.param("whole_year", marks=pytest.mark.nightly)])
def book(request: pytest.FixtureRequest) -> Book:
    history: Path = request.getfixturevalue(request.param)
    fold = PartitionFold(0, TOPIC_ID, MemoryStore())
    fold.apply(build_log([], policy_data("retail.toml"))[0])
    book = Book(fold)
    midnight_ms = 0
    for line in with_returns_and_rewards(read_lines(history)):
        time_ms, key = head_of(line)
        assert time_ms is not None
        assert key is not None
        while midnight_ms + DAY_MS <= time_ms:
            midnight_ms = midnight_ms + DAY_MS if midnight_ms else time_ms // DAY_MS * DAY_MS
            book.close_day(midnight_ms)
        book.members[key.decode()] = None
        book.apply(time_ms, key, line)
    book.core_bytes = sorted(
        sum(len(row or b"") for _, row in encode_core(fold.member(member).account.core, {})) for member in book.members
    )
    for day_ms in range(midnight_ms + DAY_MS, LAST_MS, DAY_MS):
        book.close_day(day_ms)
    return book


@pytest.mark.timeout(600)
def test_the_daily_roll_forward_of_the_liability_balances_to_the_point(book: Book) -> None:
    opening = 0
    for _, sides, closing in book.lines:
        moved = sum(sides.get(side, 0) for side in ("issued", "spent", "expired", "clawed back"))
        assert opening + moved == closing
        assert sides.get("moved", 0) == 0
        assert sides.get("issued", 0) >= 0
        assert max(sides.get("expired", 0), sides.get("clawed back", 0)) <= 0
        opening = closing
    assert len(book.lines) > 365 + 365


def test_everything_that_can_happen_to_points_happened(book: Book) -> None:
    assert set(book.total) == set(SIDES)
    assert book.total["earned"] > 500_000
    assert -book.total["redeemed"] > book.total["returned"] > 0
    assert -book.total["expired"] > book.total["earned"] // 10
    assert book.lines[-1][2] == 0  # in the end all is spent, taken back or expired


def test_no_household_owes_points(book: Book) -> None:
    assert all(book.fold.member(member).account.core.debt == 0 for member in book.members)


def test_the_core_rows_stay_small_after_a_year(book: Book) -> None:
    assert book.core_bytes[len(book.core_bytes) * 99 // 100] < 4_096


@dataclass
class BusiestYear:
    """What household-2337 writes in its year: bytes of its rows, keys and all, for each basket, look and tick."""

    fold: PartitionFold
    offset: int = 0
    baskets: list[int] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)

    def write(self, timestamp_ms: int, value: bytes) -> int:
        self.offset += 1
        batch = self.fold.fold([LogRecord(0, self.offset, timestamp_ms, head_of(value)[1], value)])
        return sum(len(key) + len(row or b"") for key, row in batch.rows if key.startswith(b"M"))


def busiest_year(whole_year: Path, *, looks: bool) -> BusiestYear:
    """Ticks come four times a day, as `produce` writes them; with `looks`, a look comes after each action."""
    year = BusiestYear(PartitionFold(0, TOPIC_ID, MemoryStore()))
    year.fold.fold(build_log([], policy_data("retail.toml")))
    last_ms = END_MS
    for line in read_lines(whole_year):
        if b'"subject":"household-2337"' in line:
            time_ms = head_of(line)[0] or 0
            first_ms = last_ms - last_ms % DEFAULT_TICK_EVERY_MS + DEFAULT_TICK_EVERY_MS
            for tick_ms in range(first_ms, time_ms + 1, DEFAULT_TICK_EVERY_MS):
                year.ticks.append(year.write(tick_ms, tick_record(tick_ms, KEY)))
            size = year.write(time_ms, line)
            if b".purchase" in line:
                year.baskets.append(size)
            if looks:
                look = event("browse", f"b-{year.offset}", "household-2337", time_ms, {"duration_ms": 9_000})
                year.looks.append(year.write(time_ms, look))
            last_ms = time_ms
    return year


def test_each_of_the_780_baskets_of_the_busiest_household_writes_under_2_kb(whole_year: Path) -> None:
    year = busiest_year(whole_year, looks=False)
    assert len(year.baskets) == 780
    assert max(year.baskets) < 2_000
    assert sum(year.baskets) + sum(year.ticks) < 780 * 2_000  # and so it is when due work is counted in


def test_a_look_writes_under_600_bytes_whenever_it_comes(whole_year: Path) -> None:
    looks = busiest_year(whole_year, looks=True).looks
    assert len(looks) >= 780
    assert max(looks) < 600
