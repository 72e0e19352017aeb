"""The weights topic: the first record of a version holds, whoever wrote it."""

import asyncio
from typing import Any, cast

import pytest

from features.errors import ContractError
from loyalty.weights import Weights
from online_models.published import Evidence, PublishedWeights
from streams import weights_log
from streams.weights_log import WeightsLog


def version(number: int, example_offset: int) -> PublishedWeights:
    weights = Weights(version=number, earning_bp=(), score_bp=())
    return PublishedWeights(
        example_offset=example_offset, log_time_ms=0, weights=weights, evidence=cast("Evidence", None)
    )


class SharedTopic:
    """A topic that somebody else writes to, too, right before us."""

    def __init__(self, *theirs: PublishedWeights) -> None:
        self.records = list(map(encoded, theirs))

    async def append(self, _topic: str, _partition: int, value: bytes) -> None:
        self.records.append(value)


def encoded(published: PublishedWeights) -> bytes:
    return b"%d %d" % (published.version, published.example_offset)


def publish(topic: SharedTopic, ours: PublishedWeights, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(weights_log, "encode_published", encoded)
    log = WeightsLog("weights", cast("Any", None), cast("Any", topic))

    async def read() -> None:
        for raw in topic.records:
            log._raw.setdefault(int(raw.split()[0]), raw)

    monkeypatch.setattr(log, "read", read)
    return asyncio.run(log.publish(ours))


def test_two_trainers_that_learned_the_same_publish_one_version(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = SharedTopic(version(1, 40))
    assert publish(topic, version(1, 40), monkeypatch)
    assert set(topic.records) == {encoded(version(1, 40))}


def test_a_trainer_that_learned_something_else_under_a_version_that_stands_does_not_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ContractError, match="is not what the examples give"):
        publish(SharedTopic(version(1, 40)), version(1, 41), monkeypatch)
