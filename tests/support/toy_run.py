"""A run with the toy fold: its topics, its steady producer, its workers' settings."""

import random
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from streams.keys import make_signing_key
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_config
from tests.support.processes import READY, WorkerProcess, eventually
from tests.support.topic_reader import ends, lag
from tests.support.toy_fold import DROP

KEYS = 2_000
DROP_SHARE = 0.02
SESSION_TIMEOUT_MS = 2_000
_START_S = 60.0
_SETTLE_S = 60.0


class ToyRun:
    """Topics under one prefix.

    Args:
        bootstrap: The broker.
        prefix: Prefix of topics, group and ids.
        partitions: Partitions of the actions topic.
        settings: More settings of its workers.
    """

    def __init__(self, bootstrap: str, prefix: str, partitions: int = 2, **settings: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.partitions = partitions
        self.actions = f"{prefix}.actions"
        self._more = {f"TIERSTREAM_{name.upper()}": value for name, value in settings.items()}
        TopicAdmin(Settings.load(None, self.environment)).ensure()

    @property
    def environment(self) -> dict[str, str]:
        """Settings of its workers."""
        return {
            "TIERSTREAM_BOOTSTRAP_SERVERS": self.bootstrap,
            "TIERSTREAM_APP_ID": self.prefix,
            "TIERSTREAM_TOPIC_PREFIX": self.prefix,
            "TIERSTREAM_PARTITIONS": str(self.partitions),
            "TIERSTREAM_TICKER": "off",
            "TIERSTREAM_WEB_PORT": "0",
            "TIERSTREAM_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "TIERSTREAM_STANDBY_REPLICAS": "0",
            # Small batches, so that a short run has many.
            "TIERSTREAM_BATCH_MAX_RECORDS": "500",
            **self._more,
        }

    def worker(self, folder: Path, **more: str) -> WorkerProcess:
        """A worker that is not started yet."""
        make_signing_key(folder / "key.pem")
        own = {"TIERSTREAM_SIGNING_KEY_FILE": str(folder / "key.pem")}
        return WorkerProcess(folder, {**own, **self.environment, **more})

    def producer(self) -> Producer:
        """An idempotent producer."""
        return Producer(
            {"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
        )

    def produce(self, count: int, seed: int = 0) -> None:
        """Write `count` actions, acknowledged when this returns."""
        producer = self.producer()
        draw = random.Random(seed)
        for number in range(count):
            produce_one(producer, self.actions, draw, number)
        assert producer.flush(60) == 0

    def limit_outputs(self, size: int | None) -> None:
        """Let the broker refuse record batches of outputs over `size` bytes; None takes all that the topic is for."""
        settings = Settings.load(None, self.environment)
        wanted = topic_config(settings, "points")["max.message.bytes"] if size is None else str(size)
        entry = ConfigEntry("max.message.bytes", wanted, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ConfigResource.Type.TOPIC, f"{self.prefix}.points", incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        admin.incremental_alter_configs([resource])[resource].result(_SETTLE_S)

    def applied(self) -> int:
        """Outputs so far, repeated ones included."""
        return sum(ends(self.bootstrap, f"{self.prefix}.points").values())

    def has_applied(self, count: int) -> bool:
        """Whether there are `count` outputs."""
        return self.applied() >= count

    def await_ready(self, worker: WorkerProcess, times: int = 1) -> None:
        """Wait until `worker` has become ready for the `times`-th time."""
        eventually(lambda: worker.said(READY) >= times, _START_S, "ready")

    def is_settled(self) -> bool:
        """Whether every action is applied and committed."""
        return lag(self.bootstrap, self.prefix, self.actions) == 0

    def await_settled(self) -> None:
        """Wait until every action is applied and committed."""
        eventually(self.is_settled, _SETTLE_S, "lag 0")


def produce_one(producer: Producer, topic: str, draw: random.Random, number: int) -> None:
    """Hand one drawn action to the producer."""
    value = DROP if draw.random() < DROP_SHARE else b"v-%d" % number
    producer.produce(topic, key=b"k-%d" % draw.randrange(KEYS), value=value)
    producer.poll(0)


class SteadyProducer:
    """Writes actions at a steady rate while the `with` block runs; all are acknowledged at its end."""

    def __init__(self, run: ToyRun, per_second: int, seed: int) -> None:
        self._run = run
        self._per_second = per_second
        self._draw = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="steady producer")
        self.count = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _produce(self) -> None:
        producer = self._run.producer()
        begin = time.monotonic()
        while not self._stop.wait(0.02):
            due = int((time.monotonic() - begin) * self._per_second)
            while self.count < due:
                produce_one(producer, self._run.actions, self._draw, self.count)
                self.count += 1
        assert producer.flush(60) == 0
