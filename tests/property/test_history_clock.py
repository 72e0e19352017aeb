"""The clock of a history: it follows what can be believed, never falls, and no lone date moves it."""

from itertools import accumulate, pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from streams.histories.clock import history_timestamps

DAY_MS = 86_400_000
LATENESS_MS = 30 * DAY_MS
YEAR_2099_MS = 4_070_908_800_000

# Steps between records: mostly small, sometimes a gap of months.
steps = st.lists(st.one_of(st.integers(0, 3 * DAY_MS), st.integers(0, 200 * DAY_MS)), min_size=1, max_size=200)


def in_order(gaps: list[int]) -> list[int]:
    return list(accumulate(gaps, initial=1_483_228_800_000))


def clock(times: list[int | None]) -> list[int]:
    return list(history_timestamps(times, LATENESS_MS))


def running_maximum(times: list[int]) -> list[int]:
    return list(accumulate(times, max))


@given(steps)
def test_a_file_in_order_is_its_own_clock(gaps: list[int]) -> None:
    times = in_order(gaps)
    got = clock([*times])
    # Nothing follows the last record, so a gap before it cannot be told from a wrong date.
    assert got[:-1] == times[:-1]
    assert got[-1] == (times[-1] if times[-1] <= times[-2] + LATENESS_MS else times[-2])


@given(steps, st.randoms(use_true_random=False))
def test_a_file_shuffled_within_the_lateness_keeps_its_running_maximum(gaps: list[int], random: Random) -> None:
    arrivals = sorted((time + random.randint(0, LATENESS_MS), time) for time in in_order(gaps))
    times = [time for _, time in arrivals]
    assert clock([*times])[:-1] == running_maximum(times)[:-1]


@given(steps, st.integers(0, 200), st.integers(YEAR_2099_MS, 2 * YEAR_2099_MS))
def test_a_lone_date_far_ahead_moves_nothing(gaps: list[int], place: int, far: int) -> None:
    times: list[int | None] = [*in_order(gaps)]
    at = min(place, len(times))
    got = clock([*times[:at], far, *times[at:]])
    assert max(got) < YEAR_2099_MS
    without, others = clock(times), got[:at] + got[at + 1 :]
    # It may bear out the record before it after a gap, and that is all it does.
    assert others[:-1] == without[:-1]
    assert without[-1] <= others[-1] <= max(in_order(gaps))


@given(st.lists(st.one_of(st.none(), st.integers(0, YEAR_2099_MS)), max_size=300), st.integers(1, 80))
def test_any_file_gets_one_timestamp_per_record_and_they_never_fall(times: list[int | None], window: int) -> None:
    got = list(history_timestamps(times, LATENESS_MS, window))
    assert len(got) == len(times)
    assert all(earlier <= later for earlier, later in pairwise(got))
    assert set(got) <= {0, *(time for time in times if time is not None)}


@given(steps, st.sets(st.integers(0, 200)))
def test_records_without_a_time_repeat_the_last(gaps: list[int], holes: set[int]) -> None:
    times = in_order(gaps)
    with_holes: list[int | None] = []
    for index, time in enumerate(times):
        with_holes += [None, time] if index in holes else [time]
    got = clock(with_holes)
    assert [stamp for stamp, time in zip(got, with_holes, strict=True) if time is not None] == clock([*times])
    before = [got[0], *got]
    assert all(got[at] == before[at] for at, maybe in enumerate(with_holes) if maybe is None)


def test_records_before_the_first_believed_time_get_that_time() -> None:
    assert clock([None, YEAR_2099_MS, None, *range(1, 20)])[:4] == [1, 1, 1, 1]


def test_a_file_without_any_time_stands_at_zero() -> None:
    assert clock([None, None]) == [0, 0]
    assert clock([]) == []
