"""`tierstream demo`: the main job on real households, in front of your eyes."""

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from streams.broker import EmbeddedBroker
from streams.cli.brokers import wait_for_stop
from streams.cli.options import PolicyFile, say
from streams.cli.progress import progress
from streams.cli.replay import write_summary
from streams.controls import public_key_of, tick_record
from streams.histories.files import read_lines
from streams.keys import load_signing_key, make_signing_key
from streams.policy_files import first_policy, read_policy
from streams.producing import produce_lines
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

if TYPE_CHECKING:
    from streams.demo import Watch

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
    # It learns again what the trainer learned, and what learns takes seconds to load; other commands start without it.
    from streams.demo import Watch, report, start_processes  # noqa: PLC0415 - see above

    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        state = Path(stack.enter_context(TemporaryDirectory(prefix="tierstream-demo-")))
        broker = stack.enter_context(EmbeddedBroker())
        settings = Settings(
            bootstrap_servers=broker.bootstrap,
            data_dir=state,
            store="memory",
            standby_replicas=0,
            ticker="off",
            web_port=0,
            signing_key_file=state / "signing-key.pem",
        )
        _prepare(settings, policy)
        watch = Watch(settings, start_processes(stack, settings, out))
        stack.callback(watch.close)
        _produce(settings, file, policy, watch)
        while not watch.is_settled():
            _show(watch)
            time.sleep(_LOOK_EVERY_S)
        seconds = watch.seconds_since_start()
        while not watch.has_seen_all():
            _show(watch)
        summary = watch.summary(seconds)
        write_summary(summary, out)
        for line in report(summary, watch.outcome, read_policy(policy)[1]):
            say(line)
        say(f"summary in {out / 'summary.json'}, logs beside it")
        if hold:
            say(f"still up; try: tierstream explain household-1 --broker {settings.bootstrap_servers}; Ctrl-C ends it")
            wait_for_stop()


def _prepare(settings: Settings, policy: Path) -> None:
    """Topics, and the first policy in each partition."""
    key = make_signing_key(settings.signing_key_file or settings.data_dir / "signing-key.pem")
    TopicAdmin(settings).ensure()
    publish_first_policy(settings, first_policy(policy, (public_key_of(key),)), key)


def _produce(settings: Settings, file: Path, policy: Path, watch: "Watch") -> None:
    """Send the file, looking at what comes back meanwhile."""
    key = load_signing_key(settings.signing_key_file)
    _, meaning = read_policy(policy)
    with progress("produce", sum(1 for _ in read_lines(file))) as advance:

        def look(sent: int) -> None:
            advance(sent)
            _show(watch)
            while watch.is_behind():
                _show(watch)

        produce_lines(
            settings,
            read_lines(file),
            lateness_ms=meaning.input.lateness_ms,
            make_tick=lambda time_ms: tick_record(time_ms, key),
            on_progress=look,
        )


def _show(watch: "Watch") -> None:
    for line in watch.step():
        say(line)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)
