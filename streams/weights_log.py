"""Weights on their way out: first into the weights topic, then, signed, into every partition of the actions topic."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from features.errors import ContractError
from online_models.published import PublishedWeights, decode_published, encode_published
from streams.changelog import ChangelogReader
from streams.controls import WeightsData, weights_record
from streams.writers import Connection, RecordWriter

WEIGHTS_PARTITION = 0


class WeightsLog:
    """The weights topic: each version once, the first record of a version holds."""

    def __init__(self, topic: str, connection: Connection, writer: RecordWriter) -> None:
        self._tp = TP(topic, WEIGHTS_PARTITION)
        self._connection = connection
        self._writer = writer
        self._raw: dict[int, bytes] = {}
        self._position = 0

    async def read(self) -> PublishedWeights | None:
        """Read what is new; returns the newest version of all."""
        async with ChangelogReader(self._connection) as reader:
            end = (await reader.ends([self._tp]))[self._tp]
            async for _, records, position in reader.read({self._tp: self._position}, {self._tp: end}):
                self._position = position
                for record in records:
                    self._raw.setdefault(decode_published(record.value).version, record.value)
        return decode_published(self._raw[max(self._raw)]) if self._raw else None

    async def publish(self, published: PublishedWeights) -> bool:
        """Make `published` the record of its version, unless it is already; returns whether it was new.

        Raises:
            ContractError: another record holds that version.
        """
        raw = encode_published(published)
        is_new = published.version not in self._raw
        if is_new:
            await self._writer.append(self._tp.topic, self._tp.partition, raw)
            await self.read()
        if self._raw[published.version] != raw:
            raise ContractError(
                f"weights version {published.version} in {self._tp.topic} is not what the examples give: code or "
                "examples have changed since; restore the trainer's checkpoint, or start a new generation of topics"
            )
        return is_new


class FanOut:
    """Writes weights into every partition of the actions topic, signed.

    Args:
        topic: The actions topic.
        partitions: How many it has.
        key: Signs the records.
        writer: Appends them.
    """

    def __init__(self, topic: str, partitions: int, key: Ed25519PrivateKey, writer: RecordWriter) -> None:
        self._topic = topic
        self._partitions = partitions
        self._key = key
        self._writer = writer

    async def __call__(self, published: PublishedWeights) -> None:
        """Write a version into every partition; returns when all are acknowledged."""
        data = WeightsData(published.weights, published.example_offset, published.log_time_ms)
        record = weights_record(data, self._key)
        for partition in range(self._partitions):
            await self._writer.append(self._topic, partition, record, timestamp_ms=published.log_time_ms)
