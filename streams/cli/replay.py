"""`tierstream replay`: a file of actions, or a recorded topic, through the pipeline without Kafka."""

import time
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from streams.cli.options import say
from streams.cli.progress import progress
from streams.decision_log import DecisionLog
from streams.histories.files import write_lines
from streams.summary import Summary, mae_over_naive, summarise


def write_summary(summary: Summary, folder: Path) -> None:
    """Write `summary.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")


def write_decisions(decisions: DecisionLog, folder: Path) -> None:
    """Write `decisions.jsonl` into `folder`: every decision, sorted by member, topic and number."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "decisions.jsonl", decisions.values())


def replay(
    file: Annotated[Path, typer.Argument(help="Actions as JSON Lines, plain or .gz, or a recorded actions topic.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for decisions.jsonl and summary.json.")],
    policy: Annotated[Path | None, typer.Option("--policy", help="Policy file; a recorded topic has its own.")] = None,
    learning: Annotated[Literal["on", "off"], typer.Option(help="off: the static programme.")] = "on",
    against: Annotated[Path | None, typer.Option(help="Folder that `record` wrote: compare with it.")] = None,
) -> None:
    """Replay actions under a policy and write every decision, with a digest to compare runs by.

    Example: tierstream replay actions.jsonl.gz --policy deploy/policies/retail.toml --out out/replay
    """
    # What learns takes seconds to load; other commands start without it.
    from streams import replaying  # noqa: PLC0415 - see above

    started = time.perf_counter()
    with progress(f"replay {file.name}", None) as advance:
        result = replaying.replay_file(file, policy, learning=learning == "on", on_record=lambda: advance(1))
    figures = result.figures if against is None else replaying.compare_with_recorded(result, against)
    summary = summarise(
        result.counts,
        result.decisions,
        weights_versions=result.weights_versions,
        model_mae_over_naive=None if figures is None else mae_over_naive(figures),
        seconds=time.perf_counter() - started,
        final_lag=None,
    )
    write_decisions(result.decisions, out)
    write_summary(summary, out)
    say(f"{summary['actions_in']:,} actions, {summary['ledger_entries']:,} entries, digest {summary['digest']}")
    if against is not None:
        say(f"the same as what {against} recorded: decisions byte for byte, {result.weights_versions} weights versions")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)
