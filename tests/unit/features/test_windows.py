"""Edges of the windows by hand, and what the rows of a member cost."""

from collections import Counter
from random import Random

import pytest

from features.aggregates import Amounts
from features.errors import CorruptStateError
from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS
from features.table import ACTIVITY, BROWSE_MS, BROWSES, CLICKS, LOGINS, PURCHASES, SEARCHES, SPEND, WINDOWS
from features.windows import ActivityWindows

MIDNIGHT_MS = 17_229 * DAY_MS
ONE: Amounts = ((SPEND, 1),)
EMPTY_HOURS = b"\x92\x80\x80"  # two empty maps
EMPTY_DAY = b"\x81\x00\x80"  # a day with an empty map


def fresh() -> ActivityWindows:
    return ActivityWindows.load(lambda _: None)


def counts(windows: ActivityWindows) -> str:
    """The windows that count something, by name."""
    return " ".join(window.name for index, window in enumerate(WINDOWS) if windows.total(SPEND, index))


@pytest.mark.parametrize(
    ("event_ms", "later_ms", "expected"),
    [
        (0, 0, "1h 24h 7d 30d 90d all"),
        # Twelve slots of five minutes: the slot of 00:00 is in until 00:59:59.999.
        (0, HOUR_MS - 1, "1h 24h 7d 30d 90d all"),
        (0, HOUR_MS, "24h 7d 30d 90d all"),
        # The last instant of a slot leaves with its slot, not an hour after itself.
        (5 * MINUTE_MS - 1, HOUR_MS - 1, "1h 24h 7d 30d 90d all"),
        (5 * MINUTE_MS - 1, HOUR_MS, "24h 7d 30d 90d all"),
        (5 * MINUTE_MS, HOUR_MS, "1h 24h 7d 30d 90d all"),
        (0, DAY_MS - 1, "24h 7d 30d 90d all"),
        (0, DAY_MS, "7d 30d 90d all"),
        (HOUR_MS - 1, DAY_MS, "7d 30d 90d all"),
        (HOUR_MS, DAY_MS, "24h 7d 30d 90d all"),
        (0, 7 * DAY_MS - 1, "7d 30d 90d all"),
        (0, 7 * DAY_MS, "30d 90d all"),
        (DAY_MS - 1, 7 * DAY_MS, "30d 90d all"),
        (DAY_MS, 7 * DAY_MS, "7d 30d 90d all"),
        (0, 30 * DAY_MS - 1, "30d 90d all"),
        (0, 30 * DAY_MS, "90d all"),
        (0, 90 * DAY_MS - 1, "90d all"),
        (0, 90 * DAY_MS, "all"),
        (0, 4_000 * DAY_MS, "all"),
    ],
)
def test_windows_are_half_open_and_end_with_the_bucket_of_as_of(event_ms: int, later_ms: int, expected: str) -> None:
    in_time, late = fresh(), fresh()
    in_time.observe(ONE, MIDNIGHT_MS + event_ms)
    in_time.advance(MIDNIGHT_MS + later_ms)
    late.advance(MIDNIGHT_MS + later_ms)
    late.observe(ONE, MIDNIGHT_MS + event_ms)
    assert counts(in_time) == expected
    assert counts(late) == expected


@pytest.mark.parametrize("age_ms", [0, HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS, 900 * DAY_MS])
def test_a_refund_takes_its_purchase_out_of_whatever_still_counts_it(age_ms: int) -> None:
    windows = fresh()
    windows.observe(((PURCHASES, 1), (SPEND, 500)), MIDNIGHT_MS)
    windows.observe(((PURCHASES, 1), (SPEND, 70)), MIDNIGHT_MS + age_ms)
    windows.undo(((PURCHASES, 1), (SPEND, 500)), MIDNIGHT_MS)
    assert {windows.total(SPEND, window) for window in range(len(WINDOWS))} == {70}
    assert {windows.total(PURCHASES, window) for window in range(len(WINDOWS))} == {1}


def test_no_more_is_taken_back_than_was_there() -> None:
    windows = fresh()
    windows.observe(((SPEND, 500),), MIDNIGHT_MS)
    windows.observe(((SPEND, 70),), MIDNIGHT_MS + DAY_MS)
    windows.undo(((SPEND, 501),), MIDNIGHT_MS)
    assert {windows.total(SPEND, window) for window in range(len(WINDOWS))} == {70}


def test_times_before_1970_are_times_too() -> None:
    rows: dict[bytes, bytes] = {}
    windows = fresh()
    for day in range(40):
        windows.observe(ONE, (day - 60) * DAY_MS - 1)
        rows |= {suffix: payload for suffix, payload in windows.changed() if payload is not None}
    reloaded = ActivityWindows.load(rows.get)
    assert reloaded.vector(-20 * DAY_MS) == windows.vector(-20 * DAY_MS)
    assert reloaded.total(SPEND, 3) == 28  # days -49 to -20 are covered, the last event was on day -22


@pytest.mark.parametrize("age_ms", [0, 2 * HOUR_MS, 30 * HOUR_MS, 20 * DAY_MS])
def test_what_is_nothing_or_was_undone_is_not_written(age_ms: int) -> None:
    undone, untouched = Store(), Store()
    windows, calm = fresh(), fresh()
    calm.advance(MIDNIGHT_MS)
    windows.advance(MIDNIGHT_MS)
    windows.observe(((SPEND, 5), (CLICKS, 0)), MIDNIGHT_MS - age_ms)
    windows.undo(((SPEND, 5),), MIDNIGHT_MS - age_ms)
    undone.write(windows)
    untouched.write(calm)
    for suffix, payload in undone.rows.items():
        empty = EMPTY_DAY if suffix.startswith(b"wd") else EMPTY_HOURS
        assert len(payload) == len(untouched.rows.get(suffix, empty))


class Store:
    """Rows of one member, with what was read and the bytes of the last write."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.most_rows = 0
        self.reads: Counter[bytes] = Counter()

    def read(self, suffix: bytes) -> bytes | None:
        self.reads[suffix] += 1
        return self.rows.get(suffix)

    def write(self, windows: ActivityWindows) -> int:
        written = 0
        for suffix, payload in windows.changed():
            if payload is None:
                del self.rows[suffix]
            else:
                self.rows[suffix] = payload
                written += len(payload)
        return written


def browsing(random: Random) -> Amounts:
    if random.random() < 0.6:
        return (ACTIVITY, 1), (BROWSES, 1), (BROWSE_MS, random.randrange(2_000, 300_000))
    return (ACTIVITY, 1), (random.choice((SEARCHES, CLICKS, LOGINS)), 1)


def visit(random: Random, minute: int) -> Amounts:
    return ((PURCHASES, 1), (SPEND, random.randrange(500, 20_000))) if minute % 40 == 39 else browsing(random)


def year_of_visits(store: Store, days: int) -> list[tuple[bool, int]]:
    """A member with an hour of browsing at noon every day: whether it was the day's first action, and bytes written."""
    random = Random(7)
    windows = ActivityWindows.load(store.read)
    sizes = []
    for day in range(days):
        for minute in range(60):
            windows.observe(visit(random, minute), MIDNIGHT_MS + day * DAY_MS + 12 * HOUR_MS + minute * MINUTE_MS)
            sizes.append((minute == 0, store.write(windows)))
        store.most_rows = max(store.most_rows, len(store.rows))
    return sizes


def test_a_browse_of_a_member_with_a_long_history_rewrites_few_bytes() -> None:
    sizes = year_of_visits(Store(), days=120)
    later = [size for first, size in sizes if not first]
    assert max(later) < 350
    assert sum(later) / len(later) < 200
    assert max(size for first, size in sizes if first) < 600


def test_a_member_has_few_rows_however_long_the_history() -> None:
    store = Store()
    year_of_visits(store, days=200)
    assert store.most_rows == 3 + 12  # 88 or 89 closed days reach into at most 13 chunks of eight
    assert sum(map(len, store.rows.values())) < 4_000


def test_loading_reads_three_rows_and_an_ordinary_action_no_more() -> None:
    store = Store()
    year_of_visits(store, days=120)
    store.reads.clear()
    windows = ActivityWindows.load(store.read)
    windows.observe(((ACTIVITY, 1), (CLICKS, 1)), windows.as_of_ms + MINUTE_MS)
    assert store.reads == Counter({b"w": 1, b"wh": 1, b"wt": 1})
    windows.vector(windows.as_of_ms)
    assert store.reads[b"wi"] == 1


def test_nothing_is_written_that_did_not_change() -> None:
    store = Store()
    year_of_visits(store, days=3)
    windows = ActivityWindows.load(store.read)
    windows.vector(windows.as_of_ms)
    windows.advance(windows.as_of_ms - DAY_MS)
    assert list(windows.changed()) == []


@pytest.mark.parametrize("suffix", [b"w", b"wh", b"wt"])
def test_a_row_that_is_not_ours_stops_the_load(suffix: bytes) -> None:
    store = Store()
    year_of_visits(store, days=3)
    store.rows[suffix] = b"\xc1"
    with pytest.raises(CorruptStateError, match="cannot be read"):
        ActivityWindows.load(store.read).advance(0)


def test_a_missing_row_stops_the_load_or_the_first_use() -> None:
    store = Store()
    year_of_visits(store, days=20)
    (chunk, *_) = sorted(suffix for suffix in store.rows if suffix.startswith(b"wd"))
    del store.rows[chunk]
    windows = ActivityWindows.load(store.read)
    with pytest.raises(CorruptStateError, match="is missing"):
        windows.undo(ONE, MIDNIGHT_MS + 12 * HOUR_MS)
    del store.rows[b"wt"]
    with pytest.raises(CorruptStateError, match="is missing"):
        ActivityWindows.load(store.read).advance(0)
