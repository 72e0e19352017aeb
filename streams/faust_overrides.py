"""Every change to how Faust 0.15.3 works, in one place: read this before an upgrade.

Faust keeps what it is good at: the worker, partition assignment with standby copies, the consumer and its heartbeats,
streams, the web server. What follows here replaces the parts that lose or double work (why, in `docs/reliability.md`):

1. `ShellConsumer._new_offset`: an event is a batch, so acknowledged offsets are never consecutive. Batches of a
   partition are acknowledged in order, so the highest one + 1 may be committed.
2. `ShellConsumer._read_offset`: Faust drops records below the highest offset it has seen, and fills jumps of offsets
   with a tree of gaps. After a seek backwards the first loses records and the second commits unprocessed ones. Both
   are off; where reading goes on is decided by the mark in the table.
3. `ShellConsumer.perform_seek`: seeks to the committed offset at odd moments. Reading goes on from the mark instead,
   set once, at the end of recovery.
4. `ShellConsumer.on_buffer_full`: Faust stops fetching a partition whose buffer is full, and sleeps a second when that
   is every partition. Ours waits for room in the buffer instead.
5. `ShellTableManager.recovery`: Faust's recovery resumes partitions before it seeks, logs and ignores errors while it
   restores rows, and handles one row per event. `streams.recovery.Recovery` takes its place.
6. `acknowledge`: a stream acknowledges in a `finally`, also after an exception. Our agents iterate with `noack()` and
   acknowledge here, after the commit.
7. `end_process`: an agent that fails is restarted with the next event. Ours ends the process.
8. `ShellConsumerThread`: Faust reads what a producer's transaction has not committed, or has aborted. Ours does not.
9. `ShellConsumer.leave_unread`: Faust's consumer is assigned the changelog, too, which our recovery reads by itself.
   aiokafka asks the leaders of such partitions where they begin, and fetches nothing else from these brokers before
   they have answered. A broker that is not the leader any more only refuses, and nobody asks who is: after leaders had
   moved, partitions stood still for up to five minutes. Ours says at once that these partitions are not read.
10. `ShellConsumerThread._fetch_records`: to Faust, markers of transactions and what they have aborted are lag for ever.
    Ours notes where reading stands, and tells by it that nothing is left (`tests/integration/test_transactions.py`).
11. `ShellConsumerThread` again: Faust lets a broker wait 1.5 s for something to answer. aiokafka has one fetch at a
   time under way with a broker, and where a partition's records are still in hand, it asks for the others only: were
   those quiet, the busy one would stand still for as long. Ours waits `FETCH_WAIT_MS`.

`tests/unit/streams/test_faust_overrides.py` shows 1 to 9 and 11 beside stock Faust, so an upgrade that mends one of
them shows there. `make faust-report` shows what they are worth together (`docs/faust.md`).
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.events import Event
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from features.errors import LoyaltyError
from streams.lag import NOTHING_DELIVERED, Delivered, committed_end, delivered, records_behind
from streams.logs import fields, log

# How long a fetch may wait for records: the most that quiet partitions hold up a busy one. An idle worker asks twenty
# times a second.
FETCH_WAIT_MS = 50

# sysexits.h: an internal software error. Supervisors start the process anew, whatever the code.
EXIT_SOFTWARE = 70


def end_process(what: str, failure: BaseException) -> NoReturn:
    """Log, flush and end at once, acknowledging nothing.

    Going on after a failed batch could skip it; a clean shutdown would wait for it. A new process starts from what has
    landed, which is always a right state.
    """
    try:
        # Our own errors are written for operators and name no member; those of libraries may quote what they choked on.
        reason = str(failure) if isinstance(failure, LoyaltyError) else type(failure).__qualname__
        log("process").critical(
            "the process ends; its successor goes on from what has landed",
            exc_info=failure,
            extra=fields(cause=what, reason=reason),
        )
        for handler in logging.getLogger().handlers:
            handler.flush()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Logs may be on the disk that is full: a process that cannot say why it ends has to end all the same.
        os._exit(EXIT_SOFTWARE)


def was_cancelled(failure: BaseException) -> bool:
    """Whether `failure` is the running task's own cancellation, asked for by whoever owns it.

    A library may also let the cancellation of something of its own through; taken for ours, it would end a task without
    a word.
    """
    task = asyncio.current_task()
    return isinstance(failure, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def acknowledge(app: faust.App, event: Event) -> None:
    """Mark the event's records as done; Faust commits their offset at its next interval, for lag to be seen."""
    event.message.ack(app.consumer)


def drop(event: Event) -> None:
    """Forget the event's records, which are read again: Faust shall not wait for them, and commits nothing of them."""
    event.message.acked = True


class _NothingRead(dict[TP, int | None]):
    """Read offsets, forgotten: Faust then neither drops a record nor invents gaps."""

    def __getitem__(self, tp: TP) -> None:
        return None


class ShellConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's thread around aiokafka's consumer, for records that are committed, without long waits."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed through to Faust
        super().__init__(*args, **kwargs)
        self._delivered: dict[TP, Delivered] = {}

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust derives this from its own transactions, which are not in use; aiokafka reads it when it starts.
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - there is no setting to pass it through
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 - Faust has no setting for it either
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None,  # noqa: ASYNC109 - Faust's
        max_records: int | None = None,
    ) -> Mapping[TP, Sequence[ConsumerRecord]]:
        records: Mapping[TP, Sequence[ConsumerRecord]]
        records = await super()._fetch_records(consumer, active_partitions, timeout, max_records)
        for tp in active_partitions or ():
            self._delivered[tp] = delivered(
                consumer, tp, records.get(tp, ()), self._delivered.get(tp, NOTHING_DELIVERED)
            )
        return records

    def behind(self, tp: TP, mark: int) -> int | None:
        """Records after `mark` that could be read when the partition was last asked, None before that."""
        end = committed_end(self._ensure_consumer(), tp)
        return None if end is None else records_behind(mark, end, self._delivered.get(tp, NOTHING_DELIVERED))

    async def leave_unread(self, partitions: Collection[TP]) -> None:
        """Give partitions a position and pause them, in the thread that the consumer lives in."""
        await self.call_thread(self._leave_unread, [TopicPartition(*tp) for tp in partitions])

    async def _leave_unread(self, partitions: Collection[TopicPartition]) -> None:
        consumer = self._ensure_consumer()
        consumer.pause(*partitions)
        for tp in partitions:
            consumer.seek(tp, 0)


class ShellConsumer(driver.Consumer):
    """Faust's consumer, with offsets counted in batches and positions set by recovery only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - handed through to Faust
        super().__init__(*args, **kwargs)
        self._read_offset = _NothingRead()

    def _new_consumer_thread(self) -> ShellConsumerThread:
        return ShellConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    def note_applied(self, positions: Mapping[TP, int]) -> None:
        """Let everything before these offsets be committed: a dead worker may have applied more than it committed."""
        for tp, position in positions.items():
            if position > 0:
                self._acked[tp].append(position - 1)

    async def leave_unread(self, partitions: Collection[TP]) -> None:
        """Read nothing of these partitions, and ask nothing about them: see 9 above."""
        await self._thread.leave_unread(partitions)

    def behind(self, tp: TP, mark: int) -> int | None:
        """Records of a partition after `mark`, None before it was read."""
        behind: int | None = self._thread.behind(tp, mark)
        return behind

    async def perform_seek(self) -> None:
        """Stay: see 3 above."""

    def on_buffer_full(self, tp: TP) -> None:
        """Go on: see 4 above."""


class ShellTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer = ShellConsumer


class ShellTableManager(TableManager):
    """Faust's table manager with our recovery."""

    async def on_start(self) -> None:
        """Start without the second that Faust waits for tables to be declared: ours is."""
        await self._update_channels()
        await self.recovery.start()

    @property
    def recovery(self) -> Service:
        """The service that brings tables and positions up to date after an assignment."""
        if self._recovery is None:
            self._recovery: Service = self.app.new_recovery(loop=self.loop, beacon=self.beacon)
        return self._recovery


class ShellApp(faust.App):
    """A Faust app with the overrides above.

    Args:
        new_recovery: Builds the recovery service (`streams.recovery.Recovery`).
        on_drained: Called once the last batch is committed and acknowledged, before Faust closes its producer.
    """

    def __init__(
        self,
        app_id: str,
        *,
        new_recovery: Callable[..., Service],
        on_drained: Callable[[], Awaitable[None]],
        **config: Any,  # noqa: ANN401 - Faust's settings
    ) -> None:
        super().__init__(app_id, TableManager=ShellTableManager, **config)
        self.new_recovery = lambda **service: new_recovery(self, **service)
        self.on_before_shutdown.connect(lambda *_, **__: on_drained())

    def _new_transport(self) -> ShellTransport:
        return ShellTransport(self.conf.broker_consumer, self)
