"""The command line: `tierstream COMMAND`. Each command is a thin shell around one module of `streams`.

Exit codes: 0 done, 1 it could not be done (the message says what, where and the cure), 2 the call's words are off.
"""

import sys

import typer

from features.errors import LoyaltyError
from streams.cli.audit import register as register_audit
from streams.cli.balances import register as register_balances
from streams.cli.brokers import register as register_brokers
from streams.cli.config import register as register_config
from streams.cli.demo import register as register_demo
from streams.cli.draw import register as register_draw
from streams.cli.explain import register as register_explain
from streams.cli.liability import register as register_liability
from streams.cli.notify import register as register_notify
from streams.cli.policy import register as register_policy
from streams.cli.recommend import register as register_recommend
from streams.cli.repartition import register as register_repartition
from streams.cli.replay import register as register_replay
from streams.cli.workers import register as register_workers

app = typer.Typer(
    name="tierstream",
    help="A streaming loyalty engine: member actions on Kafka become points, tiers and the events about them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for register in (
    register_replay,
    register_brokers,
    register_balances,
    register_workers,
    register_notify,
    register_explain,
    register_draw,
    register_audit,
    register_liability,
    register_repartition,
    register_recommend,
    register_config,
    register_policy,
    register_demo,
):
    register(app)


def main() -> None:
    """Run a command; an error of ours is a message and exit code 1, a bug keeps its traceback."""
    try:
        app()
    except LoyaltyError as error:
        print(f"tierstream: {error}", file=sys.stderr)  # noqa: T201 - this is the output
        sys.exit(1)
