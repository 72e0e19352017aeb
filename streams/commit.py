"""The commit protocol: outputs acknowledged, then the state as one record batch, then the store, then the offset.

Per batch of a partition, in this order, each step awaited before the next:

1. `outputs`: every output is acknowledged by the brokers.
2. `state`: all changed rows and the partition row go to the changelog as one record batch, which Kafka appends whole.
3. `store`: the same rows and their changelog offset go into the local store as one write batch.
4. `landed`, then the source offset is acknowledged.

A crash before 2 repeats the batch from the old state and sends the same outputs again, byte for byte; a crash after it
goes on behind the batch. There is no point in between where state and outputs disagree. Any failure ends the process.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from aiokafka import AIOKafkaProducer
from faust.types import TP

from features.errors import BrokerError, ContractError
from streams.records import Batch, Output, OutputTopic
from streams.recovery import MARK_HEADER, ChangelogReader, Replay, record_mark
from streams.state import PARTITION_KEY
from streams.tables import PartitionStore

log = logging.getLogger(__name__)

Rows = Sequence[tuple[bytes, bytes | None]]

# The points between which a crash must not matter; tests crash at each of them.
Step = Literal["folded", "outputs", "state", "store", "acknowledged"]
StepHook = Callable[[Step, int], None]

# A fold stops at about 4 MiB of rows, but one record may change more; the changelog takes 12 MiB (streams.topics).
MAX_STATE_BATCH_BYTES = 11 * 1024 * 1024
# Outputs are cut into record batches well below the topics' limit of 8 MiB; readers fetch 1 MiB at a time.
MAX_OUTPUT_BATCH_BYTES = 1024 * 1024
_UNKNOWN_OFFSET = -1
_MARK_BYTES = 8
_HEADER_BYTES = 9  # format version and mark, as streams.state packs them

# Outputs of these topics go to partition 0: the trainer reads one log.
SINGLE_PARTITION_TOPICS: frozenset[OutputTopic] = frozenset({"examples"})


class Writer:
    """The producers of a worker: idempotent, so a retry after a lost answer does not write twice.

    Two of them, because a producer has one request in flight per broker, and state must not queue behind outputs.

    Args:
        connection: aiokafka's connection arguments (`bootstrap_servers` and security).
        topics: Names of the output topics.
        changelog: Name of the changelog topic.
        compression: None or one of aiokafka's names, such as "lz4".
        request_timeout_s: How long a request may take before it is repeated.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        topics: Mapping[OutputTopic, str],
        changelog: str,
        *,
        compression: str | None,
        request_timeout_s: float,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self.changelog = changelog
        self._compression = compression
        self._request_timeout_ms = int(request_timeout_s * 1000)
        self._outputs: AIOKafkaProducer | None = None
        self._state: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Safe to call twice."""
        if self._state is None:
            self._outputs = self._producer(MAX_OUTPUT_BATCH_BYTES)
            self._state = self._producer(MAX_STATE_BATCH_BYTES)
            await asyncio.gather(self._outputs.start(), self._state.start())

    def _producer(self, max_batch_bytes: int) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._connection,
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=max_batch_bytes,
            max_request_size=MAX_STATE_BATCH_BYTES,
            request_timeout_ms=self._request_timeout_ms,
        )

    async def stop(self) -> None:
        """Disconnect."""
        producers = [producer for producer in (self._outputs, self._state) if producer is not None]
        self._outputs = self._state = None
        for producer in producers:
            await producer.stop()

    async def send_outputs(self, partition: int, outputs: Iterable[Output]) -> None:
        """Send outputs to their topics, in order, and wait until every one is acknowledged."""
        producer = _started(self._outputs)
        building: dict[OutputTopic, Any] = {}
        pending: list[Any] = []
        for output in outputs:
            builder = building.get(output.topic)
            if builder is None:
                builder = building[output.topic] = producer.create_batch()
            if builder.append(timestamp=None, key=output.key, value=output.value) is None:
                pending.append(await self._submit(producer, builder, output.topic, partition))
                builder = building[output.topic] = producer.create_batch()
                builder.append(timestamp=None, key=output.key, value=output.value)
        for topic, builder in building.items():
            pending.append(await self._submit(producer, builder, topic, partition))
        if pending:
            await asyncio.gather(*pending)

    async def _submit(self, producer: AIOKafkaProducer, builder: Any, topic: OutputTopic, partition: int) -> Any:  # noqa: ANN401 - aiokafka has no types
        builder.close()
        target = 0 if topic in SINGLE_PARTITION_TOPICS else partition
        return await producer.send_batch(builder, self._topics[topic], partition=target)

    async def send_state(self, partition: int, rows: Rows, mark: int) -> int:
        """Append rows to the changelog as one record batch; returns the offset of its first record.

        Raises:
            ContractError: they do not fit into one record batch.
            BrokerError: the broker took them but cannot say where.
        """
        producer = _started(self._state)
        builder = producer.create_batch()
        tombstone = [(MARK_HEADER, mark.to_bytes(_MARK_BYTES, "big"))]
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


def restamped(row: bytes | None, mark: int) -> bytes | None:
    """The row as of a later mark: what it says has held since.

    Example:
        >>> from streams.state import pack_row, row_mark
        >>> row_mark(restamped(pack_row(3, b"x"), 9)), restamped(None, 9)
        (9, None)
    """
    if row is None:
        return None
    return row[:1] + mark.to_bytes(_MARK_BYTES, "big") + row[_HEADER_BYTES:]


class PartitionCommit:
    """Commits the batches of one partition, one after another.

    Args:
        partition: The source partition; its changelog has the same number.
        writer: The producers.
        store: The partition's rows.
        replay: How recovery left the changelog: where it ends, and which keys were written too late.
        connection: For reading the changelog where someone else wrote in between.
        hook: Told of each step; tests crash there.
    """

    def __init__(
        self,
        partition: int,
        writer: Writer,
        replay: Replay,
        connection: Mapping[str, Any],
        hook: StepHook,
    ) -> None:
        self.partition = partition
        self._writer = writer
        self._store: PartitionStore = replay.store
        self._next_offset = replay.position
        self._connection = connection
        self._hook = hook

    async def repair(self, stale: Collection[bytes], mark: int) -> None:
        """Write our rows for `stale` keys again, behind what a late writer left there.

        They carry the mark up to which they hold, so the rule "the higher mark holds" and compaction's "the last one
        stays" agree again.
        """
        while stale:
            keys = [*sorted(set(stale) - {PARTITION_KEY}), PARTITION_KEY]
            rows = [(key, restamped(self._store.get(key), mark)) for key in keys]
            log.warning("rewriting rows behind a late writer", extra={"partition": self.partition, "rows": len(rows)})
            stale = await self._append(rows, mark)

    async def commit(self, batch: Batch) -> None:
        """Steps 1 to 3 for one batch."""
        self._hook("folded", self.partition)
        await self._writer.send_outputs(self.partition, batch.outputs)
        self._hook("outputs", self.partition)
        stale = await self._append(batch.rows, batch.mark)
        self._hook("store", self.partition)
        await self.repair(stale, batch.mark)

    async def _append(self, rows: Rows, mark: int) -> set[bytes]:
        """Changelog, then store; returns the keys that someone else has written in between."""
        offset = await self._writer.send_state(self.partition, rows, mark)
        self._hook("state", self.partition)
        stale = await self._stale_between(self._next_offset, offset, mark)
        self._next_offset = offset + len(rows)
        # With something to repair the store's offset stays behind, so that a crash before the repair finds it again.
        self._store.write(rows, self._store.changelog_offset if stale else self._next_offset - 1)
        return stale

    async def _stale_between(self, start: int, end: int, mark: int) -> set[bytes]:
        """Keys that someone else wrote at offsets in `[start, end)` without knowing what we know at `mark`."""
        if start == end:
            return set()
        tp = TP(self._writer.changelog, self.partition)
        async with ChangelogReader(self._connection) as reader:
            return {
                record.key
                async for _, records, _ in reader.read({tp: start}, {tp: end})
                for record in records
                if record.offset < end and record_mark(record) < mark
            }
