"""`tierstream broker`, `topics`, `produce`, `record`: the log and what goes in and out of it."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from streams.broker import EmbeddedBroker
from streams.cli.options import Broker, KeyFile, PolicyFile, Prefix, SettingsFile, load_settings, say
from streams.cli.progress import progress
from streams.controls import public_key_of, tick_record
from streams.histories.files import read_lines
from streams.keys import load_signing_key, make_signing_key
from streams.policy_files import first_policy, read_policy
from streams.producing import produce_lines
from streams.publishing import publish_first_policy
from streams.recording import record_topic, recording_path
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind, topic_name

# What an audit needs; the changelog follows from it, and notifications are kept for a while only.
RECORDED: tuple[TopicKind, ...] = (
    "actions",
    "points",
    "tier-changes",
    "notifications",
    "examples",
    "weights",
    "findings",
    "deadletter",
    "draws",
)


def wait_for_stop() -> None:
    """Block until SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def broker() -> None:
    """Run the embedded broker: for a first look and for fast tests, never for data that anyone needs.

    Example: tierstream broker
    """
    with EmbeddedBroker() as embedded:
        say(f"embedded broker on {embedded.bootstrap}: 5 MB a partition, nothing on disk; Ctrl-C ends it")
        wait_for_stop()


def topics(
    policy: PolicyFile,
    settings_file: SettingsFile = None,
    broker_address: Broker = None,
    prefix: Prefix = None,
    key: KeyFile = None,
) -> None:
    """Make the topics that are missing, check the others, and write the first policy into empty partitions.

    Example: tierstream topics --broker 127.0.0.1:9092 --policy deploy/policies/retail.toml --key signing-key.pem
    """
    settings = load_settings(settings_file, bootstrap_servers=broker_address, topic_prefix=prefix, signing_key_file=key)
    path = settings.signing_key_file or settings.data_dir / "signing-key.pem"
    signing_key = make_signing_key(path)
    data = first_policy(policy, (public_key_of(signing_key),))
    made = TopicAdmin(settings).ensure()
    written = publish_first_policy(settings, data, signing_key)
    say(f"topics made: {', '.join(made) or 'none'}; policy 1 written to partitions {written or 'none'}; key {path}")


def produce(
    file: Annotated[Path, typer.Argument(help="Actions as JSON Lines, plain or .gz, in the order they happened.")],
    policy: PolicyFile,
    settings_file: SettingsFile = None,
    broker_address: Broker = None,
    prefix: Prefix = None,
    key: KeyFile = None,
) -> None:
    """Produce a history: by the actions' own time, with ticks in between, into topics made with ticker = "off".

    Example: tierstream produce actions.jsonl --broker 127.0.0.1:9092 --policy deploy/policies/retail.toml --key key.pem
    """
    settings = load_settings(settings_file, bootstrap_servers=broker_address, topic_prefix=prefix, signing_key_file=key)
    signing_key = load_signing_key(settings.signing_key_file)
    _, meaning = read_policy(policy)
    with progress(f"produce {file.name}", sum(1 for _ in read_lines(file))) as advance:
        produced = produce_lines(
            settings,
            read_lines(file),
            lateness_ms=meaning.input.lateness_ms,
            make_tick=lambda time_ms: tick_record(time_ms, signing_key),
            on_progress=advance,
        )
    say(f"{produced.lines:,} lines and {produced.ticks:,} ticks are in {topic_name(settings, 'actions')}")


def record(
    out: Annotated[Path, typer.Option("--out", help="Folder for one file per topic.")],
    settings_file: SettingsFile = None,
    broker_address: Broker = None,
    prefix: Prefix = None,
) -> None:
    """Record the topics byte for byte, for `tierstream replay` and for audits.

    Example: tierstream record --broker 127.0.0.1:9092 --out out/recorded
    """
    settings = load_settings(settings_file, bootstrap_servers=broker_address, topic_prefix=prefix)
    for kind in RECORDED:
        path = recording_path(out, kind)
        with progress(f"record {topic_name(settings, kind)}", None) as advance:
            head = record_topic(settings, kind, path, advance)
        say(f"{path}: {sum(head.ends):,} records of {head.topic}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (broker, topics, produce, record):
        app.command(command.__name__)(command)
