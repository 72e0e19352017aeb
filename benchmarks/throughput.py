"""Rounds of contenders over one log, and the ratios between them.

Runs are interleaved: a round runs each contender once, and ratios are taken within a round.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from benchmarks.contender import Result
from benchmarks.memory import MemoryTask
from benchmarks.report import Row, Spread, cpu_ratio, ratio
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
    "jvm_static_rules": Contender("jvm_reference"),
}
# A tenth of the engine's speed, so it gets a tenth of the actions: the first ones of the same log.
SLOW = frozenset({"plain_faust"})
_SLOW_SHARE = 10
# Key in the report, whose speed, over whose.
RATIOS = (
    ("engine_over_limit", "engine", "limit"),
    ("over_plain_faust", "engine", "plain_faust"),
    ("over_handwritten", "engine", "handwritten"),
    ("over_unsafe", "engine", "engine_unsafe"),
    ("over_bytewax", "engine", "bytewax"),
    ("over_quix", "engine", "quix"),
    ("over_quix_exactly_once", "engine", "quix_exactly_once"),
    ("over_jvm_static_rules", "engine", "jvm_static_rules"),
)
# The stream processors for Python with durable state; the best of them is the one we are least ahead of.
_PEERS = ("over_bytewax", "over_quix", "over_quix_exactly_once")

Say = Callable[[str], None]


def run_rounds(
    names: Sequence[str], workload: WorkloadName, count: int, rounds: int, say: Say
) -> dict[str, list[Result]]:
    """Run every contender once per round; results by contender."""
    results: dict[str, list[Result]] = {name: [] for name in names}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tierstream-bench-")))
        on_kafka = [name for name in names if name not in BROKERLESS]
        logs = {"bench": actions_of(workload, count)} if set(on_kafka) - SLOW else {}
        if set(on_kafka) & SLOW:
            logs["short"] = actions_of(workload, count // _SLOW_SHARE)
        stage = stack.enter_context(Stage(folder, logs)) if on_kafka else None
        for number in range(rounds):
            for name in names:
                if stage is None or name in BROKERLESS:
                    result = _run_in_memory(folder, MemoryTask(workload, count, BROKERLESS[name]))
                else:
                    result = stage.run(CONTENDERS[name], "short" if name in SLOW else "bench")
                results[name].append(result)
                say(f"{workload}, round {number + 1}: {name} {result.actions_per_s:,.0f} actions/s")
    return results


def conclude(results: Mapping[str, Sequence[Result]], workload: WorkloadName, count: int) -> dict[str, object]:
    """What the runs came to, as the report has it: rows, ratios, spreads."""
    ratios: dict[str, Spread] = {}
    cpu_ratios: dict[str, Spread] = {}
    for key, ours, theirs in RATIOS:
        if ours in results and theirs in results:
            ratios[key] = ratio(results[ours], results[theirs])
            cpu_ratios[key] = cpu_ratio(results[ours], results[theirs])
    for spreads in (ratios, cpu_ratios):
        peers = [spreads[key] for key in _PEERS if key in spreads]
        if peers:
            spreads["over_best_peer"] = min(peers, key=lambda spread: spread.median)
    return {
        "workload": {"name": workload, "actions": count, "rounds": max(map(len, results.values()))},
        "rows": [Row.of(name, runs) for name, runs in results.items()],
        "ratios": {key: round(spread.median, 3) for key, spread in ratios.items()},
        "ratios_spread": ratios,
        "cpu_ratios_spread": cpu_ratios,
    }


def _run_in_memory(folder: Path, task: MemoryTask) -> Result:
    task_file, result_file = folder / "memory-task.json", folder / "memory-result.json"
    task_file.write_bytes(msgspec.json.encode(task))
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.memory", str(task_file), str(result_file)], check=True
    )
    return msgspec.json.decode(result_file.read_bytes(), type=Result)
