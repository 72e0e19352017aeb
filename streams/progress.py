"""How far the work has come: marks and counters of each partition, lag, and whether everything has settled."""

from typing import Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from features.errors import BrokerError
from online_models.published import decode_published
from streams.client import FETCH_WAIT_MS, end_offset
from streams.row_format import row_mark, row_payload
from streams.settings import Settings
from streams.state import PARTITION_KEY, PartitionRow, decode_partition_row
from streams.topics import TopicKind, topic_name, topic_partitions, trainer_group

_TIMEOUT_S = 30.0
_NONE_COMMITTED = 0
_AT_END = KafkaError._PARTITION_EOF  # noqa: SLF001 - so the client names its public constant
# So few offsets after the mark are looked at one by one.
_MARKERS = 16


class Progress:
    """Looks at the ends of the topics; a context manager. It belongs to no group and changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                # Named only to ask what the trainer has committed; nothing is subscribed.
                "group.id": trainer_group(settings),
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def heads(self) -> dict[int, tuple[int, PartitionRow]]:
        """Mark and partition row of each partition that has committed anything.

        Each state batch ends with its partition row, so the last record of a changelog partition is the newest one.
        """
        rows = self._last_values("changelog", range(topic_partitions(self._settings, "actions")))
        return {
            number: (row_mark(row), decode_partition_row(row_payload(PARTITION_KEY, row)))
            for number, row in rows.items()
        }

    def end(self, kind: TopicKind, partition: int) -> int:
        """Offset that the next record of a partition will have."""
        return end_offset(self._consumer, TopicPartition(topic_name(self._settings, kind), partition))

    def lag(self) -> int:
        """Records of the actions topic that have not been applied yet."""
        heads = self.heads()
        partitions = range(topic_partitions(self._settings, "actions"))
        return sum(self._behind(number, heads[number][0] if number in heads else -1) for number in partitions)

    def _behind(self, partition: int, mark: int) -> int:
        """Records after the mark. The markers of producers' transactions take offsets, too: a few may be no records."""
        end = self.end("actions", partition)
        return self._records(partition, mark + 1, end) if 0 < end - mark - 1 <= _MARKERS else end - mark - 1

    def _records(self, partition: int, start: int, end: int) -> int:
        """How many records of the actions topic stand at offsets in `[start, end)`."""
        self._consumer.assign([TopicPartition(topic_name(self._settings, "actions"), partition, start)])
        found = 0
        while (message := self._poll()) is not None:
            found += 1
            if message.offset() >= end - 1:
                break
        return found

    def _poll(self) -> Message | None:
        """The next record of what is assigned, None at the end of a partition."""
        message = self._consumer.poll(_TIMEOUT_S)
        if message is not None and message.error() is None:
            return message
        if message is None or message.error().code() != _AT_END:
            raise BrokerError("the ends of the topics cannot be read; is the broker up?")
        return None

    def is_settled(self) -> bool:
        """Whether every example is learned from, every weights version adopted, and every action applied.

        Asked along the way that things take, and once more at its end: an action that is applied after the examples
        were counted makes another one.
        """
        if self.lag():
            return False
        examples = self.end("examples", 0)
        if self._learned() < examples:
            return False
        # The last record may be the late one of a trainer that was given up, and of an older version.
        adopted = {row.weights_version for _, row in self.heads().values()}
        newest = self.newest_weights()
        return len(adopted) == 1 and min(adopted) >= newest and not self.lag() and self.end("examples", 0) == examples

    def newest_weights(self) -> int:
        """The version of the last record published, 0 for none."""
        weights = self._last_values("weights", (0,))
        return decode_published(weights[0]).version if weights else 0

    def _learned(self) -> int:
        """Offset of the examples topic that the trainer reads next."""
        at = TopicPartition(topic_name(self._settings, "examples"), 0)
        return max(_NONE_COMMITTED, int(self._consumer.committed([at], timeout=_TIMEOUT_S)[0].offset))

    def _last_values(self, kind: TopicKind, partitions: range | tuple[int, ...]) -> dict[int, bytes]:
        """Value of the last record of each partition that has any.

        Raises:
            BrokerError: the broker does not hand one out.
        """
        topic = topic_name(self._settings, kind)
        wanted = {number: end - 1 for number in partitions if (end := self.end(kind, number))}
        found: dict[int, bytes] = {}
        if wanted:
            self._consumer.assign([TopicPartition(topic, number, last) for number, last in wanted.items()])
        while len(found) < len(wanted):
            message = self._poll()
            if (
                message is not None and message.offset() == wanted[message.partition()]
            ):  # more may have been written since
                found[message.partition()] = bytes(message.value())
        return found
