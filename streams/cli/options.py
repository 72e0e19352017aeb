"""Options that several commands share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from streams.settings import Settings

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", help="TOML file of settings; TIERSTREAM_* variables and options come after it."),
]
Broker = Annotated[str | None, typer.Option("--broker", help="Kafka's host:port, as in the setting bootstrap_servers.")]
Prefix = Annotated[str | None, typer.Option("--prefix", help="Topic prefix, as in the setting topic_prefix.")]
PolicyFile = Annotated[Path, typer.Option("--policy", help="Policy file (TOML), such as deploy/policies/retail.toml.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Signing key (Ed25519, PEM), as in the setting signing_key_file.")
]


def load_settings(path: Path | None, **overrides: object) -> Settings:
    """Settings from file, environment and the options that were given (None was not)."""
    given = {name: str(value) for name, value in overrides.items() if value is not None}
    return Settings.load(path, os.environ, given)


def say(text: str) -> None:
    """Print a line for the person who called."""
    typer.echo(text)
