"""`tierstream notify`: what members should be told, on their channels."""

import os
from pathlib import Path
from typing import Annotated

import typer

from features.errors import LoyaltyError
from streams.cli.options import Broker, Prefix, SettingsFile, load_settings
from streams.cli.workers import DataDir, WebPort
from streams.logs import configure_logs, log
from streams.notify.service import run_notifier
from streams.notify.settings import load_notify_settings

NotifyFile = Annotated[
    Path | None, typer.Option("--channels", help="TOML file of channels and contacts, as in the setting notify_file.")
]


def notify(
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    channels: NotifyFile = None,
    data_dir: DataDir = None,
    web_port: WebPort = None,
) -> None:
    """Deliver loyalty.notifications by e-mail, webhook or console until SIGTERM; several share the partitions.

    Without a file of channels, everything goes to the console.

    Example: tierstream notify --broker 127.0.0.1:9092 --channels notify.toml --data-dir /var/lib/tierstream/notify-1
    """
    settings = load_settings(
        settings_file,
        bootstrap_servers=broker,
        topic_prefix=prefix,
        notify_file=channels,
        data_dir=data_dir,
        web_port=web_port,
    )
    configure_logs(settings.log_level)
    notify_settings, catalogues = load_notify_settings(settings.notify_file)
    try:
        run_notifier(settings, notify_settings, catalogues)
    except LoyaltyError:
        raise
    except Exception as failure:
        # Its message may quote a contact, so the log tells its type and place alone.
        log("notify").exception("stopped by a failure that nobody foresaw")
        raise typer.Exit(os.EX_SOFTWARE) from failure


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notify")(notify)
