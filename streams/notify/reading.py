"""Reads the notifications topic in a consumer group, into the outbox.

Per batch: outbox first, then Kafka's committed offset. Kafka's offset says up to where somebody answers for delivery;
the outbox's own position, up to where this process knows the members' numbers. An assignment compares the two:

| outbox's position | read on from | delivered by this process |
|---|---|---|
| none, or cut off from the log | the log's beginning | from Kafka's offset on |
| before Kafka's offset: others had the partition meanwhile | the outbox's position | from Kafka's offset on |
| at or after it: this process died before it committed | the outbox's position | everything |
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from features.errors import BrokerError
from streams.client import FETCH_WAIT_MS
from streams.logs import fields, log
from streams.metrics import Metrics
from streams.notify.intake import Arrival
from streams.notify.outbox import Outbox
from streams.settings import Settings
from streams.topics import notify_group, topic_name

_TIMEOUT_S = 30.0
_POLL_S = 0.2
_AT_ONCE = 500
# Records that were deleted under the reader, a topic that is gone, rights that are missing.
_FINAL = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001 - so the client names its public constant
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)
# What is in librdkafka's own buffers while the outbox is full, or slow.
_BUFFERED_KIB = 16 * 1024


class NotificationReader:
    """This process's part of the consumer group. All calls come from one thread.

    Args:
        settings: The broker, names, and how long a session lasts.
        outbox: Takes in what is read.
        default_channel: Where to deliver what names no channel.
        limit: Deliveries in the outbox at which reading pauses; it goes on below nine tenths of it.
        metrics: Where to count.
    """

    def __init__(
        self, settings: Settings, outbox: Outbox, default_channel: str, *, limit: int, metrics: Metrics
    ) -> None:
        self._topic = topic_name(settings, "notifications")
        self._outbox = outbox
        self._default_channel = default_channel
        self._limit = limit
        self._metrics = metrics
        self._mine_from: dict[int, int] = {}
        self._paused = False
        self._untold = False
        self._leaving = False
        self.assigned = False
        self._consumer = Consumer(_options(settings))

    def start(self) -> None:
        """Join the group."""
        self._consumer.subscribe([self._topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._leaving = True
        self._consumer.close()

    def step(self, on_taken: Callable[[], None]) -> int:
        """Read what there is, waiting a moment where there is nothing.

        Args:
            on_taken: Called when records are in the outbox, before Kafka is told.

        Returns:
            How many records were read.

        Raises:
            BrokerError: the broker reports an error that does not go away by itself.
        """
        self._balance()
        batches: defaultdict[int, list[Message]] = defaultdict(list)
        for message in self._consume():
            if message.error() is None:
                batches[message.partition()].append(message)
            else:
                self._heed(message.error())
        for partition, messages in batches.items():
            if partition in self._mine_from:  # else it was taken away while these were under way
                self._take_in(partition, messages)
        if batches:
            on_taken()
        # Also after an assignment: the outbox may be ahead of Kafka from before.
        if batches or self._untold:
            self._commit()
        self._show_lag()
        return sum(map(len, batches.values()))

    def _consume(self) -> list[Message]:
        """What there is; assignments are made meanwhile, and ask the broker for offsets."""
        try:
            found: list[Message] = self._consumer.consume(_AT_ONCE, timeout=_POLL_S)
        except KafkaException as failure:
            raise BrokerError(f"{self._topic}: offsets cannot be asked for: {failure.args[0].str()}") from failure
        return found

    def _heed(self, error: KafkaError) -> None:
        """End where nothing would be read any more; what the client tries again by itself is only told."""
        if error.fatal() or error.code() in _FINAL:
            raise BrokerError(f"{self._topic}: {error.str()}")
        log("notify").warning("the broker reports an error", extra=fields(reason=error.name()))

    def _show_lag(self) -> None:
        """Set the gauges of how many records of each partition are not taken in yet. Not from another thread."""
        for partition in self._mine_from:
            at = TopicPartition(self._topic, partition)
            try:
                low, high = self._consumer.get_watermark_offsets(at, cached=True)
            except KafkaException:  # nothing has been fetched of it yet
                continue
            position = self._outbox.position(partition)
            if high >= 0:
                self._metrics.set("lag_records", partition, max(0, high - max(low, position or 0)))

    def _take_in(self, partition: int, messages: Sequence[Message]) -> None:
        mine_from = self._mine_from[partition]
        arrivals = [
            Arrival(partition, each.offset(), each.timestamp()[1], each.value() or b"", each.offset() >= mine_from)
            for each in messages
        ]
        intake = self._outbox.take_in(partition, arrivals, self._default_channel)
        self._metrics.event("notifications_accepted", intake.accepted)
        self._metrics.event("notifications_repeated", intake.repeated)

    def _commit(self) -> None:
        """Tell Kafka. Where it does not listen (a rebalance, an outage), the next time says it, or the next owner's."""
        offsets = [
            TopicPartition(self._topic, partition, position)
            for partition, mine_from in self._mine_from.items()
            if (position := self._outbox.position(partition)) is not None and position >= mine_from
        ]
        try:
            if offsets:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            self._untold = False
        except KafkaException as refused:
            self._untold = True
            log("notify").warning("offsets are not committed", extra=fields(reason=refused.args[0].name()))

    def _balance(self) -> None:
        """Pause while the outbox is full; the group is polled on, so the partitions stay here."""
        assigned = self._consumer.assignment()
        if self._outbox.count >= self._limit and not self._paused:
            self._paused = True
            log("notify").warning("the outbox is full: reading pauses", extra=fields(count=self._outbox.count))
        elif self._paused and self._outbox.count * 10 < self._limit * 9:
            self._paused = False
            self._consumer.resume(assigned)
        if self._paused:
            self._consumer.pause(assigned)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._leaving:  # an assignment that has waited for `close` to be told: the broker answers nothing any more
            return
        committed = {each.partition: each.offset for each in consumer.committed(partitions, _TIMEOUT_S)}
        for at in partitions:
            at.offset = self._start(consumer, at, max(0, committed[at.partition]))
        consumer.assign(partitions)
        self._untold = self.assigned = True
        log("notify").info("assigned", extra=fields(partitions=sorted(self._mine_from)))

    def _start(self, consumer: Consumer, at: TopicPartition, committed: int) -> int:
        """From where to read a partition; notes from where on it is this process's to deliver."""
        low, _ = consumer.get_watermark_offsets(TopicPartition(at.topic, at.partition), timeout=_TIMEOUT_S)
        position = self._outbox.position(at.partition)
        if position is not None and position < low:
            self._outbox.forget_numbers(at.partition)
            position = None
        self._mine_from[at.partition] = max(committed, position or 0)
        return low if position is None else position

    def _revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._mine_from.pop(each.partition, None)
            self._metrics.forget_partition(each.partition)


def _options(settings: Settings) -> dict[str, object]:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "group.id": notify_group(settings),
        "group.instance.id": settings.group_instance_id or None,
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.heartbeat_interval_ms,
        "enable.auto.commit": False,
        # Where records were deleted under the reader: it ends, and the next start begins anew with the numbers.
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": FETCH_WAIT_MS,
        "queued.max.messages.kbytes": _BUFFERED_KIB,
        "log_level": 0,
    }
