"""The order of a commit's steps, taken away on a real broker: the same crash that was harmless is not any more."""

import signal
from pathlib import Path

import pytest

from streams.faust_overrides import EXIT_SOFTWARE
from tests.support.toy_oracle import RIGHT, judge
from tests.support.toy_run import ToyRun

pytestmark = pytest.mark.kafka

RECORDS = 2_000


@pytest.mark.parametrize("sabotage", ["", "outputs_after_state"])
def test_a_crash_behind_the_state_loses_outputs_that_were_to_come_after_it(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, sabotage: str
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    run.produce(RECORDS)
    with run.worker(tmp_path, TIERSTREAM_GROUP_INSTANCE_ID="one") as worker:
        assert worker.start(TOY_FAULT="kill:state:2", TOY_SABOTAGE=sabotage).wait(60) == -signal.SIGKILL
        worker.start()
        run.await_settled()
    verdict = judge(kafka_broker, run.prefix)
    assert (verdict == RIGHT) == (not sabotage)
    assert (verdict.missing_outputs > 0) == bool(sabotage)


@pytest.mark.parametrize("sabotage", ["", "store_before_changelog"])
def test_a_crash_before_the_state_leaves_a_store_that_is_ahead_of_its_changelog(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, sabotage: str
) -> None:
    run = ToyRun(kafka_broker, topic_prefix, partitions=1)
    run.produce(RECORDS)
    with run.worker(tmp_path, TIERSTREAM_GROUP_INSTANCE_ID="one", TOY_ON_DISK="yes") as worker:
        assert worker.start(TOY_FAULT="kill:sending:2", TOY_SABOTAGE=sabotage).wait(60) == -signal.SIGKILL
        worker.start()
        if sabotage:
            assert worker.wait(60) == EXIT_SOFTWARE
            assert worker.said("CorruptStateError") == 1
            return
        run.await_settled()
    assert judge(kafka_broker, run.prefix) == RIGHT
