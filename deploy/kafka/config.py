"""Settings of a test broker: `server.properties` as a value.

Chosen for tests on a small machine: quick to start, quick to notice a dead worker or broker, small internal topics, and
no limit that depends on how old a record says it is, because histories carry the timestamps of their own years.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

HOST = "127.0.0.1"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # a state batch is one record batch of up to 4 MiB, and it must have room to grow


_TUNING: dict[str, str | int] = {
    # Topics are declared, never made by a typing mistake.
    "auto.create.topics.enable": "false",
    "num.partitions": 4,
    # Groups form at once, and a test may choose to notice a dead worker after a second.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    # A dead broker is noticed after 3 s and not 9.
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
    "replica.lag.time.max.ms": 10_000,
    # A state batch is large; replicas must be able to fetch it.
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
    "fetch.max.bytes": 4 * MAX_MESSAGE_BYTES,
    # Time limits look at record timestamps: a history of 2017 would be deleted at once and cut by the week.
    "log.retention.ms": -1,
    "log.roll.hours": 24 * 365,
    "log.segment.delete.delay.ms": 1_000,
    # Small machine.
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.replica.fetchers": 1,
    "log.cleaner.threads": 1,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    "log.cleaner.backoff.ms": 5_000,
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A listener of one broker for one client alone, advertised at a port where the caller puts a proxy before it.

    So a test can cut or slow the way between a client and a broker, and no other one.
    """

    client: str
    node_id: int
    port: int
    advertised_port: int

    @property
    def listener(self) -> str:
        """The listener's name in Kafka's settings."""
        return f"FOR_{self.client.upper()}"


@dataclass(frozen=True, slots=True)
class Node:
    """One broker, which is a controller too: its id and its loopback ports."""

    node_id: int
    port: int
    controller_port: int
    passages: tuple[Passage, ...] = ()

    @property
    def address(self) -> str:
        """Where clients reach it: `host:port`."""
        return f"{HOST}:{self.port}"


def nodes_on(ports: Iterator[int], count: int, clients: Sequence[str]) -> list[Node]:
    """Nodes numbered from 1 on the next ports, each with a passage for every client.

    Example:
        >>> nodes_on(iter(range(21000, 21004)), 1, ["one"])[0].passages
        (Passage(client='one', node_id=1, port=21002, advertised_port=21003),)
    """
    return [
        Node(
            number, next(ports), next(ports), tuple(Passage(name, number, next(ports), next(ports)) for name in clients)
        )
        for number in range(1, count + 1)
    ]


def server_properties(
    node: Node, nodes: Sequence[Node], data: Path, others: Mapping[str, str | int] = MappingProxyType({})
) -> str:
    """The text of `server.properties` for one node of a cluster.

    Args:
        node: The node it is for.
        nodes: Every node of the cluster, `node` included.
        data: The folder of the node's log segments.
        others: Properties that are to be otherwise than here.

    Example:
        >>> node = Node(1, 21000, 21001)
        >>> "advertised.listeners=PLAINTEXT://127.0.0.1:21000" in server_properties(node, [node], Path("data"))
        True
    """
    values = _addresses(node, nodes) | {"log.dirs": str(data)} | _replication(len(nodes)) | _TUNING | dict(others)
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _addresses(node: Node, nodes: Sequence[Node]) -> dict[str, str | int]:
    passages = node.passages
    listeners = [f"PLAINTEXT://{node.address}", *(f"{p.listener}://{HOST}:{p.port}" for p in passages)]
    advertised = [f"PLAINTEXT://{node.address}", *(f"{p.listener}://{HOST}:{p.advertised_port}" for p in passages)]
    protocols = ["PLAINTEXT", "CONTROLLER", *(p.listener for p in passages)]
    return {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": ",".join(f"{other.node_id}@{HOST}:{other.controller_port}" for other in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join([*listeners, f"CONTROLLER://{HOST}:{node.controller_port}"]),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in protocols),
    }


def _replication(brokers: int) -> dict[str, str | int]:
    """As many copies as a cluster allows. Internal topics of three partitions start faster than those of fifty."""
    copies, in_sync = min(3, brokers), min(2, brokers)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": 3,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 3,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
    }
