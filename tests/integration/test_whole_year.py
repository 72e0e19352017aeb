"""A partition's log determines its ledger: the whole year through a real broker, with learning on, and replayed."""

from pathlib import Path

import pytest

from streams.accounting import is_balanced
from streams.cli.brokers import RECORDED
from streams.histories.files import read_lines
from streams.recording import read_recording, record_topic, recording_path
from streams.replay import replay_log
from streams.replaying import compare_with_recorded, read_published
from tests.support.partition_log import POLICIES
from tests.support.programme import Programme

ACTIONS_OF_THE_YEAR = 164_539

SPEND = """[[tiers.score]]
measure = "spend_minor"
weight = 700
cap = 600_000 # 6000 dollars, one household in twenty

"""


def lively_policy(folder: Path) -> str:
    """The real programme with a score in which learned factors must move on this data, and short epochs.

    With spend in the score they stay at one: they would set households with equal visits further apart. Here a coupon
    redeemed gives as much as 22 visits do. It is worth far less, by several standard errors in whichever order the
    partitions' examples come, and a smaller factor sets nobody further apart.
    """
    text = (POLICIES / "retail.toml").read_text(encoding="utf-8")
    changes = (
        (SPEND, ""),
        ("weight = 250", "weight = 400"),
        ("weight = 50\n", "weight = 600\n"),
        ("epoch_examples = 2_500", "epoch_examples = 350"),
        ("min_examples = 1_500", "min_examples = 350"),
    )
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "lively.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_a_replay_of_the_recorded_log_decides_and_learns_the_same(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path, lively_policy(tmp_path)) as programme:
        run_through_and_replay(programme, some_households, tmp_path)


@pytest.mark.kafka
@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_a_replay_of_the_whole_year_decides_and_learns_the_same(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, whole_year: Path
) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path, lively_policy(tmp_path)) as programme:
        assert run_through_and_replay(programme, whole_year, tmp_path) == ACTIONS_OF_THE_YEAR


def run_through_and_replay(programme: Programme, history: Path, folder: Path) -> int:
    """Two workers and the trainer, then a replay of what was recorded; returns how many actions there were."""
    for name, command in (("one", "worker"), ("two", "worker"), ("trainer", "trainer")):
        programme.process(command, name).start()
    produced = programme.produce(read_lines(history))
    programme.settle(within_s=600)
    for kind in RECORDED:
        record_topic(programme.settings, kind, recording_path(folder, kind))
    counts = programme.counts()
    assert all(is_balanced(part) for part in counts.values())
    assert sum(part["applied"] for part in counts.values()) == produced.lines

    recording = read_recording(recording_path(folder, "actions"))
    replayed = replay_log(recording.records, recording.head.identity, recording.head.topic)
    assert replayed.decisions.gaps() == []
    assert replayed.decisions.count("points") > produced.lines
    figures = compare_with_recorded(replayed, folder)  # decisions, examples and weights, byte for byte
    assert replayed.weights_versions == len(read_published(folder)) >= 3
    assert figures.examples > produced.lines // 10
    return produced.lines
