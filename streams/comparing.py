"""Compare a replay with what was recorded of the topics: decisions, examples and weights must be the same bytes."""

from pathlib import Path

from features.errors import ContractError
from online_models.figures import ValueFigures
from online_models.published import PublishedWeights, decode_published
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.recording import read_recording
from streams.replay import Replayed, check_published


def recording_path(folder: Path, kind: str) -> Path:
    """Where `record` puts a topic."""
    return folder / f"{kind}.jsonl.gz"


def compare_with_recorded(replayed: Replayed, folder: Path) -> ValueFigures:
    """Hold a replay against the recorded topics.

    Returns:
        The value model's figures, as learning again from the recorded examples gives them.

    Raises:
        ContractError: decisions, examples or weights differ.
    """
    recorded = DecisionLog()
    for topic in DECISION_TOPICS:
        for record in read_recording(recording_path(folder, topic)).records:
            recorded.add(topic, record.value or b"")
    if recorded.digest() != replayed.decisions.digest():
        raise ContractError(f"{folder}: {_difference(recorded, replayed.decisions)}")
    examples = [
        (record.offset, record.value or b"")
        for record in read_recording(recording_path(folder, "examples")).records
        if record.partition == 0
    ]
    if {value for _, value in examples} != replayed.examples:
        raise ContractError(f"{folder}: the recorded examples are not those that the log gives")
    return check_published(examples, read_published(folder))


def read_published(folder: Path) -> list[PublishedWeights]:
    """The recorded weights versions; the first record of a version counts."""
    versions: dict[int, PublishedWeights] = {}
    for record in read_recording(recording_path(folder, "weights")).records:
        published = decode_published(record.value or b"")
        versions.setdefault(published.version, published)
    return [versions[version] for version in sorted(versions)]


def _difference(recorded: DecisionLog, replayed: DecisionLog) -> str:
    ours, theirs = set(replayed.values()), set(recorded.values())
    return f"{len(theirs - ours)} recorded decisions are not replayed, {len(ours - theirs)} replayed ones not recorded"
