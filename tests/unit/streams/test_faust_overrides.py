"""What stock Faust does with offsets of batches, and what ours does: an upgrade that mends Faust shows here."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, MagicMock

import faust
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.events import Event
from faust.streams import Stream
from faust.tables.recovery import Recovery as StockRecovery
from faust.transport.consumer import IntervalTree
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread as StockThread
from faust.transport.drivers.aiokafka import Consumer as StockConsumer
from faust.types import TP, Message

from streams.agents import Members
from streams.faust_overrides import (
    EXIT_SOFTWARE,
    FETCH_WAIT_MS,
    ShellConsumer,
    ShellConsumerThread,
    _NothingRead,
    acknowledge,
    was_cancelled,
)
from streams.recovery import Recovery

ACTIONS = TP("loyalty.actions", 0)
CHANGELOG = TP("loyalty-members-changelog", 0)
LEADER = 1
# What a broker answers who is asked where a partition begins that it does not lead any more.
NOT_LEADER = SimpleNamespace(API_VERSION=1, topics=[(CHANGELOG.topic, [(0, 6, 0, -1)])])
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
    assert order_of(lambda app: our_recovery(app)._resume({ACTIONS: 7}, [CHANGELOG])) == [
        "seek_wait",
        "resume_partitions",
    ]


def order_of(resume: Callable[[Any], Coroutine[Any, Any, None]]) -> list[str]:
    """In which order a recovery that is complete seeks and lets partitions flow."""
    app = MagicMock(consumer_generation_id=1)
    app.on_rebalance_complete.send = AsyncMock()
    app._fetcher.maybe_start = AsyncMock()
    app.consumer.assignment.return_value = {ACTIONS}
    app.consumer.seek_wait = AsyncMock()
    app.consumer.leave_unread = AsyncMock()
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
    ("kind", "level", "wait_ms"),
    [(StockThread, "read_uncommitted", 1_500), (ShellConsumerThread, "read_committed", FETCH_WAIT_MS)],
)
def test_stock_faust_reads_uncommitted_records_and_waits_long_for_quiet_partitions_and_ours_does_neither(
    kind: Any,  # noqa: ANN401 - Faust has no types
    level: str,
    wait_ms: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = "faust.transport.drivers.aiokafka.aiokafka.AIOKafkaConsumer"
    kept = ("isolation_level", "fetch_max_wait_ms")
    monkeypatch.setattr(made, lambda **options: SimpleNamespace(**{f"_{name}": options[name] for name in kept}))
    thread = kind.__new__(kind)
    thread.app = faust.App("levels", broker="kafka://nowhere", store="memory://")
    thread.consumer = SimpleNamespace(in_transaction=False)
    transport = SimpleNamespace(url=thread.app.conf.broker_consumer, default_port=9092)
    consumer = thread._create_worker_consumer(transport)
    assert (consumer._isolation_level, consumer._fetch_max_wait_ms) == (level, wait_ms)


class PlannedError(Exception):
    """A bug, as planned."""


class ProcessEnded(BaseException):
    """Stands in for the end of the process."""


def ended(*_: object) -> None:
    raise ProcessEnded


class BrokenLanes(Members):
    """The agent, with lanes that cannot take anything."""

    async def _take(self, event: Event) -> None:
        raise PlannedError(event.value)


async def fails(stream: Stream) -> None:
    """An agent as Faust's manual has it."""
    async for event in stream.events():
        raise PlannedError(event.value)


def after_failure(agent: Callable[[faust.App], Callable[[Stream], Coroutine[Any, Any, None]]]) -> tuple[bool, bool]:
    """Whether an agent that raised has acknowledged what it failed on, and whether its process goes on."""

    async def run() -> tuple[bool, bool]:
        app = faust.App("failing", broker="kafka://nowhere", store="memory://")
        app.consumer = MagicMock(unacked=set(), on_task_error=AsyncMock())
        channel = app.channel()
        message = Message(*ACTIONS, 699, 0.0, 0, (), None, b"batch", None, generation_id=app.consumer_generation_id)
        message.incref()
        app.flow_control.resume()
        stock = app.agent(channel)(agent(app))
        stock.supervisor = MagicMock()
        stream = app.stream(channel)
        await stream.channel.put(Event(app, None, b"batch", (), message))
        aref = MagicMock(crash=AsyncMock())
        goes_on = True
        try:
            await stock._execute_actor(agent(app)(stream), aref)
        except ProcessEnded:
            goes_on = False
        else:
            assert stock.supervisor.wakeup.called, "the agent is started again"
        await stream.stop()
        return message.acked, goes_on

    return asyncio.run(run())


def test_stock_faust_acknowledges_what_its_agent_failed_on_and_goes_on_and_ours_ends_with_nothing_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.agents.end_process", ended)
    nothing: Any = None
    assert after_failure(lambda _app: fails) == (True, True)
    ours = partial(BrokenLanes, topic="t", new_fold=nothing, new_commit=nothing, identity=nothing, observe=nothing)
    assert after_failure(lambda app: ours(app).run) == (False, False)


def test_what_is_acknowledged_by_hand_is_committed_by_faust_later() -> None:
    app, event = MagicMock(), MagicMock()
    acknowledge(app, event)
    event.message.ack.assert_called_once_with(app.consumer)


@pytest.mark.parametrize(("shell", "fetched"), [(False, []), (True, [ACTIONS.topic])])
def test_a_broker_that_does_not_lead_the_changelog_any_more_keeps_aiokafka_from_reading_actions_but_not_ours(
    shell: bool,  # noqa: FBT001 - a parameter of a test
    fetched: list[str],
) -> None:
    async def run() -> None:
        client = MagicMock(_metadata_max_age_ms=300_000)
        client.cluster.leader_for_partition.return_value = LEADER
        client.send = AsyncMock(return_value=NOT_LEADER)
        subscriptions = SubscriptionState()
        consumer = AIOKafkaConsumer.__new__(AIOKafkaConsumer)
        consumer._subscription, consumer._fetcher = subscriptions, Fetcher(client, subscriptions)
        consumer._fetcher._fetch_task.cancel()  # its steps are taken one by one here
        both = [TopicPartition(*ACTIONS), TopicPartition(*CHANGELOG)]
        subscriptions.assign_from_user(both)
        consumer.seek(both[0], 7)
        if shell:
            thread = ShellConsumerThread.__new__(ShellConsumerThread)
            thread._consumer = consumer
            await thread._leave_unread(both[1:])
        else:
            assignment = subscriptions.subscription.assignment
            assignment.state_value(both[1]).await_reset(OffsetResetStrategy.EARLIEST)
            await consumer._fetcher._update_fetch_positions(assignment, LEADER, both[1:])
            assert not client.force_metadata_update.called
        requests, asked, *_ = consumer._fetcher._get_actions_per_node(subscriptions.subscription.assignment)
        assert [topic for _, request in requests for topic, _ in request.topics] == fetched
        assert dict(asked) == ({} if shell else {LEADER: both[1:]})

    asyncio.run(run())
