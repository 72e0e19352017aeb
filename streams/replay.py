"""Replay: a file of actions, or a recorded topic, through the same pipeline without Kafka.

A file has no log of its own, so one is made: the append times come from the history clock, ticks are written at fixed
steps of it, and the trainer runs inline, its weights entering the log right after the example that completed them, as
effects do right after what caused them: everybody lives in the one partition that there is. A recorded topic has all of
that in it already.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee, zip_longest
from typing import assert_never

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import ContractError
from loyalty.policy import parse_policy
from online_models.examples import decode_record
from online_models.figures import ValueFigures
from online_models.findings import addressed_of
from online_models.published import PublishedWeights, encode_published
from online_models.training import Trainer
from streams.controls import (
    PolicyData,
    WeightsData,
    addressed_record,
    policy_record,
    public_key_of,
    tick_record,
    weights_record,
)
from streams.decision_log import DecisionLog
from streams.effects import seal
from streams.histories.clock import DEFAULT_TICK_EVERY_MS, history_timestamps
from streams.histories.heads import head_of
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold, new_fold
from streams.records import LogIdentity, LogRecord, Output
from streams.summary import total_counts

# The log of a replayed file is nobody's but the replay's: its signing key is no secret.
REPLAY_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"tierstream replay").digest())


@dataclass(frozen=True)
class Replayed:
    """What a replay came to. `figures` are the trainer's, None where none ran."""

    counts: Mapping[str, int]
    decisions: DecisionLog
    examples: frozenset[bytes]
    weights_versions: int
    figures: ValueFigures | None


class Replay:
    """One run of the pipeline over a log that is made as it goes.

    `trainer` learns inline and publishes into the log; None replays with the weights of the static programme.
    """

    def __init__(self, policy: PolicyData, trainer: Trainer | None, tick_every_ms: int = DEFAULT_TICK_EVERY_MS) -> None:
        self.fold = PartitionFold(0, b"replay", MemoryStore())
        self.decisions = DecisionLog()
        self.trainer = trainer
        self.lateness_ms = parse_policy(policy.text, f"policy version {policy.version}").input.lateness_ms
        self.published: list[PublishedWeights] = []
        self._tick_every_ms = tick_every_ms
        self._next_tick_ms: int | None = None
        self._offset = 0
        self._taught: list[bytes] = []
        self._waiting: deque[Output] = deque()
        self._routing = False
        keys = (*policy.public_keys, public_key_of(REPLAY_KEY))
        self._append(0, None, policy_record(msgspec.structs.replace(policy, public_keys=keys), REPLAY_KEY))

    def feed(self, line: bytes, key: bytes | None, timestamp_ms: int) -> None:
        """Append one line of the file at `timestamp_ms`, the ticks that were due before it first."""
        if self._next_tick_ms is None:
            self._next_tick_ms = timestamp_ms - timestamp_ms % self._tick_every_ms + self._tick_every_ms
        while self._next_tick_ms <= timestamp_ms:
            self._tick(self._next_tick_ms)
            self._next_tick_ms += self._tick_every_ms
        self._append(timestamp_ms, key, line)

    def close(self, time_ms: int | None = None) -> None:
        """Append ticks at `time_ms`, or at the last log time, until no due work is left."""
        last_ms = self.fold.log_time_ms if time_ms is None else time_ms
        self._tick(last_ms)
        while self.fold.sweeping:
            self._tick(last_ms)

    def result(self) -> Replayed:
        """What it came to so far."""
        return Replayed(
            counts=self.fold.counts,
            decisions=self.decisions,
            examples=frozenset(self._taught),
            weights_versions=len(self.published),
            figures=None if self.trainer is None else self.trainer.figures().value,
        )

    def _tick(self, time_ms: int) -> None:
        self._append(time_ms, None, tick_record(time_ms, REPLAY_KEY))

    def _append(self, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        self.fold.apply(LogRecord(0, self._offset, timestamp_ms, key, value))
        self._offset += 1
        self._waiting.extend(self.fold.take_outputs())
        if self._routing:
            return  # a record that an output has brought into the log: its own outputs wait their turn
        self._routing = True
        while self._waiting:
            self._route(self._waiting.popleft())
        self._routing = False

    def _route(self, output: Output) -> None:
        match output.topic:
            case "examples":
                self._learn(output)
            case "effects":
                effect = seal(output.value, REPLAY_KEY)
                self._append(effect.timestamp_ms, output.key, effect.value)
            case "deadletter" | "draws":
                pass
            case "points" | "tier-changes" | "notifications":
                self.decisions.add(output.topic, output.value)
            case _:
                assert_never(output.topic)

    def _learn(self, output: Output) -> None:
        value = output.value
        self._taught.append(value)
        if self.trainer is None:
            return
        published = self.trainer.learn(decode_record(value), len(self._taught) - 1)
        for finding in self.trainer.findings:
            body = addressed_of(finding, output.key.decode())
            if body is not None:
                self._append(body.log_time_ms, output.key, addressed_record(body, REPLAY_KEY))
        if published is not None:
            self.published.append(published)
            data = WeightsData(published.weights, published.example_offset, published.log_time_ms)
            self._append(published.log_time_ms, None, weights_record(data, REPLAY_KEY))


def replay_lines(lines: Iterable[bytes], replay: Replay, on_line: Callable[[], None] = lambda: None) -> Replay:
    """Feed all lines of an action file to `replay` and close it."""
    heads, again = tee((line, *head_of(line)) for line in lines)
    times = history_timestamps((time_ms for _, time_ms, _ in heads), replay.lateness_ms)
    for (line, _, key), timestamp_ms in zip(again, times, strict=True):
        replay.feed(line, key, timestamp_ms)
        on_line()
    replay.close()
    return replay


def check_published(examples: Iterable[tuple[int, bytes]], published: Sequence[PublishedWeights]) -> ValueFigures:
    """Learn again from recorded examples, each with its offset, and compare what comes out with what was published.

    Returns:
        How well the value model predicted on the way.

    Raises:
        ContractError: a version differs, is missing, or should not be there.
    """
    trainer = Trainer()
    derived = [
        version for offset, raw in examples if (version := trainer.learn(decode_record(raw), offset)) is not None
    ]
    for ours, theirs in zip_longest(derived, published):
        if ours is None or theirs is None or encode_published(ours) != encode_published(theirs):
            raise ContractError(
                f"published weights do not follow from the examples: {len(derived)} versions derived, {len(published)} "
                "published, and one of them differs"
            )
    return trainer.figures().value


def replay_log(
    records: Iterable[LogRecord], identity: LogIdentity, topic: str, on_record: Callable[[], None] = lambda: None
) -> Replayed:
    """Fold a recorded actions topic, partition by partition: policy, ticks, weights and effects are all in it."""
    folds: dict[int, PartitionFold] = {}
    decisions = DecisionLog()
    examples: list[Output] = []
    for record in records:
        fold = folds.get(record.partition)
        if fold is None:
            fold = folds[record.partition] = new_fold(record.partition, identity, MemoryStore(), topic)
        fold.apply(record)
        for output in fold.take_outputs():
            match output.topic:
                case "examples":
                    examples.append(output)
                case "points" | "tier-changes" | "notifications":
                    decisions.add(output.topic, output.value)
                case "deadletter" | "draws" | "effects":
                    pass
                case _:
                    assert_never(output.topic)
        on_record()
    return Replayed(
        counts=total_counts([fold.counts for fold in folds.values()]),
        decisions=decisions,
        examples=frozenset(output.value for output in examples),
        weights_versions=max((fold.weights_version for fold in folds.values()), default=0),
        figures=None,
    )
