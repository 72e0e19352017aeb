"""The producers: idempotent and awaited.

Outputs go through librdkafka, whose threads compress and send while Python folds; state goes through aiokafka, which
takes a record batch that is made by hand and appended whole (docs/adr/0010). Both repeat a request whose answer was
lost; the broker recognises the repetition. So a record is either acknowledged, or the process ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError, ContractError
from streams.deliveries import Deliveries
from streams.effects import seal
from streams.records import Output, OutputTopic
from streams.row_format import MARK_BYTES

Rows = Sequence[tuple[bytes, bytes | None]]
_Client = TypeVar("_Client", AIOKafkaProducer, Producer)

# A fold stops at about 4 MiB of rows, but one record may change more; the changelog takes 12 MiB (streams.topics).
MAX_STATE_BATCH_BYTES = 11 * 1024 * 1024
# Outputs come some hundred at once: the first waits this long for the others, so that they go in one request.
_LINGER_MS = 1
# What may wait for the broker, of all partitions; a batch has some MiB of outputs.
_QUEUE_KIB = 64 * 1024
# To librdkafka, timestamp 0 means now.
_NOW = 0
_FIRST_MS = 1
_UNKNOWN_OFFSET = -1

# A tombstone has no value to carry the mark of the batch that wrote it; this header does, as 8 bytes, big-endian.
MARK_HEADER = "mark"

# Outputs of these topics go to partition 0: the trainer reads one log.
SINGLE_PARTITION_TOPICS: frozenset[OutputTopic] = frozenset({"examples"})


class Connection:
    """How this process's clients connect and send: aiokafka's by `consumer` and `producer`, librdkafka's by `outputs`.

    Args:
        bootstrap_servers: Brokers to begin with.
        compression: None or a name that both know, such as "zstd".
        request_timeout_ms: How long a request may take.
    """

    def __init__(self, bootstrap_servers: str, compression: str | None, request_timeout_ms: int) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.request_timeout_ms = request_timeout_ms
        self.consumer: Mapping[str, Any] = {
            "bootstrap_servers": bootstrap_servers,
            "request_timeout_ms": request_timeout_ms,
        }
        self.producer: Mapping[str, Any] = {
            **self.consumer,
            "enable_idempotence": True,
            "compression_type": compression,
            "max_request_size": MAX_STATE_BATCH_BYTES,
        }
        self.outputs: Mapping[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "enable.idempotence": True,
            "compression.type": compression or "none",
            "linger.ms": _LINGER_MS,
            "message.timeout.ms": request_timeout_ms,
            "message.max.bytes": MAX_STATE_BATCH_BYTES,
            "queue.buffering.max.kbytes": _QUEUE_KIB,
            "log_level": 0,
        }


class RecordWriter:
    """Appends single records and waits for each; for controls and weights, which are few."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None

    async def append(
        self, topic: str, partition: int, value: bytes, *, key: bytes | None = None, timestamp_ms: int | None = None
    ) -> int:
        """Append a record; returns its offset once it is acknowledged."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(**self._connection.producer)
            await self._producer.start()
        metadata = await self._producer.send_and_wait(topic, value, key, partition, timestamp_ms)
        offset: int = metadata.offset
        return offset

    async def stop(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


class BatchWriter:
    """The producers of a worker, for outputs and for state.

    State has one of its own, because it must not queue behind outputs.

    Args:
        connection: How to connect.
        topics: Names of the output topics; that of effects is the actions topic.
        changelog: Name of the changelog topic.
        key: Signs effects.
    """

    def __init__(
        self, connection: Connection, topics: Mapping[OutputTopic, str], changelog: str, key: Ed25519PrivateKey
    ) -> None:
        self._connection = connection
        self._topics = topics
        self.changelog = changelog
        self._key = key
        self._outputs: Producer | None = None
        self._state: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Safe to call twice."""
        if self._state is None:
            self._outputs = Producer(dict(self._connection.outputs))
            self._state = AIOKafkaProducer(**self._connection.producer, max_batch_size=MAX_STATE_BATCH_BYTES)
            await self._state.start()

    async def stop(self) -> None:
        """Disconnect; nothing is on its way any more."""
        state, self._state, self._outputs = self._state, None, None
        if state is not None:
            await state.stop()

    async def send_outputs(self, partition: int, outputs: Iterable[Output]) -> None:
        """Send outputs to their topics, in order, and wait until every one is acknowledged.

        Raises:
            BrokerError: the broker did not take one.
        """
        deliveries = Deliveries(_started(self._outputs))
        for output in outputs:
            target, timestamp_ms, value = partition, _NOW, output.value
            if output.topic == "effects":
                target, timestamp_ms, value = seal(value, self._key)
                timestamp_ms = max(timestamp_ms, _FIRST_MS)
            elif output.topic in SINGLE_PARTITION_TOPICS:
                target = 0
            await deliveries.send(self._topics[output.topic], target, output.key, value, timestamp_ms)
        await deliveries.complete()

    async def send_state(self, partition: int, rows: Rows, mark: int) -> int:
        """Append rows to the changelog as one record batch; returns the offset of its first record.

        Raises:
            ContractError: they do not fit into one record batch.
            BrokerError: the broker took them but cannot say where.
        """
        producer = _started(self._state)
        builder = producer.create_batch()
        tombstone = [(MARK_HEADER, mark.to_bytes(MARK_BYTES, "big"))]
        for key, value in rows:
            headers = tombstone if value is None else []
            if builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
                raise ContractError(
                    f"the rows that a batch of partition {partition} changed exceed {MAX_STATE_BATCH_BYTES} bytes: one "
                    "record must not change so much"
                )
        builder.close()
        metadata = await (await producer.send_batch(builder, self.changelog, partition=partition))
        if metadata.offset == _UNKNOWN_OFFSET:
            raise BrokerError(f"{self.changelog}/{partition}: a state batch was acknowledged without an offset")
        offset: int = metadata.offset
        return offset


def _started(producer: _Client | None) -> _Client:
    if producer is None:
        raise ContractError("the writer is not started")
    return producer
