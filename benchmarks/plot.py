"""The report as a picture: one bar per contender, latencies by load. SVG by hand, so that no library is needed."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

_WIDTH = 720
_LABEL_WIDTH = 190
_BAR_HEIGHT = 18
_GAP = 6
_TITLE_HEIGHT = 34
_VALUE_WIDTH = 110
_OURS = "#1f6f8b"
_THEIRS = "#b8c4cc"


class Bar(NamedTuple):
    """A bar: its name, its length, what stands behind it, and whether it is ours."""

    name: str
    value: float
    label: str
    ours: bool = False


def write_plot(report: Mapping[str, object], path: Path) -> None:
    """Draw what the report has."""
    charts = [(title, bars) for title, bars in (_rates(report), _latencies(report), _costs(report)) if bars]
    height = sum(_chart_height(bars) for _, bars in charts)
    size = f'width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    top = 0
    for title, bars in charts:
        parts.append(_chart(title, bars, top))
        top += _chart_height(bars)
    path.write_text("\n".join([*parts, "</svg>\n"]), encoding="utf-8")


def _chart_height(bars: Sequence[Bar]) -> int:
    return _TITLE_HEIGHT + len(bars) * (_BAR_HEIGHT + _GAP) + 2 * _GAP


def _chart(title: str, bars: Sequence[Bar], top: int) -> str:
    longest = max(bar.value for bar in bars) or 1
    room = _WIDTH - _LABEL_WIDTH - _VALUE_WIDTH
    lines = [f'<text x="8" y="{top + 22}" font-weight="bold">{escape(title)}</text>']
    y = top + _TITLE_HEIGHT
    for bar in bars:
        length = max(1, round(room * bar.value / longest))
        lines.append(
            f'<text x="{_LABEL_WIDTH - 8}" y="{y + 13}" text-anchor="end">{escape(bar.name)}</text>'
            f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{length}" height="{_BAR_HEIGHT}" '
            f'fill="{_OURS if bar.ours else _THEIRS}"/>'
            f'<text x="{_LABEL_WIDTH + length + 6}" y="{y + 13}">{escape(bar.label)}</text>'
        )
        y += _BAR_HEIGHT + _GAP
    return "\n".join(lines)


def _rates(report: Mapping[str, object]) -> tuple[str, list[Bar]]:
    rows = report.get("rows")
    bars = [
        Bar(row["name"], row["actions_per_s"], f"{row['actions_per_s']:,.0f}", row["name"] == "engine")
        for row in (rows if isinstance(rows, list) else [])
    ]
    return "Actions per second, median of the runs", sorted(bars, key=lambda bar: -bar.value)


def _latencies(report: Mapping[str, object]) -> tuple[str, list[Bar]]:
    loads = report.get("latency_ms")
    bars = [
        Bar(f"{float(load):.0%} of capacity, {name}", times[name], f"{times[name]:,.1f} ms", ours=True)
        for load, times in (loads if isinstance(loads, dict) else {}).items()
        for name in ("p50", "p99")
    ]
    return "Produce to tier change", bars


def _costs(report: Mapping[str, object]) -> tuple[str, list[Bar]]:
    scale = report.get("scale")
    costs = scale.get("cpu_us_per_action", {}) if isinstance(scale, dict) else {}
    bars = [
        Bar(f"{int(members):,} members, {workload}", cost, f"{cost:,.1f} us", ours=True)
        for workload, by_members in costs.items()
        for members, cost in by_members.items()
    ]
    return "CPU per action by members in one partition", bars
