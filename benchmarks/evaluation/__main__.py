"""`python -m benchmarks.evaluation FILE`: test-then-train figures of what is learned, beside baselines, in one run."""

import argparse
import sys
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.evaluation import baselines, costs, demographics, fairness, figures
from benchmarks.evaluation.measures import intervals
from benchmarks.evaluation.plots import write_plots
from benchmarks.evaluation.rows import History, digest, replay_file, rows_of
from benchmarks.evaluation.tables import as_markdown
from loyalty.policy.fields import BP

_POLICY = Path("deploy/policies/retail.toml")
_OUT = Path("out/eval")
_RESAMPLES = 200


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evaluation",
        description="Replay an action file with learning on and compare every prediction with baselines.",
        epilog="example: python -m benchmarks.evaluation .cache/histories/year.jsonl.gz --out out/eval",
    )
    parser.add_argument("file", type=Path, help="action file, .jsonl or .jsonl.gz")
    parser.add_argument("--policy", type=Path, default=_POLICY, help="a policy with [learning] enabled")
    parser.add_argument("--out", type=Path, default=_OUT, help="folder for report.json, report.md and plots")
    parser.add_argument("--resamples", type=int, default=_RESAMPLES, help="resamples of members for the intervals")
    return parser.parse_args()


def contest_of(history: History) -> figures.Contest:
    """Rows and baselines of a history."""
    rows = rows_of(history)
    bounds = figures.tier_bounds(rows)
    tiers = figures.tiers_of(rows.spend, bounds)
    batches = (baselines.boosting(rows, tiers), baselines.forest(rows, tiers))
    return figures.Contest(rows, bounds, batches, baselines.rfm(rows))


def report_of(contest: figures.Contest, history: History, resamples: int) -> dict[str, object]:
    """Everything that is reported, the named keys first."""
    rows = contest.rows
    later = np.flatnonzero(rows.reported)
    held_out = np.flatnonzero(rows.reported & rows.held_out)
    headline = intervals(figures.headline(contest), later, rows.member, resamples)
    headline["hot_path_us"] = costs.hot_path_us(history)
    headline["trainer_us"] = costs.trainer_us(history)
    groups = {name: labels for name, labels in demographics.groupings().items() if fairness.known(rows, labels)}
    return {
        **headline,
        "held_out_households": intervals(figures.headline(contest), held_out, rows.member, resamples),
        "purchase_within_7_days": intervals(figures.week_figures(contest), later, rows.member, resamples),
        "disparity_at_equal_visits": {
            name: fairness.compare(rows, labels, resamples) for name, labels in groups.items()
        },
        "table": figures.table(contest, later),
        "placebo": _placebo(history),
        "next_category": msgspec.to_builtins(history.figures.next_category),
        "burn_rate": msgspec.to_builtins(history.figures.burn),
        "drift_alarms": {
            "value": history.figures.drift_alarms,
            "buys_in_week": history.figures.buys_in_week.drift_alarms,
            "stays_active": history.figures.stays_active.drift_alarms,
        },
        "hot_path_parts_us": costs.hot_path_parts_us(history),
        "trainer_parts_us": costs.parts_us(history),
        "trainer_us_per_action": costs.per_action_us(history, headline["trainer_us"]),
        "trainer_memory_bytes": costs.memory_bytes(history),
        "rows": {"all": len(rows.member), "reported": len(later), "held_out": len(held_out)},
        "members": len(rows.members),
        "weights_versions": len(history.published),
        "predictions_digest": digest([rows.typical, rows.expected, rows.active_chance, rows.week_chance]),
    }


def _placebo(history: History) -> dict[str, dict[str, object]]:
    """The newest evidence on each action's weight: verdict, effect, and what its own placebo says."""
    if not history.published:
        return {}
    return {
        item.action: {
            "verdict": item.verdict,
            "weight_bp": item.weight_bp,
            "passed_or_static": item.verdict == "learned" or item.weight_bp == BP,
            **msgspec.to_builtins(item.effect),
        }
        for item in history.published[-1].evidence.actions
    }


def main() -> None:
    """Run the command."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    history = replay_file(arguments.file, arguments.policy)
    contest = contest_of(history)
    report = report_of(contest, history, arguments.resamples)
    raw = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (arguments.out / "report.json").write_bytes(raw + b"\n")
    text = as_markdown(report)
    (arguments.out / "report.md").write_text(text, encoding="utf-8")
    write_plots(contest, history, arguments.out)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
