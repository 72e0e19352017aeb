"""Records a topic into a file, byte for byte, so that it can be replayed and audited without a broker.

The first line says which topic it was; then comes one line per record, partition by partition, in order of offset.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from features.errors import BrokerError, HistoryError
from streams.histories.files import read_lines, write_lines
from streams.records import LogIdentity, LogRecord
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind, topic_name

FORMAT = 1
_TIMEOUT_S = 30.0
_AT_ONCE = 2_000
_POLL_S = 0.05
_AT_END = KafkaError._PARTITION_EOF  # noqa: SLF001 - so the client names its public constant


class RecordingHead(msgspec.Struct, frozen=True, tag_field="record", tag="head"):
    """First line: the topic, its UUID in hexadecimal, and how far each partition is recorded (offset of the next)."""

    topic: str
    topic_id: str
    ends: tuple[int, ...]
    format: int = FORMAT

    @property
    def identity(self) -> LogIdentity:
        """Which topic it was."""
        return LogIdentity(bytes.fromhex(self.topic_id), len(self.ends))


class RecordedLine(msgspec.Struct, frozen=True, gc=False):
    """One record; key and value are base64, or null."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Recording(msgspec.Struct, frozen=True):
    """A recorded topic: its head, and its records as they are read from the file."""

    head: RecordingHead
    records: Iterator[LogRecord]


_HEAD = msgspec.json.Decoder(RecordingHead)
_LINE = msgspec.json.Decoder(RecordedLine)


def recording_path(folder: Path, kind: str) -> Path:
    """Where `tierstream record` puts a topic."""
    return folder / f"{kind}.jsonl.gz"


def record_topic(
    settings: Settings, kind: TopicKind, out: Path, on_progress: Callable[[int], None] = lambda _read: None
) -> RecordingHead:
    """Write what the topic holds now; records that arrive meanwhile are left out.

    Args:
        settings: The broker and the topic's name.
        kind: Which topic.
        out: A .jsonl or .jsonl.gz file; it appears when it is complete.
        on_progress: Called with the number of records read since the last call.

    Raises:
        BrokerError: the topic does not exist or cannot be read.
        HistoryError: the file cannot be written.
    """
    topic_id = TopicAdmin(settings).topic_id(kind)
    with _Reading(settings, topic_name(settings, kind)) as reading:
        head = RecordingHead(reading.topic, topic_id.hex(), reading.ends())
        write_lines(out, _lines(head, reading, on_progress))
    return head


def read_recording(path: Path) -> Recording:
    """Open a recorded topic.

    Raises:
        HistoryError: the file is not a recording, here or while its records are read.
    """
    lines = read_lines(path)
    try:
        head = _HEAD.decode(next(lines, b""))
    except msgspec.MsgspecError as wrong:
        raise HistoryError(f"{path}:1: is not a recorded topic ({wrong}); make one with `tierstream record`") from wrong
    if head.format != FORMAT:
        raise HistoryError(f"{path}:1: is of format {head.format}, this version reads {FORMAT}")
    return Recording(head, _records(path, lines))


def is_recording(path: Path) -> bool:
    """Whether a file begins as a recorded topic does; an action file does not."""
    try:
        read_recording(path)
    except HistoryError:
        return False
    return True


def _records(path: Path, lines: Iterator[bytes]) -> Iterator[LogRecord]:
    for number, raw in enumerate(lines, start=2):
        try:
            line = _LINE.decode(raw)
        except msgspec.MsgspecError as wrong:
            raise HistoryError(f"{path}:{number}: is not a recorded record: {wrong}") from wrong
        yield LogRecord(line.partition, line.offset, line.timestamp_ms, line.key, line.value)


def _lines(head: RecordingHead, reading: "_Reading", on_progress: Callable[[int], None]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    yield encoder.encode(head)
    for partition, end in enumerate(head.ends):
        for batch in reading.partition(partition, end):
            yield from map(encoder.encode, batch)
            on_progress(len(batch))


class _Reading:
    """A consumer of one topic, one partition after another, outside any group."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "group.id": "tierstream-recorder",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                # A fetch that waits for news of one partition holds up the next one.
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def ends(self) -> tuple[int, ...]:
        """For each partition the offset that its next record will have."""
        try:
            partitions = self._consumer.list_topics(self.topic, timeout=_TIMEOUT_S).topics[self.topic].partitions
            return tuple(
                int(self._consumer.get_watermark_offsets(TopicPartition(self.topic, number), timeout=_TIMEOUT_S)[1])
                for number in sorted(partitions)
            )
        except KafkaException as failure:
            raise BrokerError(f"{self.topic}: cannot be read: {failure.args[0].str()}") from failure

    def partition(self, number: int, end: int) -> Iterator[list[RecordedLine]]:
        """Yield the records of a partition below `end`, some at a time."""
        self._consumer.assign([TopicPartition(self.topic, number, OFFSET_BEGINNING)])
        reached = 0
        while reached < end:
            found: list[RecordedLine] = []
            for message in self._consumer.consume(_AT_ONCE, _POLL_S):
                error = message.error()
                if error is not None and error.code() != _AT_END:
                    raise BrokerError(f"{self.topic}/{number}: cannot be read: {error.str()}")
                # The end of a partition may lie behind markers that are no records; the message says where it is.
                reached = message.offset() + (1 if error is None else 0)
                if error is None and message.offset() < end:
                    found.append(_recorded(message))
            yield found


def _recorded(message: Message) -> RecordedLine:
    _, timestamp_ms = message.timestamp()
    return RecordedLine(message.partition(), message.offset(), timestamp_ms, message.key(), message.value())
