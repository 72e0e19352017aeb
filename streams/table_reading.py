"""The member table out of the changelog, without a worker: for explanations, audits and exports."""

from collections.abc import Callable, Iterator

import msgspec
from confluent_kafka import Message

from streams.changelog import Replay
from streams.client import Reader
from streams.settings import Settings
from streams.stores import MemoryPartition

_AT_ONCE = 10_000


class _Row(msgspec.Struct, gc=False):
    """A changelog record in the shape that recovery takes it in."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


def read_table(
    settings: Settings, partition: int, wanted: Callable[[bytes], bool] = lambda _key: True
) -> MemoryPartition:
    """Read the rows of a partition as recovery would; they stand at one mark, that of the partition row.

    Args:
        settings: The broker and the changelog's name.
        partition: Which one.
        wanted: Which keys; the partition row has to be among them.

    Raises:
        BrokerError: the changelog cannot be read.
        CorruptStateError: something other than a worker wrote into it.
    """
    replay = Replay(store := MemoryPartition())
    some: list[_Row] = []
    with Reader(settings, ("changelog",), partition) as reader:
        for row in _rows(reader):
            if wanted(row.key):
                some.append(row)
            if len(some) >= _AT_ONCE:
                replay.apply(some, row.offset + 1)
                some = []
    if some:
        replay.apply(some, some[-1].offset + 1)
    return store


def _rows(reader: Reader) -> Iterator[_Row]:
    for _, message in reader.to_end():
        yield _Row(
            message.topic(), message.partition(), message.offset(), message.key(), message.value(), _headers(message)
        )


def _headers(message: Message) -> list[tuple[str, bytes]]:
    return list(message.headers() or ())
