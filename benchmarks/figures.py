"""`python -m benchmarks.figures`: write the report's figures into the tables of docs/performance.md.

Each table stands between `<!-- figures: NAME -->` and `<!-- end -->`; what is between them is replaced. A figure that
is not in the report, because its part was left out, stays as it is; where there never was one, it is not measured.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.plot import write_plot
from benchmarks.report import read_report

_REPORT = Path("out/bench/report.json")
_DOCUMENT = Path("docs/performance.md")
_PLOT = Path("docs/performance.svg")
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_MISSING = "not measured"

# The report is JSON: what it holds is looked up by name, and what is not there is shown as missing.
Report = Mapping[str, Any]

_AIMS = {
    "engine_over_limit": 0.70,
    "over_plain_faust": 8,
    "over_best_peer": 1.3,
    "over_handwritten": 0.85,
}


def at(report: Report, path: str) -> Any:  # noqa: ANN401 - JSON
    """The value under names separated by slashes, None where there is none.

    Example:
        >>> at({"scale": {"recovery_s": 41.0}}, "scale/recovery_s"), at({}, "scale/recovery_s")
        (41.0, None)
    """
    value: Any = report
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown.

    Example:
        >>> print(table(["a", "b"], [["1", "2"]]))
        | a | b |
        |---|---|
        | 1 | 2 |
    """
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: Any, form: str = ",.0f", unit: str = "") -> str:  # noqa: ANN401 - JSON
    return _MISSING if value is None else f"{value:{form}}{unit}"


def _machine(report: Report) -> str:
    machine = report.get("machine", {})
    return (
        f"{machine.get('cores', '?')} cores of {machine.get('processor', '?')}, {machine.get('memory_gib', '?')} GiB, "
        f"Linux {machine.get('kernel', '?')}, Python {machine.get('python', '?')}; load over the last 15 minutes "
        f"{machine.get('load_15_min', '?')} (the suite's own is 2 to 3)."
    )


def _speed(report: Report) -> str:
    rows = [
        [
            row["name"],
            _number(row["actions_per_s"]),
            " ".join(f"{run:,.0f}" for run in row["runs"]),
            _number(row["actions_per_cpu_s"]),
            f"{row['fold_share']:.0%}" if row.get("fold_share") else "",
            _number(row.get("rss_mib")),
        ]
        for row in report.get("rows", [])
    ]
    return table(["contender", "actions/s", "runs", "actions per CPU second", "in the fold", "peak MiB"], rows)


def _ratios(report: Report) -> str:
    rows = []
    for key in report.get("ratios", {}):
        spread, cpu = at(report, f"ratios_spread/{key}"), at(report, f"cpu_ratios_spread/{key}")
        rows.append([key, _number(_AIMS.get(key), "g") if key in _AIMS else "", _spread(spread), _spread(cpu)])
    return table(["ratio", "aim", "on the clock", "by CPU time"], rows)


def _spread(spread: Any) -> str:  # noqa: ANN401 - JSON
    return "" if spread is None else f"{spread['median']:.2f} ({spread['low']:.2f} to {spread['high']:.2f})"


def _other_workloads(report: Report) -> str:
    rows = []
    for part in ("million", "baskets", "browse"):
        for row in at(report, f"{part}/rows") or []:
            workload = at(report, f"{part}/workload")
            ratio = at(report, f"{part}/ratios/{_RATIO_OF.get(row['name'], '')}")
            rows.append(
                [
                    f"{workload['actions']:,} {workload['name']}",
                    row["name"],
                    _number(row["actions_per_s"]),
                    _number(row["actions_per_cpu_s"]),
                    "" if ratio is None else f"{ratio:.2f}",
                ]
            )
    return table(["workload", "contender", "actions/s", "actions per CPU second", "engine over it"], rows)


_RATIO_OF = {"limit": "engine_over_limit", "plain_faust": "over_plain_faust"}


def _latency(report: Report) -> str:
    rows = []
    for load, tier in (report.get("latency_ms") or {}).items():
        entry = at(report, "latency_ledger_ms").get(load, {})
        names = ("p50", "p99", "p999")
        rows.append([f"{float(load):.0%}", *(_number(tier[name], ",.1f") for name in names)])
        rows[-1] += [_number(entry.get(name), ",.1f") for name in names]
    head = ["load", "tier change p50", "p99", "p99.9", "ledger p50", "p99", "p99.9"]
    capacity = _number(report.get("capacity_actions_per_s"))
    return f"Milliseconds; capacity here is {capacity} actions/s.\n\n" + table(head, rows)


def _members(report: Report) -> str:
    costs = at(report, "scale/cpu_us_per_action") or {}
    disk = at(report, "scale/disk_bytes_per_member") or {}
    rows = [
        [
            f"{int(size):,}",
            *(_number(at(costs, f"{name}/{size}"), ",.1f") for name in ("lines", "baskets")),
            _number(disk.get(size)),
        ]
        for size in costs.get("lines", {})
    ]
    return table(["members in the partition", "us of CPU per line", "per basket", "bytes on disk per member"], rows)


def _workers(report: Report) -> str:
    rates = at(report, "scale/workers") or {}
    return table(["workers", "actions/s together"], [[count, _number(rate)] for count, rate in rates.items()])


_REACHES: Sequence[tuple[str, str, str, str, str]] = (
    # What, the aim, where in the report, how it is shown, its unit.
    ("actions/s, one worker", "20,000", "engine", ",.0f", ""),
    ("engine over limit", "0.70", "ratios/engine_over_limit", ".2f", ""),
    ("over plain Faust", "8", "ratios/over_plain_faust", ".1f", ""),
    ("over the best of Bytewax and Quix Streams", "1.3", "ratios/over_best_peer", ".2f", ""),
    ("over the hand-written loop", "0.85", "ratios/over_handwritten", ".2f", ""),
    ("p99 produce to tier change at half load", "250 ms", "latency_ms/0.5/p99", ",.0f", " ms"),
    ("cost per action, a million over ten thousand members", "1.25", "scale/cost_1m_over_10k", ".2f", ""),
    ("the same for whole baskets", "1.25", "scale/cost_1m_over_10k_baskets", ".2f", ""),
    ("changelog per browse", "600 bytes", "changelog_bytes/browse", ",.0f", " bytes"),
    ("changelog per purchase", "2,000 bytes", "changelog_bytes/purchase", ",.0f", " bytes"),
    ("resident memory, a million members", "1,024 MiB", "scale/rss_mib_1m", ",.0f", " MiB"),
    ("recovery of a million members, no standby", "60 s", "scale/recovery_s", ".1f", " s"),
    ("recovery of a million members, standby", "5 s", "scale/recovery_standby_s", ".1f", " s"),
    ("detection of a lost worker", "", "scale/detection_s", ".1f", " s"),
    ("trainer", "10,000 examples/s", "trainer/examples_per_s", ",.0f", " examples/s"),
    ("start-up of a worker", "", "scale/startup_s", ".1f", " s"),
)

_KNOWN_REACHES = {f"| {what} | {aim}" for what, aim, *_ in _REACHES}


def _reach(report: Report) -> str:
    engine = next((row["actions_per_s"] for row in report.get("rows", []) if row["name"] == "engine"), None)
    known = {**report, "engine": engine}
    rows = [[what, aim, _number(at(known, path), form, unit)] for what, aim, path, form, unit in _REACHES]
    return table(["figure", "aim", "measured"], rows)


_TABLES: Mapping[str, Callable[[Report], str]] = {
    "reach": _reach,
    "machine": _machine,
    "speed": _speed,
    "ratios": _ratios,
    "workloads": _other_workloads,
    "latency": _latency,
    "members": _members,
    "workers": _workers,
}


def refreshed(document: str, report: Report) -> str:
    r"""The document with its tables made anew.

    Example:
        >>> print(refreshed("<!-- figures: workers -->\nold\n<!-- end -->", {"scale": {"workers": {"1": 9000}}}))
        <!-- figures: workers -->
        | workers | actions/s together |
        |---|---|
        | 1 | 9,000 |
        <!-- end -->
    """
    return _BLOCK.sub(lambda found: f"{found[1]}{_over(found[3], _TABLES[found[2]](report))}\n{found[4]}", document)


def _over(before: str, now: str) -> str:
    """The table of now; what was there before if it has no row, and the reach of before where there is none now.

    Example:
        >>> print(_over("| start-up of a worker |  | 2 s |", "| start-up of a worker |  | not measured |"))
        | start-up of a worker |  | 2 s |
    """
    lines = now.splitlines()
    if lines[-1].startswith("|---") and before:
        return before.rstrip("\n")
    known = {_what(line): line for line in before.splitlines()}
    return "\n".join(known.get(_what(line), line) if _is_bare(line) else line for line in lines)


def _what(row: str) -> str:
    """The row without its last cell: which figure it is, and its aim."""
    return row.rpartition(" | ")[0]


def _is_bare(row: str) -> bool:
    return row.endswith(f"| {_MISSING} |") and _what(row) in _KNOWN_REACHES


def main() -> None:
    """Refresh the document and its picture."""
    report = read_report(Path(sys.argv[1]) if sys.argv[1:] else _REPORT)
    _DOCUMENT.write_text(refreshed(_DOCUMENT.read_text(encoding="utf-8"), report), encoding="utf-8")
    write_plot(report, _PLOT)


if __name__ == "__main__":
    main()
