"""A year of real households under the grocer's programme, with returns and rewards: every point is accounted for.

Each day what the members hold is added up from their lots, and compared with the day's line of the roll-forward, which
knows nothing but entries:

    opening + issued + spent + expired + clawed back + cancelled = closing

A further year goes by in which nothing happens but expiry. The same run shows how large a member's rows become.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from features.event_time import ZoneRules, date_of
from loyalty.cohorts import by_issue_month, outstanding
from loyalty.core_row import encode_core
from loyalty.decisions import LedgerEntry
from loyalty.liability import month_name
from online_models.breakage import forecast
from online_models.breakage_paths import Moment
from streams.controls import tick_record
from streams.histories.clock import DEFAULT_TICK_EVERY_MS
from streams.histories.files import read_lines
from streams.histories.heads import head_of
from streams.liability import LedgerReading
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from tests.support.partition_log import KEY, TOPIC_ID, build_log, policy_data
from tests.support.random_history import event
from tests.support.real_year import with_returns_and_rewards

DAY_MS = 86_400_000
END_MS = 1_514_764_800_000  # 2018-01-01
LAST_MS = END_MS + 370 * DAY_MS

KINDS = {"earned", "returned", "redeemed", "expired", "cancelled", "clawed_back", "activated"}
_ENTRY = msgspec.json.Decoder(LedgerEntry)


@dataclass
class Book:
    """The partition, the reading of its entries, and what the lots came to at the end of each day."""

    fold: PartitionFold
    offset: int = 1
    members: dict[str, None] = field(default_factory=dict)
    reading: LedgerReading = field(default_factory=lambda: LedgerReading(ZoneRules.utc()))
    total: Counter[str] = field(default_factory=Counter)
    closings: dict[str, int] = field(default_factory=dict)
    cohorts: dict[str, dict[str, int]] = field(default_factory=dict)
    core_bytes: list[int] = field(default_factory=list)

    def apply(self, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        self.fold.apply(LogRecord(0, self.offset, timestamp_ms, key, value))
        self.offset += 1
        for output in self.fold.take_outputs():
            if output.topic == "points":
                assert self.reading.take(output.value)
                entry = _ENTRY.decode(output.value)
                self.total[entry.data.kind] += entry.data.pending_points + entry.data.active_points

    def close_day(self, day_ms: int) -> None:
        """All due work up to midnight, then what the lots come to."""
        self.apply(day_ms, None, tick_record(day_ms, KEY))
        while self.fold.sweeping:
            self.apply(day_ms, None, tick_record(day_ms, KEY))
        day = date_of(day_ms // DAY_MS - 1)
        cores = [self.fold.member(member).account.core for member in self.members]
        lots = [(lot.expires_ms, lot.points) for core in cores for lot in core.active]
        lots += [(lot.expires_ms, lot.points) for core in cores for lot in core.pending]
        self.closings[day.isoformat()] = sum(points for _, points in lots) - sum(core.debt for core in cores)
        if date_of(day_ms // DAY_MS).day == 1:
            self.cohorts[f"{day:%Y-%m}"] = dict(_by_expiry(lots))


def _by_expiry(lots: list[tuple[int, int]]) -> Counter[str]:
    """Points by the UTC month that they expire in."""
    found: Counter[str] = Counter()
    for expires_ms, points in lots:
        found[f"{date_of((expires_ms - 1) // DAY_MS):%Y-%m}"] += points
    return found


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


@pytest.mark.timeout(1_200)
def test_the_daily_roll_forward_of_the_liability_balances_to_the_point(book: Book) -> None:
    opening = 0
    lines = {line.day: line for line in book.reading.book.roll_forward()}
    for day, held in book.closings.items():
        line = lines.get(day)
        if line is None:  # after the newest entry
            assert held == opening
            continue
        moved = line.issued + line.spent + line.expired + line.clawed_back + line.cancelled
        assert line.opening == opening
        assert line.opening + moved == line.closing == held == line.pending + line.active
        assert line.issued >= 0
        assert max(line.expired, line.clawed_back, line.cancelled) <= 0
        opening = line.closing
    assert len(book.closings) > 365 + 365
    assert set(lines) <= set(book.closings)
    assert len(lines) > 365 + 180


@pytest.mark.timeout(1_200)
def test_each_months_cohorts_are_the_lots_that_expire_together(book: Book) -> None:
    flows = book.reading.book.flows
    names = {month_name(month): month for month in range(12 * 2016, 12 * 2020)}
    for month, held in book.cohorts.items():
        found = outstanding(flows, names[month] + 1)
        assert {month_name(cohort): points for cohort, points in found.items()} == held
        assert sum(by_issue_month(flows, names[month] + 1).values()) == sum(held.values())
    assert len(book.cohorts) > 20


def test_a_forecast_after_the_year_adds_up_and_breaks_at_the_ends_of_quarters(book: Book) -> None:
    now = Moment(2018 * 12, 0.0)
    made = forecast(book.reading.book.flows, now)
    assert made.outstanding == book.closings["2017-12-31"] > 100_000
    total = made.total
    assert total.redeemed.points + total.breakage.points + total.taken_back + total.left == made.outstanding
    assert total.left == 0
    assert 0 <= total.breakage.low < total.breakage.points < total.breakage.high <= made.outstanding
    # A quarter of New York ends four or five hours into the next month of the book, which counts in UTC.
    assert [month.breakage.points > 0 for month in made.months] == [number in {3, 6, 9, 12} for number in range(13)]


def test_everything_that_can_happen_to_points_happened(book: Book) -> None:
    assert set(book.total) == KINDS
    assert book.total["earned"] > 500_000
    assert -book.total["redeemed"] > book.total["returned"] > 0
    assert -book.total["expired"] > book.total["earned"] // 10
    assert list(book.closings.values())[-1] == 0  # in the end all is spent, taken back or expired


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
