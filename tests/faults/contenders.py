"""Stock Faust and this project's shell behind one interface: both count records per key."""

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from streams.row_format import row_mark
from streams.state import PARTITION_KEY
from tests.support.processes import WorkerProcess
from tests.support.topic_reader import committed, ends, read_topic
from tests.support.toy_oracle import final_rows
from tests.support.toy_run import ToyRun

KEYS = 200
PARTITIONS = 2
_TIMEOUT_S = 30.0
_LIMIT_BYTES = 12 * 1024 * 1024  # as streams.topics declares it


class Contender(ABC):
    """One run of one contender on topics of its own."""

    def __init__(self, bootstrap: str, name: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.name = name
        self.folder = folder
        self.actions = f"{name}.actions"
        self.draw = random.Random(1)
        self.produced = 0

    @property
    @abstractmethod
    def changelog(self) -> str:
        """Name of the changelog topic."""

    @abstractmethod
    def worker(self, name: str, bootstrap: str | None = None) -> WorkerProcess:
        """A worker, not started yet, and the broker's address that it uses."""

    @abstractmethod
    def raising(self) -> dict[str, str]:
        """What makes a worker's agent raise once, as environment of its start."""

    @abstractmethod
    def count(self) -> int:
        """The sum of all counts, as the changelog has them."""

    @abstractmethod
    def ahead(self) -> int:
        """How many records are committed whose effect is not in the changelog; 0 is right."""

    def members(self) -> int:
        """How many workers have partitions."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        group = admin.describe_consumer_groups([self.name])[self.name].result(_TIMEOUT_S)
        return sum(bool(member.assignment.topic_partitions) for member in group.members)

    def lag(self) -> int:
        """Records that are not committed."""
        done = committed(self.bootstrap, self.name, self.actions)
        return sum(end - max(0, done[number]) for number, end in ends(self.bootstrap, self.actions).items())

    def produce(self, count: int) -> None:
        """Append records, acknowledged when this returns."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "log_level": 0})
        for _ in range(count):
            producer.produce(self.actions, b"v-%d" % self.produced, b"k-%d" % self.draw.randrange(KEYS))
            producer.poll(0)
            self.produced += 1
        assert producer.flush(60) == 0

    def refuse_changelog(self, *, refuse: bool) -> None:
        """Let the broker refuse records of the changelog, or take them again."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        limit = str(10 if refuse else _LIMIT_BYTES)
        entry = ConfigEntry("max.message.bytes", limit, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, self.changelog, incremental_configs=[entry])
        admin.incremental_alter_configs([resource])[resource].result(_TIMEOUT_S)

    def write_late(self) -> None:
        """Append each key's last changelog record but one again: the write of a worker that was thought dead."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for number, messages in read_topic(self.bootstrap, self.changelog).items():
            by_key: dict[bytes, list[Message]] = {}
            for message in messages:
                by_key.setdefault(message.key(), []).append(message)
            for key, written in by_key.items():
                late = written[-2:][0]
                producer.produce(self.changelog, late.value(), key, number, headers=late.headers())
        assert producer.flush(60) == 0

    def _changelog(self) -> dict[int, Sequence[Message]]:
        return dict(read_topic(self.bootstrap, self.changelog))


class StockFaust(Contender):
    """Faust as it is shipped, with the guarantee that is asked for."""

    def __init__(self, bootstrap: str, name: str, folder: Path, guarantee: str = "at_least_once") -> None:
        super().__init__(bootstrap, name, folder)
        self._guarantee = guarantee
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        compact = {"cleanup.policy": "compact"}
        for topic in (NewTopic(self.actions, PARTITIONS, 1), NewTopic(self.changelog, PARTITIONS, 1, config=compact)):
            admin.create_topics([topic])[topic.topic].result(_TIMEOUT_S)

    @property
    def changelog(self) -> str:
        """As Faust names it."""
        return f"{self.name}-counts-changelog"

    def worker(self, name: str, bootstrap: str | None = None) -> WorkerProcess:
        """A process of `stock_faust`."""
        environment = {
            "STOCK_APP": self.name,
            "STOCK_BROKER": bootstrap or self.bootstrap,
            "STOCK_TOPIC": self.actions,
            "STOCK_GUARANTEE": self._guarantee,
        }
        return WorkerProcess(self.folder / name, environment, ("tests.faults.stock_faust",))

    def raising(self) -> dict[str, str]:
        """On one event."""
        return {"STOCK_RAISE_AT": "v-500"}

    def count(self) -> int:
        """The last value of each key."""
        last = {message.key(): message.value() for messages in self._changelog().values() for message in messages}
        return sum(json.loads(value) for value in last.values() if value is not None)

    def ahead(self) -> int:
        """Each record makes one changelog record."""
        done = committed(self.bootstrap, self.name, self.actions)
        landed = ends(self.bootstrap, self.changelog)
        return max(0, *(done[number] - landed[number] for number in done))


class Ours(Contender):
    """This project's shell with the toy fold."""

    def __init__(self, bootstrap: str, name: str, folder: Path) -> None:
        super().__init__(bootstrap, name, folder)
        self._run = ToyRun(bootstrap, name, PARTITIONS, session_timeout_ms="6000")

    @property
    def changelog(self) -> str:
        """As `streams.topics` names it."""
        return f"{self.name}-members-changelog"

    def worker(self, name: str, bootstrap: str | None = None) -> WorkerProcess:
        """A process of `toy_worker`."""
        more = {} if bootstrap is None else {"TIERSTREAM_BOOTSTRAP_SERVERS": bootstrap}
        return self._run.worker(self.folder / name, **more)

    def raising(self) -> dict[str, str]:
        """In the second commit."""
        return {"TOY_FAULT": "raise:outputs:2"}

    def count(self) -> int:
        """The counts in the rows."""
        return sum(
            int(payload.split(b" ")[0])
            for messages in self._changelog().values()
            for payload in final_rows([(message.key(), message.value()) for message in messages]).values()
        )

    def ahead(self) -> int:
        """The partition row's mark says what has landed."""
        done = committed(self.bootstrap, self.name, self.actions)
        late = [0]
        for number, messages in self._changelog().items():
            marks = [row_mark(message.value()) for message in messages if message.key() == PARTITION_KEY]
            late.append(done[number] - 1 - max(marks, default=-1))
        return max(late)
