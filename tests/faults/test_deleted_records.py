"""Somebody deletes actions that a running worker has not applied yet: it ends, loudly, and applies nothing behind."""

import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.toy_run import ToyRun

pytestmark = pytest.mark.kafka

BEFORE, DELETED, BEHIND = 50, 70, 30
# What was asked for before the stop is answered by then, and the session has not run out.
LONGER_THAN_A_FETCH_S = 0.5


def test_a_worker_whose_actions_are_deleted_ends_and_applies_nothing_behind(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    producer = run.producer()

    def produce(count: int) -> None:
        for _ in range(count):
            producer.produce(run.actions, b"v", key=b"k", partition=0)
        assert producer.flush(30) == 0

    with run.worker(tmp_path) as worker:
        worker.start()
        run.await_ready(worker)
        produce(BEFORE)
        run.await_settled()
        worker.send_signal(signal.SIGSTOP)
        time.sleep(LONGER_THAN_A_FETCH_S)
        produce(DELETED)
        admin = AdminClient({"bootstrap.servers": kafka_broker})
        gone = admin.delete_records([TopicPartition(run.actions, 0, BEFORE + DELETED - 10)])
        assert all(done.result(30).low_watermark == BEFORE + DELETED - 10 for done in gone.values())
        worker.send_signal(signal.SIGCONT)
        produce(BEHIND)
        assert worker.wait(60) == 70
        assert worker.said("were deleted before they were applied")
        assert not run.has_applied(BEFORE + 1)
