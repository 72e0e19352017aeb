"""When everything is settled: asked while the work still goes on, step by step."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from loyalty.weights import Weights
from online_models.published import Evidence, PublishedWeights
from streams import progress
from streams.progress import Progress
from streams.state import PartitionRow
from streams.topics import TopicKind


@dataclass
class World:
    """One partition with its last action still to come; each look at the world lets its work go one step further."""

    looks: int = 0
    applied: int = 9
    examples: int = 5
    learned: int = 5
    published: int = 1
    adopted: int = 1
    actions: int = 10
    first_step_at: int = 0

    def step(self) -> None:
        """The action is applied and gives an example, from which a version is learned, written out and adopted."""
        self.looks += 1
        match self.looks - self.first_step_at:
            case 1:
                self.applied, self.examples = 10, 6
            case 5:
                self.learned, self.published, self.actions = 6, 2, 11
            case 9:
                self.applied, self.adopted = 11, 2

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.applied == self.actions and self.learned == self.examples and self.adopted == self.published


class Watched(Progress):
    """Looks at such a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._settings = cast("Any", None)

    def heads(self) -> dict[int, tuple[int, PartitionRow]]:
        self._world.step()
        row = PartitionRow(b"", counts={}, adopted_ms={})
        row.weights_version = self._world.adopted
        return {0: (self._world.applied - 1, row)}

    def end(self, kind: TopicKind, partition: int) -> int:
        self._world.step()
        assert partition == 0
        return self._world.actions if kind == "actions" else self._world.examples

    def _records(self, partition: int, start: int, end: int) -> int:
        assert partition == 0
        return end - start

    def _learned(self) -> int:
        self._world.step()
        return self._world.learned

    def _last_values(self, kind: TopicKind, partitions: Any) -> dict[int, bytes]:  # noqa: ANN401, ARG002 - as its base
        self._world.step()
        return {0: b"%d" % self._world.published}


def version_of(raw: bytes) -> PublishedWeights:
    weights = Weights(version=int(raw), earning_bp=(), score_bp=())
    return PublishedWeights(example_offset=0, log_time_ms=0, weights=weights, evidence=cast("Evidence", None))


@pytest.mark.parametrize("first_step_at", range(12))
def test_what_is_settled_has_nothing_left_to_do(first_step_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "decode_published", version_of)
    monkeypatch.setattr(progress, "topic_partitions", lambda _settings, _kind: 1)
    world = World(first_step_at=first_step_at)
    watched = Watched(world)
    for _ in range(20):
        if watched.is_settled():
            break
    assert world.is_done
