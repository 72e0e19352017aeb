"""Derived features, worked out by hand."""

import pytest

from features.aggregates import Amounts
from features.event_time import DAY_MS, HOUR_MS
from features.table import ACTIVITY, CAMPAIGNS, FEATURES, PURCHASES, REFUNDED, SPEND
from features.vector import NEVER_MS, feature_index
from features.windows import ActivityWindows

START_MS = 17_229 * DAY_MS


def purchase(minor: int) -> Amounts:
    return (ACTIVITY, 1), (PURCHASES, 1), (SPEND, minor)


@pytest.fixture
def windows() -> ActivityWindows:
    return ActivityWindows.load(lambda _: None)


def value(windows: ActivityWindows, name: str, as_of_ms: int) -> int:
    return windows.vector(as_of_ms)[feature_index(name)]


def test_a_member_of_whom_nothing_is_known_has_zeros_and_the_longest_recencies(windows: ActivityWindows) -> None:
    vector = dict(zip((feature.name for feature in FEATURES), windows.vector(START_MS), strict=True))
    recencies = {"recency_activity_ms", "recency_purchase_ms"}
    assert {name for name, number in vector.items() if number} == recencies
    assert {vector[name] for name in recencies} == {NEVER_MS}


def test_recency_counts_from_the_last_event_and_late_ones_do_not_lower_it(windows: ActivityWindows) -> None:
    windows.observe(purchase(100), START_MS)
    windows.observe(purchase(100), START_MS - DAY_MS)
    windows.observe(((ACTIVITY, 1),), START_MS + HOUR_MS)
    assert value(windows, "recency_purchase_ms", START_MS + 3 * HOUR_MS) == 3 * HOUR_MS
    assert value(windows, "recency_activity_ms", START_MS + 3 * HOUR_MS) == 2 * HOUR_MS


def test_recency_ends_after_ten_years_as_if_it_had_never_been(windows: ActivityWindows) -> None:
    windows.observe(purchase(100), START_MS)
    assert value(windows, "recency_purchase_ms", START_MS + NEVER_MS - 1) == NEVER_MS - 1
    assert value(windows, "recency_purchase_ms", START_MS + NEVER_MS + 1) == NEVER_MS


def test_what_happens_to_a_member_is_no_activity_of_theirs(windows: ActivityWindows) -> None:
    windows.observe(((CAMPAIGNS, 1),), START_MS)
    assert value(windows, "recency_activity_ms", START_MS) == NEVER_MS
    assert value(windows, "tenure_days", START_MS + 9 * DAY_MS) == 0


def test_tenure_counts_whole_days_from_the_first_event_also_when_it_comes_late(windows: ActivityWindows) -> None:
    windows.observe(purchase(100), START_MS)
    windows.observe(purchase(100), START_MS - 2 * DAY_MS)
    assert value(windows, "tenure_days", START_MS + DAY_MS - 1) == 2
    assert value(windows, "tenure_days", START_MS + DAY_MS) == 3


def test_the_gap_is_the_mean_time_from_one_purchase_to_the_next(windows: ActivityWindows) -> None:
    windows.observe(purchase(100), START_MS)
    assert value(windows, "purchase_gap_ms", START_MS) == 0
    windows.observe(purchase(100), START_MS + DAY_MS)
    windows.observe(purchase(100), START_MS + 5 * DAY_MS)
    assert value(windows, "purchase_gap_ms", START_MS + 50 * DAY_MS) == 5 * DAY_MS // 2


def test_the_mean_basket_is_rounded_down_and_forgets_after_ninety_days(windows: ActivityWindows) -> None:
    windows.observe(purchase(100), START_MS)
    windows.observe(purchase(101), START_MS + DAY_MS)
    assert value(windows, "basket_minor_90d", START_MS + DAY_MS) == 100  # 201 // 2
    assert value(windows, "basket_minor_90d", START_MS + 90 * DAY_MS) == 101
    assert value(windows, "basket_minor_90d", START_MS + 91 * DAY_MS) == 0


def test_the_share_given_back_is_of_what_was_once_paid(windows: ActivityWindows) -> None:
    windows.observe(purchase(3_000), START_MS)
    windows.undo(((SPEND, 1_000),), START_MS)
    windows.observe(((REFUNDED, 1_000),), START_MS + DAY_MS)
    # 1,000 of 2,000 left + 1,000 given back: a third, 3,333 basis points.
    assert value(windows, "refund_share_bp_90d", START_MS + DAY_MS) == 3_333
