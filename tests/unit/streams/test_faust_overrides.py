"""What stock Faust does with offsets of batches, and what ours does: an upgrade that mends Faust shows here."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import faust
import pytest
from faust.tables.recovery import Recovery as StockRecovery
from faust.transport.consumer import IntervalTree
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread as StockThread
from faust.transport.drivers.aiokafka import Consumer as StockConsumer
from faust.types import TP

from streams.faust_overrides import EXIT_SOFTWARE, ShellConsumer, ShellConsumerThread, _NothingRead, was_cancelled
from streams.recovery import Recovery

ACTIONS = TP("loyalty.actions", 0)
# Three batches were acknowledged: each event's offset is the last of its records.
LAST_OFFSETS = [699, 1_399, 2_099]


def with_acknowledged(kind: Any, offsets: list[int]) -> Any:  # noqa: ANN401 - Faust has no types
    """A consumer with nothing but its offsets."""
    consumer = kind.__new__(kind)
    consumer._acked = defaultdict(list, {ACTIONS: list(offsets)})
    consumer._acked_index = defaultdict(set, {ACTIONS: set(offsets)})
    consumer._committed_offset = defaultdict(lambda: None)
    consumer._gap = defaultdict(IntervalTree)
    return consumer


def test_the_highest_batch_acknowledged_is_what_may_be_committed() -> None:
    assert with_acknowledged(StockConsumer, LAST_OFFSETS)._new_offset(ACTIONS) == 700
    ours = with_acknowledged(ShellConsumer, LAST_OFFSETS)
    assert ours._new_offset(ACTIONS) == 2_100
    assert ours._new_offset(ACTIONS) is None


def test_gaps_that_stock_faust_invents_between_batches_hold_its_commits_back() -> None:
    stock = with_acknowledged(StockConsumer, [699])
    asyncio.run(stock._add_gap(ACTIONS, 700, 1_399))  # what its fetch loop does when the second batch arrives
    committed = [stock._new_offset(ACTIONS)]
    stock._acked[ACTIONS].append(1_399)
    committed.append(stock._new_offset(ACTIONS))
    stock._acked[ACTIONS].append(2_099)
    committed.append(stock._new_offset(ACTIONS))
    assert committed[-1] != 2_100


def test_no_record_is_dropped_for_being_behind_one_that_was_read() -> None:
    offsets = _NothingRead()
    offsets[ACTIONS] = 5_000
    assert offsets[ACTIONS] is None


def test_only_a_cancellation_that_was_asked_for_counts_as_one() -> None:
    async def told(*, ask: bool) -> bool:
        async def stray() -> None:
            raise asyncio.CancelledError

        async def work() -> bool:
            try:
                await (asyncio.sleep(60) if ask else stray())
            except asyncio.CancelledError as failure:
                return was_cancelled(failure)
            return False

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        if ask:
            task.cancel()
        return await task

    assert asyncio.run(told(ask=True)) is True
    assert asyncio.run(told(ask=False)) is False


def test_a_process_ends_even_where_it_cannot_say_why(tmp_path: Path) -> None:
    code = (
        "import resource\n"
        "from streams.faust_overrides import end_process\n"
        "print('waits to be written')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"  # to this process, the disk is full
        "end_process('commit', OSError('no space left'))\n"
    )
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with (tmp_path / "log").open("w") as log:
        ended = subprocess.run([sys.executable, "-c", code], stdout=log, stderr=log, env=buffered, check=False)
    assert ended.returncode == EXIT_SOFTWARE


def test_stock_faust_seeks_to_what_was_committed_and_ours_stays_where_recovery_put_it() -> None:
    for kind, seeks in ((StockConsumer, 1), (ShellConsumer, 0)):
        consumer = with_acknowledged(kind, [])
        consumer._read_offset = {}
        consumer.seek_to_committed = AsyncMock(return_value={ACTIONS: 5})
        asyncio.run(consumer.perform_seek())
        assert consumer.seek_to_committed.await_count == seeks


def test_stock_faust_stops_fetching_a_partition_whose_buffer_is_full_and_ours_goes_on() -> None:
    for kind, fetched in ((StockConsumer, set()), (ShellConsumer, {ACTIONS})):
        consumer = with_acknowledged(kind, [])
        consumer.app = SimpleNamespace(in_recovery=False)
        consumer._active_partitions = {ACTIONS}
        consumer._buffered_partitions = set()
        consumer.on_buffer_full(ACTIONS)
        assert consumer._active_partitions == fetched


def test_stock_faust_lets_partitions_flow_before_it_seeks_and_ours_seeks_first() -> None:
    assert order_of(lambda app: StockRecovery.on_recovery_completed(stock_recovery(app), generation_id=1)) == [
        "resume_partitions",
        "perform_seek",
    ]
    assert order_of(lambda app: our_recovery(app)._resume({ACTIONS: 7})) == ["seek_wait", "resume_partitions"]


def order_of(resume: Callable[[Any], Coroutine[Any, Any, None]]) -> list[str]:
    """In which order a recovery that is complete seeks and lets partitions flow."""
    app = MagicMock(consumer_generation_id=1)
    app.on_rebalance_complete.send = AsyncMock()
    app._fetcher.maybe_start = AsyncMock()
    app.consumer.assignment.return_value = {ACTIONS}
    app.consumer.seek_wait = AsyncMock()
    app.consumer.perform_seek = AsyncMock()
    asyncio.run(resume(app))
    steps = {"resume_partitions", "perform_seek", "seek_wait"}
    return [name for name, *_ in app.consumer.mock_calls if name in steps]


def stock_recovery(app: Any) -> Any:  # noqa: ANN401 - a mock
    recovery = MagicMock(app=app)
    recovery.tables = MagicMock(values=list)
    recovery._is_changelog_tp.return_value = False

    async def wait(work: Awaitable[None], **_: object) -> None:
        await work

    recovery._wait = wait
    return recovery


def our_recovery(app: Any) -> Recovery:  # noqa: ANN401 - a mock
    recovery = Recovery.__new__(Recovery)
    recovery.app = app
    recovery.completed = MagicMock()
    return recovery


@pytest.mark.parametrize(
    ("kind", "level"), [(StockThread, "read_uncommitted"), (ShellConsumerThread, "read_committed")]
)
def test_stock_faust_reads_what_a_transaction_has_not_committed_and_ours_does_not(
    kind: Any,  # noqa: ANN401 - Faust has no types
    level: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = "faust.transport.drivers.aiokafka.aiokafka.AIOKafkaConsumer"
    monkeypatch.setattr(made, lambda **options: SimpleNamespace(_isolation_level=options["isolation_level"]))
    thread = kind.__new__(kind)
    thread.app = faust.App("levels", broker="kafka://nowhere", store="memory://")
    thread.consumer = SimpleNamespace(in_transaction=False)
    transport = SimpleNamespace(url=thread.app.conf.broker_consumer, default_port=9092)
    assert thread._create_worker_consumer(transport)._isolation_level == level
