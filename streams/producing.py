"""Puts a history into the actions topic: keyed by member, stamped by the history's own clock, with ticks in between.

The topic must keep the producer's timestamps (`ticker = "off"`). Order within a partition is the order of the lines,
and each line arrives once: the producer is idempotent, and a delivery that fails ends the run.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import tee
from typing import Self

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from features.errors import BrokerError
from streams.histories.clock import DEFAULT_TICK_EVERY_MS, history_timestamps
from streams.histories.heads import head_of
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import topic_name

MakeTick = Callable[[int], bytes]

_PROGRESS_EVERY = 1_000
_QUEUE_KIB = 64 * 1024  # what may wait for the broker; a slow broker slows the reading of the file
_POLL_S = 0.05
_FIRST_MS = 1  # to librdkafka, timestamp 0 means now
_KEYS_REMEMBERED = 65_536


class Produced(msgspec.Struct, frozen=True):
    """What a run has written and the broker has acknowledged: lines, tick records, and the clock's range in ms."""

    lines: int
    ticks: int
    first_ms: int
    last_ms: int


def produce_lines(
    settings: Settings,
    lines: Iterable[bytes],
    *,
    lateness_ms: int,
    make_tick: MakeTick | None = None,
    tick_every_ms: int = DEFAULT_TICK_EVERY_MS,
    on_progress: Callable[[int], None] = lambda _sent: None,
) -> Produced:
    """Produce the lines of an action file in order and wait until the broker has them all.

    Args:
        settings: The broker, the topic's name and its partitions.
        lines: One CloudEvent each. A malformed one is sent too, without a key, to be dead-lettered by the worker.
        lateness_ms: How late an action may come, as the policy says; see `streams.histories.clock`.
        make_tick: Makes a signed tick record for a time in ms. With None no ticks are written.
        tick_every_ms: Ticks stand at multiples of this, in every partition, ahead of the first line at or after them;
            a closing one stands at the end.
        on_progress: Called now and then, and at the end, with the number of lines handed over since the last call. It
            may block, which slows producing down.

    Raises:
        BrokerError: the broker did not take a record.
    """
    with _Sender(settings) as sender:
        heads, again = tee((line, *head_of(line)) for line in lines)
        stamps = history_timestamps((time_ms for _, time_ms, _ in heads), lateness_ms)
        ticks = _Ticks(sender, make_tick, tick_every_ms)
        count = first_ms = last_ms = 0
        for (line, _, key), stamp_ms in zip(again, stamps, strict=True):
            last_ms = max(stamp_ms, _FIRST_MS)
            first_ms = first_ms or last_ms
            ticks.until(last_ms)
            # A line without a key belongs nowhere in particular; taking turns is at least the same in each run.
            partition = count % settings.partitions if key is None else _partition_of(key, settings.partitions)
            sender.send(partition, key, line, last_ms)
            count += 1
            if count % _PROGRESS_EVERY == 0:
                on_progress(_PROGRESS_EVERY)
        if count:
            ticks.close(last_ms)
        sender.finish()
        on_progress(count % _PROGRESS_EVERY)
        return Produced(count, ticks.written, first_ms, last_ms)


class _Ticks:
    """Writes ticks at multiples of a step of the history's clock, into every partition."""

    def __init__(self, sender: "_Sender", make_tick: MakeTick | None, every_ms: int) -> None:
        self._sender = sender
        self._make_tick = make_tick
        self._every_ms = every_ms
        self._next_ms: int | None = None
        self.written = 0

    def until(self, stamp_ms: int) -> None:
        """Write the ticks that are due before a record with this timestamp."""
        if self._next_ms is None:
            self._next_ms = stamp_ms - stamp_ms % self._every_ms + self._every_ms
        while self._next_ms <= stamp_ms:
            self.close(self._next_ms)
            self._next_ms += self._every_ms

    def close(self, time_ms: int) -> None:
        """Write a tick at this time."""
        if self._make_tick is not None:
            self.written += self._sender.send_to_all(self._make_tick(time_ms), time_ms)


class _Sender:
    """An idempotent producer for one topic whose failures are raised."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(settings, "actions")
        self._partitions = settings.partitions
        self._failure: KafkaError | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "enable.idempotence": True,
                "compression.type": settings.compression,
                "linger.ms": settings.producer_linger_ms,
                "message.timeout.ms": settings.request_timeout_ms,
                "queue.buffering.max.kbytes": _QUEUE_KIB,
                "message.max.bytes": 2 * 1024 * 1024,  # a value over 1 MiB is the worker's to refuse
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._producer.purge()

    def send(self, partition: int, key: bytes | None, value: bytes, stamp_ms: int) -> None:
        """Queue one record; waits while the queue is full."""
        while True:
            self._check()
            try:
                self._producer.produce(
                    self._topic, value, key, partition, on_delivery=self._delivered, timestamp=stamp_ms
                )
            except BufferError:
                self._producer.poll(_POLL_S)
            else:
                self._producer.poll(0)
                return

    def send_to_all(self, value: bytes, stamp_ms: int) -> int:
        """Queue the record for every partition; returns how many that are."""
        for partition in range(self._partitions):
            self.send(partition, None, value, stamp_ms)
        return self._partitions

    def finish(self) -> None:
        """Wait until the broker has everything."""
        while self._producer.flush(_POLL_S):
            self._check()
        self._check()

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure = error

    def _check(self) -> None:
        if self._failure is not None:
            raise BrokerError(
                f"{self._topic}: a record was not taken: {self._failure.str()}; make the topics and try again"
            )


_partition_of = lru_cache(_KEYS_REMEMBERED)(partition_of)
