"""`tierstream broker`, `topics`, `produce`, `record`: the log and what goes in and out of it."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from streams.broker import EmbeddedBroker
from streams.cli.options import Broker, KeyFile, PolicyFile, Prefix, SettingsFile, load_settings, say
from streams.cli.progress import progress
from streams.controls import public_key_of
from streams.keys import make_signing_key
from streams.policy_files import first_policy
from streams.publishing import publish_first_policy
from streams.topic_admin import TopicAdmin


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
        say(
            f"embedded broker on {embedded.bootstrap}; it keeps about 5 MB a partition and nothing on disk; Ctrl-C ends it"
        )
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("broker")(broker)
    app.command("topics")(topics)
