"""Recovery: where reading goes on, what is refused, and that nobody is ready before it is complete."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Self
from unittest.mock import AsyncMock, MagicMock

import pytest
from faust.types import TP

from features.errors import ContractError, CorruptStateError
from streams import recovery
from streams.changelog import Replay
from streams.recovery import Recovery, refuse_lost_records
from streams.stores import MemoryPartition

ACTIONS, CHANGELOG = TP("loyalty.actions", 0), TP("loyalty-members-changelog", 0)


class Broker:
    """Starts and ends of partitions; it stands in for the reader and for its class."""

    def __init__(self, start: int, end: int = 0) -> None:
        self._start = start
        self._end = end

    def __call__(self, _connection: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def starts(self, partitions: Collection[TP]) -> dict[TP, int]:
        return dict.fromkeys(partitions, self._start)

    async def ends(self, partitions: Collection[TP]) -> dict[TP, int]:
        return dict.fromkeys(partitions, self._end)


def read_from(stands_at: int, start: int, end: int) -> int:
    """Where recovery begins to read a changelog from `start` to `end`, with a store that stands at an offset."""
    store = MemoryPartition()
    store.write([], stands_at)
    broker: Any = Broker(start, end)
    positions = asyncio.run(Recovery._positions(broker, {CHANGELOG: Replay(store)}, {CHANGELOG: end}))
    return positions[CHANGELOG]


@pytest.mark.parametrize(
    ("stands_at", "start", "expected"),
    [(-1, 0, 0), (699, 0, 700), (999, 0, 1_000), (-1, 40, 40)],
    ids=["a lost disk", "a warm restart", "nothing new", "the first records are compacted away"],
)
def test_recovery_reads_what_the_store_does_not_have_and_no_more(stands_at: int, start: int, expected: int) -> None:
    assert read_from(stands_at, start, end=1_000) == expected


def test_a_store_ahead_of_its_changelog_is_refused() -> None:
    with pytest.raises(CorruptStateError, match="the broker has lost records"):
        read_from(1_000, 0, end=1_000)


@pytest.mark.parametrize(("position", "refused"), [(0, False), (9, True), (10, False), (11, False)])
def test_records_that_were_deleted_before_they_were_applied_stop_the_worker(
    position: int,
    refused: bool,  # noqa: FBT001 - a parameter of a test
) -> None:
    with pytest.raises(ContractError, match="points would be lost") if refused else nullcontext():
        refuse_lost_records({ACTIONS: position}, {ACTIONS: 10})


def new_recovery(app: Any, prepared: asyncio.Event) -> Recovery:  # noqa: ANN401 - a mock
    """A recovery of an app without a table, whose positions are there when `prepared` is set."""

    async def prepare(assigned: Collection[TP], _replays: Mapping[int, Replay]) -> dict[TP, int]:
        await prepared.wait()
        return dict.fromkeys(assigned, 7)

    nothing: Any = None
    return Recovery(app, connection=nothing, identity=nothing, prepare=prepare, release=AsyncMock(), table=lambda: None)


def test_nothing_flows_and_nobody_is_ready_before_recovery_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    async def assigned_twice() -> None:
        monkeypatch.setattr(recovery, "ChangelogReader", Broker(start=0))
        consumer = MagicMock(seek_wait=AsyncMock(), leave_unread=AsyncMock())
        app = MagicMock(
            consumer=consumer,
            consumer_generation_id=1,
            on_rebalance_complete=SimpleNamespace(send=AsyncMock()),
            _fetcher=SimpleNamespace(maybe_start=AsyncMock()),
        )
        prepared = asyncio.Event()
        recovering = new_recovery(app, prepared)
        for _ in range(2):
            prepared.clear()
            consumer.reset_mock()
            await recovering.on_rebalance({ACTIONS}, set(), {ACTIONS}, 1)
            states = [await settled(recovering)]
            assert not consumer.resume_partitions.called
            assert not consumer.resume_flow.called
            prepared.set()
            states.append(await settled(recovering))
            consumer.resume_partitions.assert_called_once_with({ACTIONS})
            recovering.on_partitions_revoked({ACTIONS})
            states.append(await settled(recovering))
            assert states == [False, True, False]

    async def settled(recovering: Recovery) -> bool:
        for _ in range(20):
            await asyncio.sleep(0)
        return recovering.ready

    asyncio.run(assigned_twice())
