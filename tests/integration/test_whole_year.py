"""A partition's log determines its ledger: the whole year through a real broker, with learning on, and replayed."""

from pathlib import Path

import pytest

from streams.accounting import is_balanced
from streams.cli.brokers import RECORDED
from streams.histories.files import read_lines
from streams.recording import read_recording, record_topic, recording_path
from streams.replay import replay_log
from streams.replaying import compare_with_recorded, read_published
from tests.support.programme import Programme

ACTIONS_OF_THE_YEAR = 164_539


@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_two_workers_and_the_trainer_decide_what_a_replay_of_the_recorded_log_decides(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, whole_year: Path
) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        for process in (programme.process("worker", "one"), programme.process("worker", "two")):
            process.start()
        programme.process("trainer", "trainer").start()
        produced = programme.produce(read_lines(whole_year))
        programme.settle(within_s=300)
        for kind in RECORDED:
            record_topic(programme.settings, kind, recording_path(tmp_path, kind))
        counts = programme.counts()

    assert produced.lines == sum(part["actions_in"] for part in counts.values()) == ACTIONS_OF_THE_YEAR
    assert all(is_balanced(part) for part in counts.values())
    recording = read_recording(recording_path(tmp_path, "actions"))
    replayed = replay_log(recording.records, bytes.fromhex(recording.head.topic_id), recording.head.topic)
    assert replayed.decisions.gaps() == []
    assert replayed.decisions.count("points") > ACTIONS_OF_THE_YEAR
    figures = compare_with_recorded(replayed, tmp_path)  # decisions and weights, byte for byte
    assert replayed.weights_versions == len(read_published(tmp_path)) >= 3
    assert figures.examples > 10_000
