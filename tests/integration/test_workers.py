"""Workers come, go, stand by and are spared; readiness, lag and restarts say what they should."""

import json
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from features.errors import SettingsError
from streams.app import build_app
from streams.broker import PARTITIONS as EMBEDDED_PARTITIONS
from streams.broker import EmbeddedBroker
from streams.controls import Tick, decode_control, is_signed, public_key_of
from streams.faust_overrides import EXIT_SOFTWARE
from streams.keys import make_signing_key
from streams.metrics import Metrics
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests.support.processes import WorkerProcess, eventually
from tests.support.topic_reader import ends, lag, read_topic
from tests.support.toy_oracle import RIGHT, judge
from tests.support.toy_run import SteadyProducer, ToyRun
from tests.support.web import page

WEB_PORT = 16_066


def missing_at_assignment(worker: WorkerProcess) -> list[int]:
    """How many changelog records a worker had to read at each of its assignments."""
    said = (json.loads(line) for line in worker.log.read_text().splitlines() if '"rows are complete"' in line)
    return [entry["records"] for entry in said]


@pytest.mark.kafka
def test_workers_that_come_and_go_in_order_repeat_nothing_and_leave_no_lag(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix)
    one, two, spare = (run.worker(tmp_path / name) for name in ("one", "two", "spare"))
    with one.start(), two, spare:
        with SteadyProducer(run, 2_000, seed=3):
            run.await_ready(one)
            two.start()
            run.await_ready(two)
            spare.start()  # there are two partitions: it has nothing to do, and is ready for it
            run.await_ready(spare)
            assert one.stop() == 0
        run.await_settled()
        assert (two.stop(), spare.stop()) == (0, 0)
        assert run.applied() == sum(ends(kafka_broker, run.actions).values())

        # What was kept on disk is where it goes on: nothing is repeated, what is new is applied.
        run.produce(500, seed=4)
        two.start()
        run.await_settled()
        assert two.stop() == 0
    assert run.applied() == sum(ends(kafka_broker, run.actions).values())
    assert judge(kafka_broker, run.prefix) == RIGHT


@pytest.mark.kafka
def test_a_standby_takes_over_with_rows_that_it_has(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=2, standby_replicas="1")
    run.produce(4_000)
    one, two = run.worker(tmp_path / "one"), run.worker(tmp_path / "two")
    with one.start(), two.start():
        eventually(lambda: one.said("standing by") > 0 and two.said("standing by") > 0, 60, "both stand by")
        run.await_settled()
        one.kill()
        run.produce(1_000, seed=1)
        run.await_settled()
        assert two.stop() == 0
    whole = sum(ends(kafka_broker, f"{run.prefix}-members-changelog").values())
    assert missing_at_assignment(two)[-1] < whole / 4, "nearly all was there"
    assert judge(kafka_broker, run.prefix) == RIGHT


@pytest.mark.kafka
@pytest.mark.parametrize("on_disk", ["yes", ""])
def test_a_static_member_that_was_killed_goes_on_before_its_session_is_over_and_reads_what_was_in_memory_alone(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, on_disk: str
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, session_timeout_ms="120000", group_instance_id="one")
    run.produce(1_000)
    with run.worker(tmp_path, TOY_ON_DISK=on_disk) as worker:
        worker.start()
        run.await_settled()
        worker.kill()
        written = sum(ends(kafka_broker, f"{run.prefix}-members-changelog").values())
        run.produce(500, seed=1)
        worker.start()
        run.await_settled()  # within a minute
        assert missing_at_assignment(worker)[-1] == (0 if on_disk else written)  # too little for a buffer to be full
        assert worker.stop() == 0
    assert judge(kafka_broker, run.prefix) == RIGHT


@pytest.mark.kafka
def test_a_topic_that_was_made_anew_stops_the_worker_with_a_word(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    run.produce(100)
    with run.worker(tmp_path) as worker:
        worker.start()
        run.await_settled()
        assert worker.stop() == 0
        admin = AdminClient({"bootstrap.servers": kafka_broker, "log_level": 0})
        admin.delete_topics([run.actions])[run.actions].result(30)
        eventually(lambda: run.actions not in admin.list_topics(timeout=30).topics, 30, "deleted")
        time.sleep(1)
        TopicAdmin(Settings.load(None, run.environment)).ensure()
        run.produce(50)
        assert worker.start().wait(60) == EXIT_SOFTWARE
        assert worker.said("holds the state of another topic") > 0
        assert lag(kafka_broker, run.prefix, run.actions) == 50


@pytest.mark.kafka
def test_a_worker_shows_readiness_metrics_and_the_time(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    key = make_signing_key(tmp_path / "key.pem")
    run = ToyRun(
        kafka_broker,
        topic_prefix,
        ticker="live",
        tick_interval_ms="200",
        signing_key_file=str(tmp_path / "key.pem"),
        web_port=str(WEB_PORT),
    )
    with run.worker(tmp_path) as worker:
        worker.start()
        eventually(lambda: page(WEB_PORT, "/ready/") == (200, "ready"), 60, "ready")
        eventually(lambda: min(ends(kafka_broker, run.actions).values()) >= 2, 30, "ticks in every partition")
        eventually(lambda: "tierstream_applied_total" in page(WEB_PORT, "/metrics/")[1], 30, "metrics")
        assert worker.stop() == 0
    for messages in read_topic(kafka_broker, run.actions).values():
        for message in messages:
            tick = decode_control(message.value())
            assert isinstance(tick, Tick)
            assert is_signed(tick, (public_key_of(key),))


def test_live_ticks_need_a_key() -> None:
    with pytest.raises(SettingsError, match="signing_key_file"):
        build_app(Settings(ticker="live"), Metrics())


def test_a_worker_runs_on_the_embedded_broker_with_its_rows_in_memory(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        # It lets a group settle for 3 s, which a session must outlive.
        more = {"store": "memory", "session_timeout_ms": "10000"}
        run = ToyRun(broker.bootstrap, "small", partitions=EMBEDDED_PARTITIONS, **more)
        run.produce(2_000)
        with run.worker(tmp_path) as worker:
            worker.start()
            run.await_settled()
            assert worker.stop() == 0
        assert judge(broker.bootstrap, run.prefix) == RIGHT
