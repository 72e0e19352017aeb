"""The collector of garbage: how much it looks at in one go, in which the process stands still."""

import gc
from collections.abc import Iterator, Mapping

import pytest

from streams.collector import collect_seldom


@pytest.fixture
def seldom() -> Iterator[None]:
    thresholds = gc.get_threshold()
    collect_seldom()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("seldom")
def test_members_that_come_into_memory_are_looked_at_a_few_at_a_time() -> None:
    looked_at: list[int] = []

    def note(phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            looked_at.append(sum(len(gc.get_objects(young)) for young in range(info["generation"] + 1)))

    gc.callbacks.append(note)
    try:
        members = [[number] for number in range(200_000)]
    finally:
        gc.callbacks.remove(note)
    assert len(members) == 200_000
    assert looked_at
    assert max(looked_at) < 20_000
