"""The producers: idempotent, awaited, in record batches that the broker appends whole.

aiokafka repeats a request whose answer was lost for as long as it takes; the broker recognises the repetition. So a
send either comes back with an offset, or the process ends.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError, ContractError
from streams.effects import seal
from streams.records import Output, OutputTopic
from streams.row_format import MARK_BYTES

Rows = Sequence[tuple[bytes, bytes | None]]
_Target = tuple[OutputTopic, int]  # topic and partition

# A fold stops at about 4 MiB of rows, but one record may change more; the changelog takes 12 MiB (streams.topics).
MAX_STATE_BATCH_BYTES = 11 * 1024 * 1024
# Outputs are cut into record batches well below the topics' limit of 8 MiB; readers fetch 1 MiB at a time.
MAX_OUTPUT_BATCH_BYTES = 1024 * 1024
_UNKNOWN_OFFSET = -1

# A tombstone has no value to carry the mark of the batch that wrote it; this header does, as 8 bytes, big-endian.
MARK_HEADER = "mark"

# Outputs of these topics go to partition 0: the trainer reads one log.
SINGLE_PARTITION_TOPICS: frozenset[OutputTopic] = frozenset({"examples"})


class Connection:
    """How aiokafka's clients of this process connect and send.

    Args:
        bootstrap_servers: Brokers to begin with.
        compression: None or one of aiokafka's names, such as "zstd".
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

    Two of them, because a producer has one request in flight per broker, and state must not queue behind outputs.

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
        self._outputs: AIOKafkaProducer | None = None
        self._state: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Safe to call twice."""
        if self._state is None:
            self._outputs = self._producer(MAX_OUTPUT_BATCH_BYTES)
            self._state = self._producer(MAX_STATE_BATCH_BYTES)
            await asyncio.gather(self._outputs.start(), self._state.start())

    def _producer(self, max_batch_bytes: int) -> AIOKafkaProducer:
        return AIOKafkaProducer(**self._connection.producer, max_batch_size=max_batch_bytes)

    async def stop(self) -> None:
        """Disconnect."""
        producers = [producer for producer in (self._outputs, self._state) if producer is not None]
        self._outputs = self._state = None
        for producer in producers:
            await producer.stop()

    async def send_outputs(self, partition: int, outputs: Iterable[Output]) -> None:
        """Send outputs to their topics, in order, and wait until every one is acknowledged."""
        producer = _started(self._outputs)
        building: dict[_Target, Any] = {}
        pending: list[Any] = []
        for output in outputs:
            target, timestamp_ms, value = (output.topic, partition), None, output.value
            if output.topic == "effects":
                receiver, timestamp_ms, value = seal(value, self._key)
                target = ("effects", receiver)
            elif output.topic in SINGLE_PARTITION_TOPICS:
                target = (output.topic, 0)
            builder = building.get(target)
            if builder is None:
                builder = building[target] = producer.create_batch()
            if builder.append(timestamp=timestamp_ms, key=output.key, value=value) is None:
                pending.append(await self._submit(producer, builder, target))
                builder = building[target] = producer.create_batch()
                builder.append(timestamp=timestamp_ms, key=output.key, value=value)
        for target, builder in building.items():
            pending.append(await self._submit(producer, builder, target))
        if pending:
            await asyncio.gather(*pending)

    async def _submit(self, producer: AIOKafkaProducer, builder: Any, target: _Target) -> Any:  # noqa: ANN401 - aiokafka has no types
        builder.close()
        topic, partition = target
        return await producer.send_batch(builder, self._topics[topic], partition=partition)

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


def _started(producer: AIOKafkaProducer | None) -> AIOKafkaProducer:
    if producer is None:
        raise ContractError("the writer is not started")
    return producer
