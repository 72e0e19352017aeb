"""`tierstream demo`: the main job on real households, in front of your eyes."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from streams.broker import EmbeddedBroker
from streams.cli.brokers import wait_for_stop
from streams.cli.options import PolicyFile, say
from streams.cli.progress import progress
from streams.cli.replay import open_lines, write_summary
from streams.controls import public_key_of, tick_record
from streams.demo import Watch, report, start_processes
from streams.keys import make_signing_key
from streams.policy_files import first_policy
from streams.producing import produce_lines
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

# A pause between two looks at the topics once everything has been sent.
_LOOK_EVERY_S = 0.5


def demo(
    file: Annotated[Path, typer.Argument(help="Actions as JSON Lines; `make data` makes some from real households.")],
    policy: PolicyFile,
    out: Annotated[Path, typer.Option("--out", help="Folder for summary.json and the processes' logs.")],
    *,
    hold: Annotated[bool, typer.Option("--hold", help="Stay up at the end, for a look around.")] = False,
) -> None:
    """Run broker, worker and trainer, produce the actions, print tier changes as they happen, and sum up.

    Example: tierstream demo actions.jsonl --policy deploy/policies/retail.toml --out out/demo
    """
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        settings = Settings(
            bootstrap_servers=broker.bootstrap,
            data_dir=out / "data",
            store="memory",
            standby_replicas=0,
            ticker="off",
            web_port=0,
            signing_key_file=out / "signing-key.pem",
        )
        _prepare(settings, policy)
        watch = Watch(settings, start_processes(stack, settings, out))
        stack.callback(watch.close)
        started = time.perf_counter()
        _produce(settings, file, policy, watch)
        while not watch.is_settled():
            _show(watch)
            time.sleep(_LOOK_EVERY_S)
        seconds = time.perf_counter() - started
        _show(watch)
        summary = watch.summary(seconds)
        write_summary(summary, out)
        for line in report(summary, watch.outcome):
            say(line)
        say(f"summary in {out / 'summary.json'}, logs beside it")
        if hold:
            say(
                f"broker {settings.bootstrap_servers} stays up; try: tierstream explain MEMBER --broker {settings.bootstrap_servers}"
            )
            wait_for_stop()
