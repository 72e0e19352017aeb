"""`tierstream replay`: a file of actions, or a recorded topic, through the pipeline without Kafka."""

import time
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from features.errors import SettingsError
from online_models.training import Trainer
from streams.cli.options import say
from streams.cli.progress import progress
from streams.comparing import compare_with_recorded
from streams.controls import public_key_of
from streams.decision_log import DecisionLog
from streams.histories.files import read_lines, write_lines
from streams.policy_files import first_policy
from streams.recording import is_recording, read_recording
from streams.replay import REPLAY_KEY, Replay, Replayed, replay_lines, replay_log
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
    started = time.perf_counter()
    if is_recording(file):
        result = _replay_topic(file)
    elif policy is None:
        raise SettingsError(f"{file} holds actions only: name the policy to replay them under (--policy FILE)")
    else:
        result = _replay_actions(file, policy, Trainer() if learning == "on" else None)
    figures = result.figures if against is None else compare_with_recorded(result, against)
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


def _replay_actions(file: Path, policy: Path, trainer: Trainer | None) -> Replayed:
    run = Replay(first_policy(policy, (public_key_of(REPLAY_KEY),)), trainer)
    with progress(f"replay {file.name}", None) as advance:
        replay_lines(read_lines(file), run, lambda: advance(1))
    return run.result()


def _replay_topic(file: Path) -> Replayed:
    recording = read_recording(file)
    with progress(f"replay {file.name}", sum(recording.head.ends)) as advance:
        topic_id = bytes.fromhex(recording.head.topic_id)
        return replay_log(recording.records, topic_id, recording.head.topic, lambda: advance(1))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)
