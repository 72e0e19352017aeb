"""Workers are killed, stopped and fail; the outputs and rows that are left are those of an undisturbed run."""

import random
import signal
import time
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from streams.commit import Step
from streams.faust_overrides import EXIT_SOFTWARE
from tests.support.processes import eventually
from tests.support.topic_reader import ends, lag
from tests.support.toy_oracle import RIGHT, judge
from tests.support.toy_run import SESSION_TIMEOUT_MS, SteadyProducer, ToyRun

pytestmark = pytest.mark.kafka

KILLS = 5
PER_SECOND = 3_000
PROGRESS = 500
REWRITING = "rewriting rows behind a late writer"


def test_kills_half_of_them_with_the_store_lost_change_nothing(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix)
    draw = random.Random(7)
    # Static members come back to their partitions at once; others would wait for the session of their dead self.
    one, two = (run.worker(tmp_path / name, TIERSTREAM_GROUP_INSTANCE_ID=name) for name in ("one", "two"))
    with one.start(), two.start():
        with SteadyProducer(run, PER_SECOND, seed=7):
            for number in range(KILLS):
                wanted = run.applied() + PROGRESS
                eventually(partial(run.has_applied, wanted), 60, "progress between two kills")
                time.sleep(draw.uniform(0, 0.3))
                victim = (one, two)[number % 2]
                victim.kill()
                if number % 4 >= 2:
                    victim.lose_data()
                victim.start()
        run.await_settled()
    assert judge(kafka_broker, run.prefix) == RIGHT


def test_a_crash_or_an_error_at_any_step_of_a_commit_changes_nothing(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    run.produce(5_000)
    with run.worker(tmp_path, TIERSTREAM_GROUP_INSTANCE_ID="one") as worker:
        assert worker.start(TOY_FAULT="raise:outputs:1").wait(60) == EXIT_SOFTWARE
        assert lag(kafka_broker, run.prefix, run.actions) == 5_000, "an error acknowledges nothing"
        for number, step in enumerate(get_args(Step)):
            assert worker.start(TOY_FAULT=f"kill:{step}:2").wait(60) == -signal.SIGKILL
            if number % 2:
                worker.lose_data()
        worker.start()
        run.await_settled()
    assert judge(kafka_broker, run.prefix) == RIGHT


def test_an_output_that_the_broker_does_not_take_ends_the_process_with_nothing_acknowledged(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    with run.worker(tmp_path, TIERSTREAM_GROUP_INSTANCE_ID="one") as worker:
        worker.start()
        run.await_ready(worker)
        run.limit_outputs(100)
        run.produce(5_000)
        assert worker.wait(60) == EXIT_SOFTWARE
        assert lag(kafka_broker, run.prefix, run.actions) == 5_000
        assert not ends(kafka_broker, f"{run.prefix}-members-changelog")[0], "no state without its outputs"
        run.limit_outputs(None)
        worker.start()
        run.await_settled()
    assert judge(kafka_broker, run.prefix) == RIGHT


def test_a_stopped_worker_writes_late_and_neither_its_successor_nor_its_own_next_life_is_harmed(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    run.produce(3_000)
    late, successor = run.worker(tmp_path / "late"), run.worker(tmp_path / "successor")
    with late.start(TOY_FAULT="stop:outputs:4"), successor:
        # It stands between outputs and state of its fourth batch; the group gives it up after its session.
        eventually(lambda: Path(f"/proc/{late.pid}/stat").read_text().split()[2] == "T", 60, "stopped")
        time.sleep(SESSION_TIMEOUT_MS / 1000)
        successor.start()
        run.await_settled()
        late.send_signal(signal.SIGCONT)
        assert late.wait() == EXIT_SOFTWARE
        run.produce(200, seed=1)
        run.await_settled()
        assert successor.said(REWRITING) == 1
        late.start()
        run.await_ready(late, 2)
        assert successor.stop() == 0
        run.produce(2_000, seed=2)
        run.await_settled()
    assert judge(kafka_broker, run.prefix) == RIGHT
