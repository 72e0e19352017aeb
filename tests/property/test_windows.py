"""Laws of the activity windows, against an oracle that keeps every event and adds them up anew each time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.aggregates import Amounts
from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS
from features.rows import Changes
from features.table import ACTIVITY, BROWSE_MS, BROWSES, MEASURE_COUNT, PURCHASES, SPEND, WINDOW_COUNT, WINDOWS
from features.vector import FeatureVector
from features.windows import ActivityWindows

START_MS = 17_229 * DAY_MS + 7 * HOUR_MS


@dataclass(frozen=True)
class Step:
    """One thing that happens to a member: `at_ms` counts from `START_MS`."""

    kind: Literal["observe", "undo", "advance"]
    at_ms: int
    amounts: Amounts = ()


@dataclass
class Oracle:
    """Everything that was ever observed; windows are defined by their buckets, nothing is incremental."""

    events: list[tuple[int, Amounts]] = field(default_factory=list)
    taken: list[tuple[int, Amounts]] = field(default_factory=list)
    as_of_ms: int = -(2**62)

    def total(self, measure: int, window: int) -> int:
        return sum(
            sign * value
            for sign, entries in ((1, self.events), (-1, self.taken))
            for time_ms, amounts in entries
            if self._covers(window, time_ms)
            for index, value in amounts
            if index == measure
        )

    def _covers(self, window: int, time_ms: int) -> bool:
        length_ms, bucket_ms = WINDOWS[window].length_ms, WINDOWS[window].bucket_ms
        if length_ms is None or bucket_ms is None:
            return True
        return time_ms // bucket_ms > self.as_of_ms // bucket_ms - length_ms // bucket_ms


class Rows:
    """A store of rows for one member."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def write(self, changed: Changes) -> None:
        for suffix, payload in changed:
            if payload is None:
                self.rows.pop(suffix, None)
            else:
                self.rows[suffix] = payload


def fresh() -> ActivityWindows:
    return ActivityWindows.load(lambda _: None)


amounts_of = st.one_of(
    st.integers(0, 10**6).map(lambda minor: ((ACTIVITY, 1), (PURCHASES, 1), (SPEND, minor))),
    st.integers(0, 10**5).map(lambda ms: ((ACTIVITY, 1), (BROWSES, 1), (BROWSE_MS, ms))),
)
# Gaps at every scale of the windows, so that edges of slots, hours, days, chunks and whole windows are met.
SCALES = (
    st.integers(0, 10 * MINUTE_MS),
    st.integers(0, 2 * HOUR_MS),
    st.integers(0, 30 * HOUR_MS),
    st.integers(0, 12 * DAY_MS),
    st.integers(20 * DAY_MS, 100 * DAY_MS),
    st.sampled_from([5 * MINUTE_MS, HOUR_MS, DAY_MS, 2 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 90 * DAY_MS]),
)
gaps = st.one_of(SCALES)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 25) -> list[Step]:
    """Steps in order of arrival; events may be late by anything, refunds come back on any earlier event.

    A history keeps mostly to one or two scales: what goes wrong between hours needs several hours.
    """
    scales = st.one_of(draw(st.lists(st.sampled_from(SCALES), min_size=1, max_size=2)))
    steps: list[Step] = []
    now_ms = START_MS
    open_events: list[int] = []
    for _ in range(draw(st.integers(1, max_size))):
        kind = draw(st.sampled_from(["observe", "observe", "late", "undo", "advance"]))
        if kind == "undo" and open_events:
            of = open_events.pop(draw(st.integers(0, len(open_events) - 1)))
            steps.append(Step("undo", steps[of].at_ms, _part(draw, steps[of].amounts)))
        elif kind == "late":
            open_events.append(len(steps))
            steps.append(Step("observe", now_ms - draw(scales), draw(amounts_of)))
        else:
            now_ms += draw(scales)
            if kind != "advance":
                open_events.append(len(steps))
            steps.append(Step("advance" if kind == "advance" else "observe", now_ms, draw(amounts_of)))
    return steps


def _part(draw: st.DrawFn, amounts: Amounts) -> Amounts:
    return amounts if draw(st.booleans()) else tuple((m, draw(st.integers(0, value))) for m, value in amounts)


def apply(step: Step, windows: ActivityWindows) -> None:
    match step.kind:
        case "observe":
            windows.observe(step.amounts, step.at_ms)
        case "undo":
            windows.undo(step.amounts, step.at_ms)
        case "advance":
            windows.advance(step.at_ms)


def note(step: Step, oracle: Oracle) -> None:
    match step.kind:
        case "observe":
            oracle.events.append((step.at_ms, step.amounts))
        case "undo":
            oracle.taken.append((step.at_ms, step.amounts))
            return
        case "advance":
            pass
    oracle.as_of_ms = max(oracle.as_of_ms, step.at_ms)


def all_totals(total: Callable[[int, int], int]) -> list[int]:
    measures = (ACTIVITY, PURCHASES, SPEND, BROWSES, BROWSE_MS)
    return [total(measure, window) for window in range(WINDOW_COUNT) for measure in measures]


@given(histories())
@settings(max_examples=300, deadline=None)
def test_every_total_is_the_sum_over_the_events_that_its_buckets_cover(steps: list[Step]) -> None:
    windows, oracle = fresh(), Oracle()
    for step in steps:
        apply(step, windows)
        note(step, oracle)
        assert all_totals(windows.total) == all_totals(oracle.total)


@given(histories(), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_a_member_reloaded_between_actions_has_the_vectors_of_one_kept_in_memory(steps: list[Step], every: int) -> None:
    store = Rows()
    hot, cold = fresh(), ActivityWindows.load(store.rows.get)
    as_of_ms = START_MS
    for number, step in enumerate(steps):
        apply(step, hot)
        apply(step, cold)
        as_of_ms = max(as_of_ms, step.at_ms)
        assert cold.vector(as_of_ms) == hot.vector(as_of_ms)
        if number % every == 0:
            store.write(cold.changed())
            cold = ActivityWindows.load(store.rows.get)
    assert all_totals(cold.total) == all_totals(hot.total)


@given(histories())
@settings(max_examples=100, deadline=None)
def test_rows_do_not_depend_on_how_often_they_were_written(steps: list[Step]) -> None:
    often, once = Rows(), Rows()
    reloaded, kept = ActivityWindows.load(often.rows.get), fresh()
    for step in steps:
        apply(step, reloaded)
        apply(step, kept)
        often.write(reloaded.changed())
        reloaded = ActivityWindows.load(often.rows.get)
    once.write(kept.changed())
    assert often.rows == once.rows


# Every short history over these moves: they meet every way in which a bucket is filled, moved, emptied and closed.
MOVES = ("now", "3 h late", "30 h late", "undo", "20 min later", "50 min later", "22 h later", "2 d later")
LATE_MS = {"now": 0, "3 h late": 3 * HOUR_MS, "30 h late": 30 * HOUR_MS}
LATER_MS = {
    "20 min later": 20 * MINUTE_MS,
    "50 min later": 50 * MINUTE_MS,
    "22 h later": 22 * HOUR_MS,
    "2 d later": 2 * DAY_MS,
}


def steps_of(moves: tuple[str, ...]) -> list[Step]:
    """Each event has a measure of its own, so that the order in a bucket shows; an undo takes back the last event."""
    now_ms = START_MS + 10 * MINUTE_MS
    steps = [Step("advance", now_ms)]
    events: list[Step] = []
    for number, move in enumerate(moves):
        if move in LATER_MS:
            now_ms += LATER_MS[move]
            steps.append(Step("advance", now_ms))
        elif move in LATE_MS:
            events.append(Step("observe", now_ms - LATE_MS[move], ((MEASURE_COUNT - 1 - number, 1),)))
            steps.append(events[-1])
        elif events:
            event = events.pop()
            steps.append(Step("undo", event.at_ms, event.amounts))
    return steps


def every_total(windows: ActivityWindows) -> list[int]:
    return [windows.total(measure, window) for measure in range(MEASURE_COUNT) for window in range(WINDOW_COUNT)]


@pytest.mark.parametrize("first", MOVES)
def test_every_short_history_gives_the_same_rows_and_sums_hot_or_cold(first: str) -> None:
    for rest in product(MOVES, repeat=3):
        steps = steps_of((first, *rest, "50 min later", "2 d later"))
        often, once = Rows(), Rows()
        cold, hot = fresh(), fresh()
        for step in steps:
            apply(step, cold)
            apply(step, hot)
            often.write(cold.changed())
            cold = ActivityWindows.load(often.rows.get)
        once.write(hot.changed())
        assert often.rows == once.rows, rest
        assert every_total(cold) == every_total(hot), rest


@given(histories())
@settings(max_examples=150, deadline=None)
def test_longer_windows_never_hold_less_and_nothing_is_negative(steps: list[Step]) -> None:
    windows = fresh()
    for step in steps:
        apply(step, windows)
        if step.kind == "observe":
            windows.undo(((SPEND, 10**9),), step.at_ms)
        for measure in range(MEASURE_COUNT):
            sums = [windows.total(measure, window) for window in range(WINDOW_COUNT)]
            assert sums == sorted(sums)
            assert sums[0] >= 0


@given(st.data(), histories())
@settings(max_examples=150, deadline=None)
def test_the_order_of_arrival_leaves_no_trace(data: st.DataObject, steps: list[Step]) -> None:
    observed = [step for step in steps if step.kind == "observe"]
    shuffled = data.draw(st.permutations(observed))
    in_order, out_of_order = fresh(), fresh()
    for step in observed:
        apply(step, in_order)
    for step in shuffled:
        apply(step, out_of_order)
    end_ms = max((step.at_ms for step in observed), default=START_MS)
    assert vector_and_totals(in_order, end_ms) == vector_and_totals(out_of_order, end_ms)


def vector_and_totals(windows: ActivityWindows, as_of_ms: int) -> tuple[FeatureVector, list[int]]:
    return windows.vector(as_of_ms), all_totals(windows.total)


@given(histories(), gaps)
@settings(max_examples=100, deadline=None)
def test_as_of_never_goes_back(steps: list[Step], earlier_ms: int) -> None:
    windows = fresh()
    for step in steps:
        before_ms = windows.as_of_ms
        apply(step, windows)
        assert windows.as_of_ms >= before_ms
    vector, as_of_ms = windows.vector(windows.as_of_ms), windows.as_of_ms
    assert windows.vector(as_of_ms - earlier_ms) == vector
    assert windows.as_of_ms == as_of_ms


@given(st.lists(histories(max_size=8), min_size=2, max_size=3), st.permutations(range(3)), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_members_merged_in_any_order_have_the_windows_of_one_member(
    parts: list[list[Step]], order: list[int], later_days: int
) -> None:
    """Undoing is left out: it never takes more than a bucket holds, and of two members each has its own buckets."""
    parts = [[step for step in steps if step.kind != "undo"] for steps in parts]
    one, stored = fresh(), [Rows() for _ in parts]
    for rows, steps in zip(stored, parts, strict=True):
        windows = fresh()
        for step in steps:
            apply(step, windows)
        rows.rows.update(windows.rows())
    for step in sorted((step for steps in parts for step in steps), key=lambda step: step.at_ms):
        apply(step, one)
    first, *rest = [stored[number] for number in order if number < len(stored)]
    merged = ActivityWindows.load(first.rows.get)
    for rows in rest:
        merged.absorb(ActivityWindows.load(rows.rows.get))
    for later_ms in (0, HOUR_MS, DAY_MS, later_days * DAY_MS):
        at_ms = one.as_of_ms + later_ms
        assert merged.vector(at_ms) == one.vector(at_ms)
