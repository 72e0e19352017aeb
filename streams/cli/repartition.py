"""`tierstream repartition`: the next generation of topics, with another number of partitions."""

from typing import Annotated

import msgspec
import typer

from streams.cli.options import Broker, KeyFile, SettingsFile, load_settings, say
from streams.keys import load_signing_key
from streams.repartition import repartition as begin_generation
from streams.topics import topic_name


def repartition(
    partitions: Annotated[int, typer.Option("--partitions", help="How many the new generation has.", min=1, max=1_000)],
    to_prefix: Annotated[str, typer.Option("--to-prefix", help="Its topic_prefix.")],
    to_app_id: Annotated[str, typer.Option("--to-app-id", help="Its app_id.")],
    settings_file: SettingsFile = None,
    broker: Broker = None,
    key: KeyFile = None,
) -> None:
    """Begin a new generation of topics with what this one has come to; producers, workers and trainer are stopped.

    Example: tierstream repartition --partitions 8 --to-prefix loyalty-2 --to-app-id tierstream-2 --key signing-key.pem
    """
    old = load_settings(settings_file, bootstrap_servers=broker, signing_key_file=key)
    new = msgspec.structs.replace(old, topic_prefix=to_prefix, app_id=to_app_id, partitions=partitions)
    moved = begin_generation(old, new, load_signing_key(old.signing_key_file), say)
    done = "was there already" if moved.before else "is ready"
    say(f"the new generation {done}: {moved.rows:,} rows of members, digest {moved.digest}")
    say(f"go on with topic_prefix = {to_prefix}, app_id = {to_app_id}, partitions = {partitions}")
    say("workers and trainer begin on new data folders")
    say(f"producers write to {topic_name(new, 'actions')}; readers go on with the last numbers that they have")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("repartition")(repartition)
