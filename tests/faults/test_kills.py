"""Workers are killed; the outputs and rows that are left are those of an undisturbed run."""

import random
import time
from pathlib import Path

import pytest

from tests.support.processes import READY, eventually, workers
from tests.support.topic_reader import lag
from tests.support.toy_oracle import RIGHT, judge
from tests.support.toy_run import SteadyProducer, ToyRun

pytestmark = pytest.mark.kafka

KILLS = 10
PER_SECOND = 3_000


def test_ten_kills_half_of_them_with_the_store_lost_change_nothing(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    run = ToyRun(kafka_broker, topic_prefix)
    draw = random.Random(7)
    with workers(tmp_path, run.environment, 2) as (one, two):
        for worker in (one, two):
            worker.start()
        eventually(lambda: one.said(READY) + two.said(READY) >= 2, 30, "both workers are ready")
        with SteadyProducer(run, PER_SECOND, seed=7):
            for number in range(KILLS):
                time.sleep(draw.uniform(0.5, 2.0))
                victim = (one, two)[number % 2]
                victim.kill()
                if draw.random() < 0.5:
                    victim.lose_data()
                victim.start()
        eventually(lambda: lag(kafka_broker, run.prefix, run.actions) == 0, 40, "everything is committed")
        assert one.stop() == 0
        assert two.stop() == 0
    assert judge(kafka_broker, run.prefix) == RIGHT
