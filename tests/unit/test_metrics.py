"""Metrics: one list, no unknown names, nothing that names a member."""

import re

import pytest

from features.errors import ContractError
from streams.accounting import COUNTERS, is_balanced
from streams.metrics import Metrics, describe_metrics


def test_counts_of_batches_add_up_per_partition() -> None:
    metrics = Metrics()
    metrics.count(0, {"actions_in": 5, "applied": 3, "duplicates": 1, "dead_lettered": 1, "dead_lettered.too_late": 1})
    metrics.count(0, {"actions_in": 2, "applied": 2, "points.earned": 70, "points.clawed_back": -30})
    metrics.count(1, {"actions_in": 9})
    got = {name: int(metrics.value(f"tierstream_{name}_total", partition="0") or 0) for name in COUNTERS}
    assert (got["actions_in"], got["applied"], got["duplicates"], got["dead_lettered"]) == (7, 5, 1, 1)
    assert is_balanced(got)
    assert metrics.value("tierstream_points", partition="0", kind="clawed_back") == -30
    assert metrics.value("tierstream_dead_lettered_by_reason_total", partition="0", reason="too_late") == 1


def test_a_name_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ContractError, match=r"streams/accounting\.py"):
        Metrics().count(0, {"actoins_in": 1})


def test_a_partition_that_moved_away_leaves_no_stale_gauge() -> None:
    metrics = Metrics()
    metrics.set("lag_records", 0, 100)
    metrics.set("lag_records", 1, 7)
    metrics.forget_partition(0)
    metrics.forget_partition(2)
    assert metrics.value("tierstream_lag_records", partition="0") is None
    assert metrics.value("tierstream_lag_records", partition="1") == 7


def test_everything_is_served_in_the_text_format() -> None:
    metrics = Metrics()
    metrics.observe("commit_seconds", 0.02)
    metrics.event("gap_seeks")
    metrics.set("model_absolute_error_minor", "naive", 1_234)
    text = metrics.render().decode()
    assert "tierstream_commit_seconds_count 1.0" in text
    assert "tierstream_gap_seeks_total 1.0" in text
    assert 'tierstream_model_absolute_error_minor{model="naive"} 1234.0' in text


LABELS = {"partition", "reason", "kind", "model", "channel", "outcome", "state", "side", "fate"}


def test_each_metric_is_described_and_has_only_harmless_labels() -> None:
    rows = describe_metrics()
    assert len({row.name for row in rows}) == len(rows) > 20
    for row in rows:
        assert re.fullmatch(r"tierstream_[a-z_]+", row.name)
        assert row.meaning
        assert set(row.labels) <= LABELS
