"""A whole programme on a broker, for tests: topics, workers, trainer, a produced history, and what came of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from streams.client import Reader
from streams.controls import public_key_of, tick_record
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.keys import make_signing_key
from streams.policy_files import first_policy, read_policy
from streams.producing import Produced, produce_lines
from streams.progress import Progress
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests.support.partition_log import POLICIES
from tests.support.processes import WorkerProcess, eventually

# As low as test brokers allow, so that a killed worker's partitions move on soon.
SESSION_TIMEOUT_MS = 3_000


class Programme:
    """Topics of one programme, and the processes that a test starts on them. A context manager: none is left behind."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, policy: str = "retail.toml") -> None:
        self.folder = folder
        self.policy = POLICIES / policy
        self.settings = Settings(
            bootstrap_servers=bootstrap,
            app_id=prefix,
            topic_prefix=prefix,
            ticker="off",
            web_port=0,
            standby_replicas=0,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            signing_key_file=folder / "signing-key.pem",
            policy_file=self.policy,
        )
        self.key = make_signing_key(folder / "signing-key.pem")
        self._processes: list[WorkerProcess] = []
        TopicAdmin(self.settings).ensure()
        publish_first_policy(self.settings, first_policy(self.policy, (public_key_of(self.key),)), self.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()

    def process(
        self, command: str, name: str, module: str = "streams.cli", arguments: tuple[str, ...] = ()
    ) -> WorkerProcess:
        """`tierstream COMMAND` with a folder of its own, not started yet; other code in place of it by its module."""
        settings = self.settings
        environment = {
            "TIERSTREAM_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
            "TIERSTREAM_APP_ID": settings.app_id,
            "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
            "TIERSTREAM_PARTITIONS": str(settings.partitions),
            "TIERSTREAM_TICKER": settings.ticker,
            "TIERSTREAM_WEB_PORT": "0",
            "TIERSTREAM_STANDBY_REPLICAS": "0",
            "TIERSTREAM_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "TIERSTREAM_SIGNING_KEY_FILE": str(settings.signing_key_file),
        }
        process = WorkerProcess(self.folder / name, environment, (module, command, *arguments))
        self._processes.append(process)
        return process

    def produce(self, lines: Iterable[bytes]) -> Produced:
        """Produce a history with ticks."""
        _, policy = read_policy(self.policy)
        return produce_lines(
            self.settings,
            lines,
            lateness_ms=policy.input.lateness_ms,
            make_tick=lambda time_ms: tick_record(time_ms, self.key),
        )

    def applied(self) -> int:
        """How many records of the actions topic have been committed."""
        with Progress(self.settings) as progress:
            return sum(mark + 1 for mark, _ in progress.heads().values())

    def settle(self, within_s: float, *, learning: bool = True) -> None:
        """Wait until everything is decided (and, with a trainer running, learned from and adopted)."""
        with Progress(self.settings) as progress:

            def is_settled() -> bool:
                for process in self._processes:
                    assert process.returncode is None, process.log.read_text(errors="replace")[-4_000:]
                return progress.is_settled() if learning else progress.lag() == 0

            eventually(is_settled, within_s, "everything is decided")

    def counts(self) -> dict[int, dict[str, int]]:
        """The accounting of each partition."""
        with Progress(self.settings) as progress:
            return {number: row.counts for number, (_, row) in progress.heads().items()}

    def deliveries(self) -> tuple[DecisionLog, int]:
        """What a reader has got by now: the decisions, and how many deliveries they took."""
        log, deliveries = DecisionLog(), 0
        with Reader(self.settings, DECISION_TOPICS) as reader:
            for kind, message in reader.to_end():
                for topic in DECISION_TOPICS:
                    if topic == kind:
                        deliveries += 1
                        log.add(topic, message.value())
        return log, deliveries
