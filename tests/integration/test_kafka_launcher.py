"""The launcher of real brokers: it serves, survives the loss of a broker, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.kafka import KafkaCluster
from deploy.kafka.launcher import ALLOWED_SIZES
from features.errors import BrokerError

pytestmark = pytest.mark.kafka
ROOT = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    """Whether the process still runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def eventually(holds: Callable[[], bool], within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "log_level": 0})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(60) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 0})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return [bytes(message.value()) for message in consumer.consume(count, 30)]
    finally:
        consumer.close()


def test_three_brokers_keep_acknowledged_records_while_one_is_killed_and_another_stopped() -> None:
    with KafkaCluster(brokers=3) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        topic = NewTopic("t", 1, 3, config={"min.insync.replicas": "2"})
        admin.create_topics([topic])["t"].result(30)
        send(cluster.bootstrap, "t", [b"before"])
        cluster.kill_broker(2)
        assert cluster.broker(2).pid is None
        send(cluster.bootstrap, "t", [b"while one is dead"])
        cluster.start_broker(2)
        assert eventually(lambda: len(admin.list_topics("t", 5).topics["t"].partitions[0].isrs) == 3)
        cluster.stop_broker(1)
        send(cluster.bootstrap, "t", [b"after"])
        assert read(cluster.bootstrap, "t", 3) == [b"before", b"while one is dead", b"after"]
        pids = [cluster.broker(node_id).pid for node_id in cluster.node_ids]
    assert not any(alive(pid) for pid in pids if pid is not None)


def test_a_kept_folder_keeps_its_records_across_a_restart_of_the_cluster(tmp_path: Path) -> None:
    with KafkaCluster(folder=tmp_path) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(30)
        send(cluster.bootstrap, "t", [b"kept"])
    with KafkaCluster(folder=tmp_path) as cluster:
        assert read(cluster.bootstrap, "t", 1) == [b"kept"]


@pytest.fixture
def launched() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "deploy.kafka", "--brokers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield process
        process.kill()


def brokers_under(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in children if b"kafka.Kafka" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_brokers_end_with_their_launcher_however_it_ends(launched: subprocess.Popen[str], way: signal.Signals) -> None:
    assert launched.stdout is not None
    assert launched.stdout.readline().startswith("127.0.0.1:")
    brokers = brokers_under(launched.pid)
    assert len(brokers) == 1
    os.kill(launched.pid, way)
    assert eventually(lambda: not any(alive(pid) for pid in brokers))


def test_a_size_that_tests_do_not_need_is_refused() -> None:
    assert 2 not in ALLOWED_SIZES
    with pytest.raises(BrokerError, match="use 1 or 3"):
        KafkaCluster(brokers=2)
