"""The two readers of a changelog read the same: rows, tombstones, and positions where the last offset is a marker."""

import asyncio
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer
from faust.types import TP

from streams.bulk_reader import BulkReader
from streams.changelog import ChangelogReader, record_mark
from streams.row_format import pack_row
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from streams.writers import MARK_HEADER, Connection

pytestmark = pytest.mark.kafka

PARTITIONS = 2
ROWS = 300

Seen = dict[int, list[tuple[int, bytes, bytes | None, int]]]


def written(broker: str, prefix: str) -> str:
    """A changelog of rows and tombstones, each partition of which ends with the marker of a transaction."""
    settings = Settings(bootstrap_servers=broker, app_id=prefix, topic_prefix=prefix, partitions=PARTITIONS)
    TopicAdmin(settings).ensure()
    changelog = topic_name(settings, "changelog")
    producer = Producer({"bootstrap.servers": broker, "transactional.id": prefix, "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(ROWS):
        for partition in range(PARTITIONS):
            if number % 7 == 0:
                headers = [(MARK_HEADER, number.to_bytes(8, "big"))]
                producer.produce(changelog, None, b"M%d" % number, partition, headers=headers)
            else:
                producer.produce(changelog, pack_row(number, b"row" * 50), b"M%d" % number, partition)
    producer.commit_transaction(30)
    return changelog


async def read(
    reader: BulkReader | ChangelogReader, starts: dict[TP, int], ends: dict[TP, int]
) -> tuple[Seen, Sequence[int]]:
    seen: Seen = {number: [] for number in range(PARTITIONS)}
    positions = dict(starts)
    async for tp, records, position in reader.read(starts, ends):
        assert position >= positions[tp]
        positions[tp] = position
        seen[tp.partition] += [(r.offset, bytes(r.key), r.value and bytes(r.value), record_mark(r)) for r in records]
    return seen, [positions[tp] for tp in sorted(positions)]


@pytest.mark.parametrize("cut", [0, 50])
def test_both_readers_read_the_same(kafka_broker: str, topic_prefix: str, cut: int) -> None:
    changelog = written(kafka_broker, topic_prefix)
    connection = Connection(kafka_broker, "zstd", 30_000)
    starts = {TP(changelog, 0): 3, TP(changelog, 1): 0}

    async def both() -> list[tuple[Seen, Sequence[int]]]:
        async with ChangelogReader(connection) as reader, BulkReader(connection) as bulk:
            ends = {tp: end - cut for tp, end in (await reader.ends(starts)).items()}
            return [await read(reader, starts, ends), await read(bulk, starts, ends)]

    slow, quick = asyncio.run(both())
    assert quick == slow
    # The marker takes an offset and is no record.
    assert [len(rows) for rows in quick[0].values()] == [ROWS - 3 - max(0, cut - 1), ROWS - max(0, cut - 1)]
    assert quick[1] == [ROWS + 1 - cut, ROWS + 1 - cut]
