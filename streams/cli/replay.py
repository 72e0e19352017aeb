"""`tierstream replay`: a file of actions, or a recorded topic, through the pipeline without Kafka."""

import gzip
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, cast

import orjson
import typer

from features.errors import SettingsError
from online_models.training import Trainer
from streams.cli.options import PolicyFile, say
from streams.cli.progress import progress
from streams.controls import public_key_of
from streams.policy_files import first_policy
from streams.replay import REPLAY_KEY, Replay, replay_lines
from streams.summary import Summary, mae_over_naive, summarise


@contextmanager
def open_lines(path: Path) -> Iterator[BinaryIO]:
    """Open a file of JSON Lines, plain or gzip.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        file = cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); name a .jsonl or .jsonl.gz file") from error
    with file:
        yield file


def write_summary(summary: Summary, folder: Path) -> None:
    """Write `summary.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")


def replay(
    file: Annotated[Path, typer.Argument(help="Actions as JSON Lines, plain or .gz, or a topic that `record` wrote.")],
    policy: PolicyFile,
    out: Annotated[Path, typer.Option("--out", help="Folder for decisions.jsonl and summary.json.")],
    learning: Annotated[
        Literal["on", "off"], typer.Option(help="off: the static programme, weights version 0.")
    ] = "on",
) -> None:
    """Replay actions under a policy and write every decision, with a digest to compare runs by.

    Example: tierstream replay actions.jsonl.gz --policy deploy/policies/retail.toml --out out/replay
    """
    data = first_policy(policy, (public_key_of(REPLAY_KEY),))
    started = time.perf_counter()
    run = Replay(data, Trainer() if learning == "on" else None)
    with open_lines(file) as lines, progress(f"replay {file.name}", None) as advance:
        replay_lines((line.rstrip(b"\r\n") for line in lines), run, lambda: advance(1))
    seconds = time.perf_counter() - started
    write_decisions(run.decisions, out)
    summary = summarise(
        run.fold.counts,
        run.decisions,
        weights_versions=len(run.published),
        model_mae_over_naive=None if run.trainer is None else mae_over_naive(run.trainer.figures().value),
        seconds=seconds,
        final_lag=None,
    )
    write_summary(summary, out)
    say(f"{summary['actions_in']:,} actions, {summary['ledger_entries']:,} entries, digest {summary['digest']}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)
