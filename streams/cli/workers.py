"""`tierstream worker` and `tierstream trainer`: the two kinds of process that run all the time."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import Broker, KeyFile, Prefix, SettingsFile, load_settings
from streams.logs import configure_logs
from streams.settings import Settings

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="State folder; each process needs its own.")]
WebPort = Annotated[int | None, typer.Option("--web-port", help="Metrics and health; 0 takes any free port.")]


def worker(
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    data_dir: DataDir = None,
    web_port: WebPort = None,
) -> None:
    """Run a worker until SIGTERM; as many share the load as the actions topic has partitions.

    Example: tierstream worker --broker 127.0.0.1:9092 --data-dir /var/lib/tierstream/worker-1
    """
    settings = load_settings(
        settings_file, bootstrap_servers=broker, topic_prefix=prefix, data_dir=data_dir, web_port=web_port
    )
    _start(settings)
    from streams.app import run_worker  # noqa: PLC0415 - Faust takes a second to load; other commands need not wait

    run_worker(settings)


def trainer(
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    data_dir: DataDir = None,
    key: KeyFile = None,
    web_port: WebPort = None,
) -> None:
    """Run the trainer until SIGTERM; one is enough, a second one waits for the first to die.

    Example: tierstream trainer --broker 127.0.0.1:9092 --key signing-key.pem
    """
    settings = load_settings(
        settings_file,
        bootstrap_servers=broker,
        topic_prefix=prefix,
        data_dir=data_dir,
        signing_key_file=key,
        web_port=web_port,
    )
    _start(settings)
    from streams.app import run_trainer  # noqa: PLC0415 - as in worker

    run_trainer(settings)


def _start(settings: Settings) -> None:
    configure_logs(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("worker")(worker)
    app.command("trainer")(trainer)
