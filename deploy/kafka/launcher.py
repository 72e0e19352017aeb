"""A real Kafka cluster of 1 or 3 brokers on loopback ports, in a temporary folder, for tests and trials.

Each node is broker and controller (KRaft). Brokers end with the cluster object, with the process that holds it, or, if
that is killed, by a guard process that notices.

Example (not run here, because it starts a broker):
    with KafkaCluster(brokers=3) as cluster:
        print(cluster.bootstrap)
        cluster.kill_broker(2)
        cluster.start_broker(2)
"""

import base64
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka.broker import Broker
from deploy.kafka.config import HOST, Passage, nodes_on, server_properties
from deploy.kafka.jvm import Jvm
from deploy.kafka.ports import free_ports
from features.errors import BrokerError

ALLOWED_SIZES = (1, 3)
START_TIMEOUT_S = 90.0
_START_TRIES = 3  # another process may take a port between its choice and its use
_DEFAULT_HEAP_MIB = 512
_READY_POLL_S = 0.2

# Reads a pipe that only this process holds open. End of file means that this process is gone, however it went: kill
# what still runs by its own pid, and remove the folder if it was a temporary one.
_GUARD = """
while read -r _; do :; done
for pid in "$1"/*/broker.pid; do [ -f "$pid" ] && kill -9 "$(cat "$pid")" 2>/dev/null; done
[ "$2" = temporary ] && rm -rf "$1"
"""


class KafkaCluster:
    """1 or 3 real brokers; use it as a context manager, or `start` and `stop` it.

    Args:
        brokers: 1, or 3 for replication and fault campaigns.
        folder: Where segments and logs go; kept afterwards. None: a temporary folder, removed at `stop`.
        heap_mib: Heap limit of each broker in MiB.
        throughput: Start slowly and run fast: for benchmarks.
        dump_classes: A file for the class archive of a broker that ends in order; see `prepare`.
        properties: Broker properties that are to be otherwise than in `deploy.kafka.config`.
        clients: Names of clients that reach each broker through a passage of their own, behind a proxy of the caller's.
    """

    def __init__(  # noqa: PLR0913 - all but the first are rare, and named
        self,
        brokers: int = 1,
        folder: Path | None = None,
        *,
        heap_mib: int = _DEFAULT_HEAP_MIB,
        throughput: bool = False,
        dump_classes: Path | None = None,
        properties: Mapping[str, str | int] = MappingProxyType({}),
        clients: Sequence[str] = (),
    ) -> None:
        if brokers not in ALLOWED_SIZES:
            raise BrokerError(f"brokers: {brokers} is not possible; use 1 or 3")
        self._count = brokers
        self._clients = tuple(clients)
        self._given_folder = folder
        self._properties = properties
        self._locate = partial(Jvm.locate, heap_mib, throughput=throughput, dump_classes=dump_classes)
        self._folder: Path | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._brokers: dict[int, Broker] = {}

    @property
    def bootstrap(self) -> str:
        """Addresses of all brokers, separated by commas, whether they run or not.

        Raises:
            BrokerError: the cluster has not been started.
        """
        if not self._brokers:
            raise BrokerError("the cluster is not started; call start() first")
        return ",".join(broker.node.address for broker in self._brokers.values())

    @property
    def node_ids(self) -> tuple[int, ...]:
        """Ids of the brokers: 1, or 1 to 3."""
        return tuple(self._brokers)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Where proxies belong: one for each client and broker."""
        return tuple(passage for broker in self._brokers.values() for passage in broker.node.passages)

    def broker(self, node_id: int) -> Broker:
        """One broker's process, for faults that the methods below do not offer."""
        return self._brokers[node_id]

    def start(self) -> Self:
        """Start every broker and wait until all of them serve.

        Raises:
            BrokerError: Java or the jars are missing, or a broker does not come up.
        """
        for attempt in range(1, _START_TRIES + 1):
            try:
                self._start_once()
            except BrokerError as failure:
                self.stop()
                if attempt == _START_TRIES or "Address already in use" not in str(failure):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                break
        return self

    def stop(self) -> None:
        """Stop every broker and remove a temporary folder. Safe to call twice."""
        # Nobody reads a temporary folder again, so there is nothing to flush. Otherwise all are asked at once, because
        # without a quorum the last one could not leave in order.
        farewell = signal.SIGKILL if self._given_folder is None else signal.SIGTERM
        for broker in self._brokers.values():
            broker.send_signal(farewell)
        for broker in self._brokers.values():
            broker.stop()
        self._brokers = {}
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None
        if self._folder is not None and self._given_folder is None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    def start_broker(self, node_id: int) -> None:
        """Start a stopped or killed broker on its own data and wait until it serves."""
        self._brokers[node_id].start()
        self._brokers[node_id].wait_listening(START_TIMEOUT_S)
        self._wait_serving({node_id})

    def stop_broker(self, node_id: int) -> None:
        """Stop one broker cleanly: it hands its partitions over first."""
        self._brokers[node_id].stop()

    def kill_broker(self, node_id: int) -> None:
        """Kill one broker (SIGKILL)."""
        self._brokers[node_id].kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_once(self) -> None:
        jvm = self._locate()
        folder = self._given_folder or Path(tempfile.mkdtemp(prefix="tierstream-kafka-"))
        self._folder = folder
        self._start_guard(folder)
        nodes = nodes_on(iter(free_ports(2 * self._count * (1 + len(self._clients)), HOST)), self._count, self._clients)
        for node in nodes:
            place = folder / f"broker-{node.node_id}"
            place.mkdir(parents=True, exist_ok=True)
            properties = server_properties(node, nodes, place / "data", self._properties)
            (place / "server.properties").write_text(properties, encoding="utf-8")
            self._brokers[node.node_id] = Broker(node, place, jvm)
        self._format()
        for broker in self._brokers.values():
            broker.start()
        for broker in self._brokers.values():
            broker.wait_listening(START_TIMEOUT_S)
        self._wait_serving(set(self._brokers))

    def _start_guard(self, folder: Path) -> None:
        kind = "temporary" if self._given_folder is None else "kept"
        self._guard = subprocess.Popen(  # noqa: S603 - our own script and arguments
            ["/bin/sh", "-c", _GUARD, "guard", str(folder), kind], stdin=subprocess.PIPE, start_new_session=True
        )

    def _format(self) -> None:
        """Format the storage of brokers that have none yet; a kept folder is used as it is."""
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        blank = [
            broker for broker in self._brokers.values() if not (broker.folder / "data" / "meta.properties").exists()
        ]
        for broker, process in [(broker, broker.format(cluster_id)) for broker in blank]:
            if process.wait(START_TIMEOUT_S) != 0:
                raise BrokerError(f"broker {broker.node.node_id}: its storage cannot be formatted\n{broker.tail()}")

    def _wait_serving(self, wanted: set[int]) -> None:
        """Wait until the cluster's metadata, asked of each wanted broker, lists all wanted brokers."""
        for node_id in sorted(wanted):
            broker = self._brokers[node_id]
            client = AdminClient({"bootstrap.servers": broker.node.address, "log_level": 0})
            deadline = time.monotonic() + START_TIMEOUT_S
            while not wanted <= _listed(client):
                if broker.pid is None or time.monotonic() > deadline:
                    raise BrokerError(f"broker {node_id}: does not serve\n{broker.tail()}")
                time.sleep(_READY_POLL_S)


def prepare() -> Path:
    """Fetch the jars and make the class archive with which brokers start faster, where either is missing.

    Returns:
        The folder of the jars.

    Raises:
        BrokerError: Java or Maven is missing, or the jars cannot be fetched.
    """
    jvm = Jvm.locate(_DEFAULT_HEAP_MIB)
    if not jvm.archive.exists():
        with tempfile.TemporaryDirectory(dir=jvm.jars.parent) as scratch:
            dumped = Path(scratch) / "classes"
            with KafkaCluster(folder=Path(scratch), dump_classes=dumped):
                pass  # it only has to come up and end in order
            if dumped.exists():  # some Java builds cannot dump; brokers then start as they are
                dumped.replace(jvm.archive)
    return jvm.jars


def _listed(client: AdminClient) -> set[int]:
    """Ids of the brokers that the cluster knows to be alive; empty while it does not answer."""
    try:
        return set(client.list_topics(timeout=2.0).brokers)
    except KafkaException:
        return set()
