"""A producer that uses transactions: what it commits counts, what it aborts never happened, its markers are no gaps."""

import time
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.progress import Progress
from streams.settings import Settings
from streams.topics import topic_name
from tests.support.processes import eventually
from tests.support.topic_reader import read_topic
from tests.support.toy_oracle import RIGHT, judge, offset_of
from tests.support.toy_run import ToyRun

pytestmark = pytest.mark.kafka

TRANSACTIONS = 12
EACH = 40
WEB_PORT = 16_067


def shown_lag() -> float | None:
    """The worker's lag, None before it shows one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{WEB_PORT}/metrics/") as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("tierstream_lag_records{")), None)


def test_only_what_was_committed_counts(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1, web_port=str(WEB_PORT))
    producer = Producer(
        {"bootstrap.servers": kafka_broker, "transactional.id": f"{topic_prefix}-producer", "log_level": 0}
    )
    producer.init_transactions(30)
    with run.worker(tmp_path) as worker:
        worker.start()
        for number in range(TRANSACTIONS):
            producer.begin_transaction()
            for _ in range(EACH):
                producer.produce(run.actions, b"committed" if number % 3 else b"aborted", key=b"k", partition=0)
            if number % 3:
                producer.commit_transaction(30)
            else:
                producer.flush(30)
                producer.abort_transaction(30)
        committed = EACH * sum(1 for number in range(TRANSACTIONS) if number % 3)
        eventually(lambda: run.has_applied(committed), 60, "every committed action applied")
        eventually(lambda: shown_lag() == 0, 30, "whoever has applied all shows no lag, markers or not")
        producer.begin_transaction()
        producer.produce(run.actions, b"aborted", key=b"k", partition=0)
        producer.flush(30)
        producer.abort_transaction(30)
        time.sleep(0.5)
        eventually(lambda: shown_lag() == 0, 30, "what never happened is no lag")
        worker.kill()
        with Progress(Settings.load(None, run.environment)) as progress:
            end = progress.end("actions", 0)
            assert end == TRANSACTIONS * (EACH + 1) + 2
            last = end - 4  # behind it a marker, what was aborted, and its marker
            assert [progress._behind(0, mark) for mark in (last - 1, last)] == [1, 0], "a marker is no lag"
        # The next life starts behind a marker, where the next record is further on: no loss, and no endless search.
        run.produce(100)
        worker.start()
        eventually(lambda: run.has_applied(committed + 100), 60, "what came after the kill")
        assert worker.stop() == 0
    points = topic_name(Settings(topic_prefix=run.prefix), "points")
    applied = {offset_of(bytes(message.value() or b"")) for message in read_topic(kafka_broker, points)[0]}
    assert len(applied) == committed + 100
    assert judge(kafka_broker, run.prefix) == RIGHT
