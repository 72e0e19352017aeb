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
    """One contender: median actions per second on the clock and per second of CPU, every run, and peak memory.

    `fold_share` is the part of its CPU time that went into the pure fold, 0 where it is not told apart.
    """

    name: str
    actions_per_s: float
    actions_per_cpu_s: float
    runs: list[float]
    rss_mib: float = 0.0
    fold_share: float = 0.0

    @classmethod
    def of(cls, name: str, results: Sequence[Result]) -> "Row":
        """From the results of its runs."""
        runs = [result.actions_per_s for result in results]
        per_cpu_s = median(result.actions / result.cpu_s for result in results)
        fold_share = median(result.fold_s / result.cpu_s for result in results)
        return cls(name, median(runs), per_cpu_s, runs, round(max(result.rss_mib for result in results)), fold_share)


def ratio(ours: Sequence[Result], theirs: Sequence[Result]) -> Spread:
    """How many times as fast, run by run: the two of a pair ran one after the other, so noise hits both."""
    return Spread.of([one.actions_per_s / other.actions_per_s for one, other in zip(ours, theirs, strict=True)])


def cpu_ratio(ours: Sequence[Result], theirs: Sequence[Result]) -> Spread:
    """How many times as much per second of CPU, run by run."""
    return Spread.of(
        [(one.actions / one.cpu_s) / (other.actions / other.cpu_s) for one, other in zip(ours, theirs, strict=True)]
    )


def read_report(path: Path) -> dict[str, object]:
    """The report so far; empty where there is none."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, object]) if path.exists() else {}


def write_report(path: Path, parts: Mapping[str, object]) -> None:
    """Put parts into the report; parts of earlier runs that are not measured again stay."""
    report = read_report(path)
    for name, part in parts.items():
        report[name] = _merged(report.get(name), msgspec.to_builtins(part))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _merged(held: object, part: object) -> object:
    """What is held and what is new: several commands fill one mapping, and one list of named rows."""
    if isinstance(held, dict) and isinstance(part, dict):
        return {**held, **part}
    if isinstance(held, list) and isinstance(part, list):
        rows = {row["name"]: row for row in held}
        rows.update((row["name"], row) for row in part)
        return list(rows.values())
    return part


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
