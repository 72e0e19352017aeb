"""The report of the benchmarks and the document that is made from it."""

import re
from io import BytesIO
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.contender import Result
from benchmarks.figures import _TABLES, refreshed
from benchmarks.report import read_report, write_report
from benchmarks.stages import STAGES, Sent, stages_of
from benchmarks.stamped_worker import Stamps
from benchmarks.throughput import conclude
from benchmarks.workloads import visit_actions
from features.actions import Browse, Purchase, PurchaseData
from features.event_time import DAY_MS
from loyalty.decisions import instant
from streams.commit import Step
from streams.records import LogRecord

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"


def test_each_table_of_the_document_is_one_that_can_be_made() -> None:
    named = re.findall(r"<!-- figures: (\w+) -->", DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(named) == sorted(_TABLES)


def test_a_table_made_twice_is_the_same() -> None:
    report = {
        "rows": [{"name": "engine", "actions_per_s": 9.0, "actions_per_cpu_s": 8.0, "runs": [9.0], "fold_share": 0.7}]
    }
    once = refreshed(DOCUMENT.read_text(encoding="utf-8"), report)
    assert refreshed(once, report) == once
    assert "| engine | 9 | 9 | 8 | 70% | not measured |" in once


def test_what_a_run_leaves_out_stays_on_the_page() -> None:
    first = {"scale": {"workers": {"1": 9_000}, "recovery_s": 41.0}}
    page = refreshed(DOCUMENT.read_text(encoding="utf-8"), first)
    later = refreshed(page, {"scale": {"startup_s": 3.0}})
    for row in ("| 1 | 9,000 |", "| recovery of a million members, no standby | 60 s | 41.0 s |"):
        assert row in page
        assert row in later
    assert "| start-up of a worker |  | 3.0 s |" in later


def test_a_part_keeps_the_figures_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(path, {"scale": {"recovery_s": 9.0}, "rows": [{"name": "limit", "runs": [1]}]})
    write_report(path, {"scale": {"workers": {"1": 5}}, "rows": [{"name": "engine", "runs": [2]}]})
    write_report(path, {"rows": [{"name": "limit", "runs": [3]}]})
    report = read_report(path)
    assert report["scale"] == {"recovery_s": 9.0, "workers": {"1": 5}}
    assert report["rows"] == [{"name": "limit", "runs": [3]}, {"name": "engine", "runs": [2]}]


def test_the_best_peer_is_the_one_that_the_engine_is_least_ahead_of() -> None:
    results = {"engine": [Result(100, 1.0, 1.0, 0.0)], "bytewax": [Result(100, 2.0, 1.0, 0.0)]}
    results["quix"] = [Result(100, 4.0, 3.0, 0.0)]
    figures = conclude(results, "lines", 100)
    assert figures["ratios"] == {"over_bytewax": 2.0, "over_quix": 4.0, "over_best_peer": 2.0}


@pytest.mark.parametrize("amount", [0, 500])
def test_a_visit_is_browsing_in_order_of_time_and_then_a_purchase(amount: int) -> None:
    data = PurchaseData(order_id="o", amount=amount, currency="USD", items=())
    basket = Purchase(specversion="1.0", id="o", source="s", time=instant(DAY_MS), subject="m", data=data)
    steps = list(visit_actions(basket))
    assert all(isinstance(step, Browse) for step in steps)  # it has no lines
    assert len({step.id for step in steps}) == len(steps)
    assert [step.time_ms for step in steps] == sorted(step.time_ms for step in steps)
    assert steps[-1].time_ms < DAY_MS


def test_stages_are_told_of_the_slowest_hundredth_of_the_run_alone() -> None:
    notes = BytesIO()
    stamps = Stamps(notes)
    lines = [b'{"id":"load/%d"}' % number for number in range(3)]
    records = [LogRecord(0, number, 0, b"m", line) for number, line in enumerate([*lines, b'{"id":"warm/9"}'])]
    stamps.arrived(records)
    stamps.begun(records, mark=0)  # what was applied before a crash is not folded again
    stamps.folded(0)
    for step in get_args(Step):
        stamps.step(step, 0)
    told = stages_of(notes.getvalue(), Sent("load", 0.0, 1.0), {0: 5e9, 1: 5e9, 2: 6e9}, first=1)
    assert told.slowest_hundredth_due_s == {"2.0": 1}
    assert set(told.slowest_hundredth_ms) == set(told.median_ms) == set(STAGES)
    assert told.slowest_hundredth_ms["commit to read"] > told.median_ms["commit to read"]
