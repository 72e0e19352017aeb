"""A notifier as a process of its own, on a broker, with a mail server and a gateway of the test's."""

import os
import signal
from pathlib import Path

from confluent_kafka import Producer

from features.event_time import HOUR_MS
from streams.cli import main as cli
from streams.cli import notify as command
from streams.notify.catalogue_files import Catalogues
from streams.notify.couriers import Step
from streams.notify.service import run_notifier, wall_clock
from streams.notify.settings import NotifySettings
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import notify_group, topic_name
from tests.support.post_office import Gateway, MailServer
from tests.support.processes import WorkerProcess, eventually
from tests.support.topic_reader import committed, ends, lag, read_topic
from tests.support.web import HOST

KILL_AT = "NOTIFIER_KILL_AT"
FAIL_AT = "NOTIFIER_FAIL_AT"
AHEAD_H = "NOTIFIER_AHEAD_H"
_WITHIN_S = 60.0


class Round:
    """Topics, settings and notifiers of one test.

    Args:
        bootstrap: The broker.
        prefix: Of topics and groups.
        folder: For everything on disk.
        mail: Where e-mail goes.
        gateway: Where webhooks go.
        partitions: How many the topics have.
    """

    def __init__(
        self, bootstrap: str, prefix: str, folder: Path, mail: MailServer, gateway: Gateway, partitions: int = 4
    ) -> None:
        self._folder = folder
        self.settings = Settings(
            bootstrap_servers=bootstrap, topic_prefix=prefix, app_id=prefix, partitions=partitions, ticker="off"
        )
        self.topic = topic_name(self.settings, "notifications")
        self.file = folder / "notify.toml"
        folder.mkdir(parents=True, exist_ok=True)
        self.file.write_text(
            f"""
default_channel = "email"
quiet_hours = "none"
first_retry_s = 1
longest_retry_s = 1
[channels.email]
kind = "smtp"
host = "{HOST}"
port = {mail.port}
security = "none"
sender = "Club <club@example.org>"
[channels.app]
kind = "webhook"
url = "{gateway.url}/push"
[contacts]
file = "{folder / "contacts.jsonl"}"
""",
            encoding="utf-8",
        )
        (folder / "contacts.jsonl").write_text("", encoding="utf-8")
        TopicAdmin(self.settings).ensure()

    def members(self, *names: str) -> None:
        """Put members into the directory, each with an address of its own."""
        lines = [f'{{"member":"{name}","addresses":{{"email":"{name}@example.org"}}}}\n' for name in names]
        (self._folder / "contacts.jsonl").write_text("".join(lines), encoding="utf-8")

    def publish(self, *records: tuple[str, bytes]) -> None:
        """Write records, each with its member's key."""
        producer = Producer(
            {"bootstrap.servers": self.settings.bootstrap_servers, "partitioner": "murmur2_random", "log_level": 0}
        )
        for member, value in records:
            producer.produce(self.topic, value, key=member.encode())
        assert producer.flush(_WITHIN_S) == 0

    def notifier(self, name: str = "one") -> WorkerProcess:
        """A notifier with a data folder of its own; `KILL_AT` kills it once at a step, `FAIL_AT` makes that fail."""
        settings = self.settings
        environment = {
            "TIERSTREAM_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
            "TIERSTREAM_APP_ID": settings.app_id,
            "TIERSTREAM_PARTITIONS": str(settings.partitions),
            "TIERSTREAM_TICKER": "off",
            "TIERSTREAM_SESSION_TIMEOUT_MS": "6000",
            "TIERSTREAM_NOTIFY_FILE": str(self.file),
            "TIERSTREAM_WEB_PORT": "0",
        }
        return WorkerProcess(self._folder / name, environment, ("tests.support.post_round", "notify"))

    def await_read(self) -> None:
        """Wait until everything is in somebody's outbox."""
        group = notify_group(self.settings)
        eventually(lambda: lag(self.settings.bootstrap_servers, group, self.topic) == 0, _WITHIN_S, "all is read")

    def committed(self) -> int:
        """Records that Kafka has been told of."""
        offsets = committed(self.settings.bootstrap_servers, notify_group(self.settings), self.topic)
        return sum(max(0, offset) for offset in offsets.values())

    def published(self) -> int:
        """Records of the topic."""
        return sum(ends(self.settings.bootstrap_servers, self.topic).values())

    def undelivered(self) -> list[bytes]:
        """What was reported."""
        records = read_topic(self.settings.bootstrap_servers, topic_name(self.settings, "undelivered"))
        return [message.value() for messages in records.values() for message in messages]


def _kill_once(wanted: str, mark: Path) -> None:
    """Kill this process, the first time that it comes here."""
    if wanted and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run `tierstream notify` with a step at which it dies or fails, and a clock that may be ahead."""
    wanted, failing = os.environ.get(KILL_AT, ""), os.environ.get(FAIL_AT, "")
    ahead_ms = int(os.environ.get(AHEAD_H, "0")) * HOUR_MS
    mark = Path(os.environ["TIERSTREAM_DATA_DIR"]).parent / f"killed-at-{wanted}"

    def hook(step: Step) -> None:
        if step == wanted:
            _kill_once(wanted, mark)
        if step == failing:
            raise ValueError("ann@example.org")

    def run(settings: Settings, notify: NotifySettings, catalogues: Catalogues) -> None:
        run_notifier(settings, notify, catalogues, hook=hook, clock=lambda: wall_clock() + ahead_ms)

    vars(command)["run_notifier"] = run  # the same, with a hook and a clock
    cli()


if __name__ == "__main__":
    main()
