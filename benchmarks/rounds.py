"""Rounds of contenders over one log, and the ratios between them."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.contender import Result
from benchmarks.memory import MemoryTask
from benchmarks.report import Row, Spread, cpu_ratio, ratio, table, write_report
from benchmarks.stage import Contender, Stage
from benchmarks.workloads import WorkloadName, actions_of

# Name in the report -> whether the codec is left out.
BROKERLESS = {"limit": True, "bytes": False}
CONTENDERS = {
    "engine": Contender("engine"),
    "engine_unsafe": Contender("engine_unsafe"),
    "handwritten": Contender("handwritten"),
    "plain_faust": Contender("plain_faust"),
    "bytewax": Contender("bytewax_flow", competitor=True),
    "quix": Contender("quix", ("at-least-once",), competitor=True),
    "quix_exactly_once": Contender("quix", ("exactly-once",), competitor=True),
}
# Key in the report, whose speed, over whose.
RATIOS = (
    ("engine_over_limit", "engine", "limit"),
    ("over_plain_faust", "engine", "plain_faust"),
    ("over_handwritten", "engine", "handwritten"),
    ("over_unsafe", "engine", "engine_unsafe"),
    ("over_bytewax", "engine", "bytewax"),
    ("over_quix", "engine", "quix"),
    ("over_quix_exactly_once", "engine", "quix_exactly_once"),
)
# The stream processors for Python with durable state; the best of them is the one we are least ahead of.
_PEERS = ("over_bytewax", "over_quix", "over_quix_exactly_once")


def run_rounds(names: Sequence[str], workload: WorkloadName, count: int, rounds: int, out: Path) -> None:
    """Run every contender once per round, then print and write what it came to."""
    results: dict[str, list[Result]] = {name: [] for name in names}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tierstream-bench-")))
        stage = None
        if not set(names) <= set(BROKERLESS):
            stage = stack.enter_context(Stage(folder, actions_of(workload, count)))
        for number in range(rounds):
            for name in names:
                if name in BROKERLESS:
                    result = _run_in_memory(folder, MemoryTask(workload, count, BROKERLESS[name]))
                else:
                    assert stage is not None  # noqa: S101 - told to the type checker
                    result = stage.run(CONTENDERS[name])
                results[name].append(result)
                _say(f"round {number + 1}: {name} {result.actions_per_s:,.0f} actions/s")
    _conclude(results, workload, count, out)


def _conclude(results: dict[str, list[Result]], workload: WorkloadName, count: int, out: Path) -> None:
    rows = [Row.of(name, runs) for name, runs in results.items()]
    ratios: dict[str, Spread] = {}
    cpu_ratios: dict[str, Spread] = {}
    for key, ours, theirs in RATIOS:
        if ours in results and theirs in results:
            ratios[key] = ratio(results[ours], results[theirs])
            cpu_ratios[key] = cpu_ratio(results[ours], results[theirs])
    peers = [ratios[key] for key in _PEERS if key in ratios]
    if peers:
        ratios["over_best_peer"] = min(peers, key=lambda spread: spread.median)
    _say(table(rows))
    for key, spread in ratios.items():
        by_cpu = f"; by CPU time {cpu_ratios[key].median:.2f}" if key in cpu_ratios else ""
        _say(f"{key}: {spread.median:.2f} ({spread.low:.2f} to {spread.high:.2f}){by_cpu}")
    write_report(
        out,
        {
            "workload": {"name": workload, "actions": count},
            "rows": rows,
            "ratios": {key: round(spread.median, 3) for key, spread in ratios.items()},
            "ratios_spread": ratios,
            "cpu_ratios_spread": cpu_ratios,
        },
    )


def _run_in_memory(folder: Path, task: MemoryTask) -> Result:
    task_file, result_file = folder / "memory-task.json", folder / "memory-result.json"
    task_file.write_bytes(msgspec.json.encode(task))
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.memory", str(task_file), str(result_file)], check=True
    )
    return msgspec.json.decode(result_file.read_bytes(), type=Result)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the answer of a command
