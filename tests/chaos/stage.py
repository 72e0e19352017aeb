"""What a campaign plays on: three brokers, the programme's topics, the ways to them, and the settings of everybody."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.kafka import KafkaCluster
from streams.controls import public_key_of
from streams.keys import make_signing_key
from streams.policy_files import first_policy
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests.chaos.cast import Machine
from tests.chaos.clocks import HistoryClock, write_history_clock
from tests.chaos.faults import SESSION_TIMEOUT_MS
from tests.chaos.history import DAY_MS, SPAN_DAYS, START_MS
from tests.chaos.journal import Journal
from tests.chaos.member_process import CLOCK_FILE
from tests.chaos.network import Network

POLICY = Path(__file__).with_name("policy.toml")
WORKERS = ("one", "two", "three")
TRAINERS = ("trainer", "understudy")

_HEAP_MIB = 320
_TICK_MS = 1_000
# A broker that is away is noticed after 3 s; a commit that takes longer than this ends the process.
_REQUEST_TIMEOUT_MS = 15_000


@dataclass(frozen=True)
class Stage:
    """All that processes are started on."""

    cluster: KafkaCluster
    network: Network
    settings: Settings
    folder: Path
    journal: Journal

    def environment(self, bootstrap: str, ticker: str = "off") -> dict[str, str]:
        """The settings of a process that reaches the brokers by these addresses."""
        settings = self.settings
        return {
            "TIERSTREAM_BOOTSTRAP_SERVERS": bootstrap,
            "TIERSTREAM_APP_ID": settings.app_id,
            "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
            "TIERSTREAM_REPLICATION_FACTOR": str(settings.replication_factor),
            "TIERSTREAM_SIGNING_KEY_FILE": str(settings.signing_key_file),
            "TIERSTREAM_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "TIERSTREAM_REQUEST_TIMEOUT_MS": str(_REQUEST_TIMEOUT_MS),
            "TIERSTREAM_TICKER": ticker,
            "TIERSTREAM_TICK_INTERVAL_MS": str(_TICK_MS),
            "TIERSTREAM_WEB_PORT": "0",
        }

    def machines(self) -> list[Machine]:
        """Places for workers and trainers. The first worker is a static member of its group, the others are not."""
        found: list[Machine] = []
        for name in (*WORKERS, *TRAINERS):
            addresses = [f"127.0.0.1:{p.advertised_port}" for p in self.cluster.passages if p.client == name]
            environment = self.environment(",".join(addresses), "live" if name in WORKERS else "off")
            environment[CLOCK_FILE] = str(self._clock_file)
            if name == WORKERS[0]:
                environment["TIERSTREAM_GROUP_INSTANCE_ID"] = name
            found.append(Machine(name, "worker" if name in WORKERS else "trainer", self.folder / name, environment))
        return found

    def begin_history(self, seconds: float, days: int = SPAN_DAYS) -> None:
        """From now on the history goes on, and its days are over after so long."""
        write_history_clock(self._clock_file, HistoryClock(time.time(), START_MS, seconds, days * DAY_MS))

    @property
    def _clock_file(self) -> Path:
        return self.folder / "history-clock"


@contextmanager
def set_up(folder: Path, prefix: str) -> Iterator[Stage]:
    """Start brokers and proxies, and make the topics; all is taken down at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    journal = Journal(folder / "journal.txt")
    clients = (*WORKERS, *TRAINERS)
    with KafkaCluster(brokers=3, heap_mib=_HEAP_MIB, clients=clients) as cluster, Network(cluster.passages) as network:
        settings = Settings(
            bootstrap_servers=cluster.bootstrap,
            app_id=prefix,
            topic_prefix=prefix,
            replication_factor=3,
            ticker="off",
            signing_key_file=folder / "signing-key.pem",
        )
        key = make_signing_key(folder / "signing-key.pem")
        TopicAdmin(settings).ensure()
        publish_first_policy(settings, first_policy(POLICY, (public_key_of(key),)), key)
        journal.say("three brokers, topics and policy are there")
        yield Stage(cluster, network, settings, folder, journal)
