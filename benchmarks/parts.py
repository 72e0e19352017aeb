"""The parts of the suite, each of which adds its figures to the report."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.costs import changelog_bytes, examples_per_s
from benchmarks.latency import measure_latency
from benchmarks.machine import describe_machine
from benchmarks.members import measure_members
from benchmarks.recovery import measure_recovery
from benchmarks.report import Row, Spread, table, write_report
from benchmarks.throughput import BROKERLESS, CONTENDERS, Say, conclude, run_rounds
from benchmarks.workers import measure_workers
from benchmarks.workloads import WorkloadName
from streams.collector import collect_seldom


class Scale(NamedTuple):
    """What the command line says of the throughput parts; empty and 0 for what each has by itself."""

    contenders: Sequence[str] = ()
    actions: int = 0
    rounds: int = 0


class _Runs(NamedTuple):
    """A throughput part: where its figures go (the top level for None), the workload, and how much by itself."""

    key: str | None
    workload: WorkloadName
    contenders: tuple[str, ...]
    actions: int
    rounds: int


_ALL = (*BROKERLESS, *CONTENDERS)
_THROUGHPUT: Mapping[str, _Runs] = {
    "lines": _Runs(None, "lines", _ALL, 30_000, 5),
    "million": _Runs("million", "lines", ("limit", "engine"), 1_000_000, 1),
    "baskets": _Runs("baskets", "baskets", ("limit", "engine", "plain_faust"), 20_000, 1),
    "browse": _Runs("browse", "browse", ("limit", "engine", "plain_faust"), 60_000, 1),
    "quick": _Runs(None, "lines", ("limit", "engine", "handwritten"), 12_000, 1),
}


def _costs() -> dict[str, object]:
    collect_seldom()
    return {"changelog_bytes": changelog_bytes(), "trainer": {"examples_per_s": round(examples_per_s())}}


def _scale(figures: dict[str, object]) -> dict[str, object]:
    return {"scale": figures}


_OTHERS: Mapping[str, Callable[[], dict[str, object]]] = {
    "costs": _costs,
    "latency": measure_latency,
    "workers": lambda: _scale(measure_workers()),
    "members": lambda: _scale(measure_members()),
    "recovery": lambda: _scale(measure_recovery()),
}

PARTS = ("lines", "baskets", "browse", *_OTHERS, "million")


def run_part(name: str, scale: Scale, out: Path, say: Say) -> None:
    """Run one part, say what it came to and add it to the report."""
    if name in _OTHERS:
        figures = _OTHERS[name]()
        say(str(figures))
    else:
        figures = _run_throughput(_THROUGHPUT[name], scale, say)
    write_report(out, {**figures, "machine": describe_machine()})


def _run_throughput(runs: _Runs, scale: Scale, say: Say) -> dict[str, object]:
    names, count = scale.contenders or runs.contenders, scale.actions or runs.actions
    results = run_rounds(names, runs.workload, count, scale.rounds or runs.rounds, say)
    figures = conclude(results, runs.workload, count)
    say(table([Row.of(name, done) for name, done in results.items()]))
    spreads, by_cpu = figures["ratios_spread"], figures["cpu_ratios_spread"]
    if isinstance(spreads, dict) and isinstance(by_cpu, dict):
        for key, spread in spreads.items():
            say(f"{key}: {_shown(spread)}; by CPU time {_shown(by_cpu[key])}")
    return figures if runs.key is None else {runs.key: figures}


def _shown(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f})"
