"""Replay files, and hold a replay against what was recorded of the topics.

Decisions, examples and weights must be the same bytes.
"""

from collections.abc import Callable
from pathlib import Path

from features.errors import ContractError, SettingsError
from online_models.figures import ValueFigures
from online_models.published import PublishedWeights, decode_published
from online_models.training import Trainer
from streams.controls import public_key_of
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.histories.files import read_lines
from streams.policy_files import first_policy
from streams.recording import is_recording, read_recording, recording_path
from streams.replay import REPLAY_KEY, Replay, Replayed, check_published, replay_lines, replay_log


def replay_file(
    file: Path, policy: Path | None, *, learning: bool, on_record: Callable[[], None] = lambda: None
) -> Replayed:
    """Replay an action file under a policy, or a recorded topic under its own.

    Raises:
        SettingsError: an action file comes without a policy.
        HistoryError: the file cannot be read.
    """
    if is_recording(file):
        recording = read_recording(file)
        return replay_log(recording.records, recording.head.identity, recording.head.topic, on_record)
    if policy is None:
        raise SettingsError(f"{file} holds actions only: name the policy to replay them under (--policy FILE)")
    run = Replay(first_policy(policy, (public_key_of(REPLAY_KEY),)), Trainer() if learning else None)
    return replay_lines(read_lines(file), run, on_record).result()


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
