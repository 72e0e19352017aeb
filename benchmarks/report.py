"""What the runs came to: rates per contender, ratios per pair, medians and spread; as JSON and as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.contender import Result


class Spread(msgspec.Struct, frozen=True):
    """Median, lowest and highest of some figures."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one figure.

        Example:
            >>> Spread.of([3.0, 1.0, 2.0])
            Spread(median=2.0, low=1.0, high=3.0)
        """
        return cls(median(values), min(values), max(values))


class Row(msgspec.Struct, frozen=True):
    """One contender: median actions per second on the clock and per second of CPU, and every run."""

    name: str
    actions_per_s: float
    actions_per_cpu_s: float
    runs: list[float]

    @classmethod
    def of(cls, name: str, results: Sequence[Result]) -> "Row":
        """From the results of its runs."""
        runs = [result.actions_per_s for result in results]
        return cls(name, median(runs), median(result.actions / result.cpu_s for result in results), runs)


def ratio(ours: Sequence[Result], theirs: Sequence[Result]) -> Spread:
    """How many times as fast, run by run: the two of a pair ran one after the other, so noise hits both."""
    return Spread.of([one.actions_per_s / other.actions_per_s for one, other in zip(ours, theirs, strict=True)])


def cpu_ratio(ours: Sequence[Result], theirs: Sequence[Result]) -> Spread:
    """How many times as much per second of CPU, run by run."""
    return Spread.of(
        [(one.actions / one.cpu_s) / (other.actions / other.cpu_s) for one, other in zip(ours, theirs, strict=True)]
    )


def write_report(path: Path, parts: Mapping[str, object]) -> None:
    """Put parts into the report; parts of earlier runs that are not measured again stay."""
    report: dict[str, object] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    for name, part in parts.items():
        held = report.get(name)
        # Ratios and latencies come from several commands; each replaces only its own.
        report[name] = {**held, **part} if isinstance(held, dict) and isinstance(part, Mapping) else part
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def table(rows: Sequence[Row]) -> str:
    """The rows for a terminal.

    Example:
        >>> print(table([Row("engine", 21_000.4, 24_000.0, [21_000.4])]))
        contender                        actions/s  per CPU second  runs
        engine                              21,000          24,000  21,000
    """
    lines = [f"{'contender':30} {'actions/s':>11} {'per CPU second':>15}  runs"]
    for row in rows:
        runs = " ".join(f"{run:,.0f}" for run in row.runs)
        lines.append(f"{row.name:30} {row.actions_per_s:>11,.0f} {row.actions_per_cpu_s:>15,.0f}  {runs}")
    return "\n".join(lines)
