"""`tierstream policy publish`: a changed policy file becomes the next version for workers that go on running."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.actions import to_ms
from features.errors import SettingsError
from streams.cli.options import Broker, KeyFile, Prefix, SettingsFile, load_settings, say
from streams.keys import load_signing_key
from streams.policy_publishing import publish_version

commands = typer.Typer(help="Policy versions.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Policy versions."""


@commands.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The changed policy file (TOML).")],
    effective_from: Annotated[
        str, typer.Option("--effective-from", help="Event time from which it decides, with an offset, still to come.")
    ],
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    key: KeyFile = None,
) -> None:
    """Write a policy file into every partition as the next version; again, and nothing more happens.

    Example: tierstream policy publish retail.toml --effective-from 2018-03-01T00:00:00-05:00 --key signing-key.pem
    """
    settings = load_settings(settings_file, bootstrap_servers=broker, topic_prefix=prefix, signing_key_file=key)
    signing_key = load_signing_key(settings.signing_key_file)
    policy, partitions = publish_version(settings, file, _time_ms(effective_from), signing_key)
    say(f"{file} is policy version {policy.version}, in force from {effective_from}")
    say(f"written to partitions {partitions or 'none: it was in all of them'}")


def _time_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SettingsError(f"--effective-from {text}: give a time with an offset, such as 2018-03-01T00:00:00-05:00")
    return to_ms(at)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="policy")
