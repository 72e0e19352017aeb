"""What campaigns do to brokers, and how they wait until all copies are whole again."""

import asyncio
import signal
import time
from collections.abc import Sequence

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka import KafkaCluster
from tests.chaos.faults import Fault, Happened, broker_of
from tests.chaos.leaders import lead

_WHOLE_S = 120.0
_POLL_S = 0.5
_TIMEOUT_S = 20.0


class Brokers:
    """Faults of a cluster of three, one at a time: with two copies in sync nothing stands still for long."""

    def __init__(self, cluster: KafkaCluster, prefix: str) -> None:
        self._cluster = cluster
        self._prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})

    def happen(self, fault: Fault) -> Happened:
        """Let a fault happen and pass; returns what came of it."""
        node = broker_of(fault)
        match fault.kind:
            case "kill_broker":
                self._cluster.kill_broker(node)
                time.sleep(fault.lasts_s)
                self._cluster.start_broker(node)
            case "pause_broker":
                self._cluster.broker(node).send_signal(signal.SIGSTOP)
                time.sleep(fault.lasts_s)
                self._cluster.broker(node).send_signal(signal.SIGCONT)
            case "rolling_restart":
                for each in self._cluster.node_ids:
                    self._cluster.stop_broker(each)
                    self._cluster.start_broker(each)
                    self.await_whole()
            case "leader_move":
                return Happened(fault.kind, f"{self._move_leaders(1 + fault.number % 2)} leaders moved")
            case _:
                raise ValueError(fault.kind)
        return Happened(fault.kind, f"broker {node}, whole again after {self.await_whole():.1f} s")

    def await_whole(self) -> float:
        """Wait until every partition has all its copies in sync; returns the seconds that it took."""
        begin = time.monotonic()
        while not self._is_whole():
            if time.monotonic() - begin > _WHOLE_S:
                raise TimeoutError(f"the cluster is not whole after {_WHOLE_S} s")
            time.sleep(_POLL_S)
        return time.monotonic() - begin

    def _is_whole(self) -> bool:
        try:
            topics = self._admin.list_topics(timeout=_TIMEOUT_S).topics.values()
        except KafkaException:
            return False
        return all(
            set(partition.isrs) == set(partition.replicas) and partition.leader >= 0
            for topic in topics
            for partition in topic.partitions.values()
        )

    def _move_leaders(self, steps: int) -> int:
        """Make the next copy of each partition its leader; returns how many leaders are others than before."""
        before = self._leaders()
        assigned = {
            place: [*replicas[steps:], *replicas[:steps]] for place, (_, replicas) in self._partitions().items()
        }
        asyncio.run(lead(self._cluster.bootstrap, assigned))
        self.await_whole()
        after = self._leaders()
        return sum(after[place] != leader for place, leader in before.items())

    def _partitions(self) -> dict[tuple[str, int], tuple[int, Sequence[int]]]:
        """Leader and copies of each partition of the programme, and of the groups' offsets."""
        topics = self._admin.list_topics(timeout=_TIMEOUT_S).topics
        return {
            (name, number): (partition.leader, partition.replicas)
            for name, topic in topics.items()
            if name.startswith((self._prefix, "__consumer_offsets"))
            for number, partition in topic.partitions.items()
        }

    def _leaders(self) -> dict[tuple[str, int], int]:
        return {place: leader for place, (leader, _) in self._partitions().items()}
