"""What labels cost: small rows, few writes, and sampled days in the share that the policy asks for."""

import pytest

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES
from loyalty.policy import Learning
from online_models.examples import TABLE, pseudonym
from online_models.label_rows import View
from online_models.labels import OpenLabels
from online_models.sampling import next_moment_ms

LEARNING = Learning(enabled=True, sample_share_bp=1_500, horizon_days=30)
START_MS = 17_000 * DAY_MS
VECTOR = (0,) * (len(FEATURE_NAMES) - 20) + (250_000,) * 20


def _busy_member(days: int) -> OpenLabels:
    """A member whose features are as large as they get, seen for so many days."""
    labels = OpenLabels.load(lambda _: None)
    labels.touch("m-1", START_MS, LEARNING)
    end_ms = START_MS + days * DAY_MS
    vector = list(VECTOR)
    vector[FEATURE_NAMES.index("recency_activity_ms")] = 0
    labels.run_due("m-1", end_ms, lambda _: LEARNING, lambda due_ms: View(due_ms, tuple(vector)))
    return labels


def test_a_purchase_rewrites_one_small_row_and_no_vector() -> None:
    labels = _busy_member(200)
    newest = max(label.opened_ms for label in labels._row.open)
    list(labels.changed())

    labels.spent(newest + 1, 2_599)
    labels.issued("purchase", 26)
    rows = list(labels.changed())

    assert [suffix for suffix, _ in rows] == [b"l"]
    assert sum(len(payload or b"") for _, payload in rows) < 200


def test_what_changes_nothing_writes_nothing() -> None:
    labels = _busy_member(200)
    list(labels.changed())

    labels.touch("m-1", START_MS + 201 * DAY_MS, LEARNING)
    labels.issued("browse", 0)
    labels.spent(START_MS, 100)  # before every open label

    assert list(labels.changed()) == []


def test_open_labels_are_bounded_by_the_horizon() -> None:
    every_day = Learning(enabled=True, sample_share_bp=10_000, horizon_days=30)
    labels = OpenLabels.load(lambda _: None)
    labels.touch("m-1", START_MS, every_day)
    vector = (0,) * len(FEATURE_NAMES)
    labels.run_due("m-1", START_MS + 400 * DAY_MS, lambda _: every_day, lambda due_ms: View(due_ms, vector))

    assert len(labels._row.open) <= 31
    assert len(labels._vectors) == len(labels._row.open)


@pytest.mark.parametrize("share_bp", [500, 1_500, 10_000])
def test_days_are_sampled_in_the_share_that_the_policy_asks_for(share_bp: int) -> None:
    days = 400
    sampled = 0
    for number in range(40):
        moment_ms = next_moment_ms(f"m-{number}", START_MS, share_bp)
        while moment_ms is not None and moment_ms < START_MS + days * DAY_MS:
            sampled += 1
            moment_ms = next_moment_ms(f"m-{number}", moment_ms, share_bp)

    assert abs(sampled / (40 * days) - share_bp / 10_000) < 0.01


def test_a_silent_member_is_asked_no_more_until_he_acts_again() -> None:
    labels = OpenLabels.load(lambda _: None)
    labels.touch("m-1", START_MS, LEARNING)
    vector = [0] * len(FEATURE_NAMES)
    vector[FEATURE_NAMES.index("recency_activity_ms")] = (LEARNING.lapse_days + 1) * DAY_MS

    outcomes = labels.run_due("m-1", START_MS + 300 * DAY_MS, lambda _: LEARNING, lambda ms: View(ms, tuple(vector)))
    assert (outcomes, labels.next_due_ms()) == ([], None)

    labels.touch("m-1", START_MS + 301 * DAY_MS, LEARNING)
    assert labels.next_due_ms() is not None


def test_without_learning_there_are_no_moments() -> None:
    labels = OpenLabels.load(lambda _: None)
    labels.touch("m-1", START_MS, Learning(enabled=False))

    assert labels.next_due_ms() is None
    assert next_moment_ms("m-1", START_MS, 0) is None


def test_an_outcome_names_no_member_and_its_feature_table() -> None:
    labels = _busy_member(40)
    outcomes = labels.run_due(
        "m-1", START_MS + 400 * DAY_MS, lambda _: LEARNING, lambda ms: View(ms, (0,) * len(FEATURE_NAMES))
    )

    assert {outcome.member for outcome in outcomes} == {pseudonym("m-1")} != {"m-1"}
    assert {outcome.table for outcome in outcomes} == {TABLE}
