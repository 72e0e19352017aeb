"""The weights topic: the first record of a version holds, whoever wrote it."""

import asyncio
from typing import Any, cast

import pytest

from features.errors import ContractError
from loyalty.weights import Weights
from online_models.published import Evidence, PublishedWeights
from streams import weights_log
from streams.controls import WeightsData
from streams.memory_store import MemoryStore
from streams.partition import Partition
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


@pytest.mark.parametrize(("guarded", "contents"), [(True, 1), (False, 2)])
def test_without_the_look_at_what_stands_two_trainers_that_differ_publish_under_one_version(
    guarded: bool,  # noqa: FBT001 - a parameter of a test
    contents: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def publish_unseen(self: WeightsLog, ours: PublishedWeights) -> bool:
        await self._writer.append("weights", 0, encoded(ours))
        return True

    if not guarded:
        monkeypatch.setattr(WeightsLog, "publish", publish_unseen)
    topic, written_out = SharedTopic(), set[PublishedWeights]()
    for trainer in (version(1, 40), version(1, 41)):
        try:
            publish(topic, trainer, monkeypatch)
        except ContractError:
            continue  # its process ends
        written_out.add(trainer)
    assert len(written_out) == contents


def test_a_partition_adopts_newer_versions_only_whatever_a_late_trainer_writes() -> None:
    partition = Partition(0, b"topic", MemoryStore())
    adopted = [
        partition.adopt_weights(WeightsData(version(number, content).weights, content, 0))
        for number, content in ((1, 40), (2, 80), (1, 40), (2, 81))
    ]
    assert adopted == [True, True, False, False]
    assert partition.row.weights_version == 2
