"""A long changelog, restored by processes beside the worker's: what comes of it, and what does not stay behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from streams.restoring import Order, Part, restore_beside
from streams.row_format import pack_row
from streams.settings import Settings
from streams.state import PARTITION_KEY
from streams.stores import RocksPartition
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from tests.support.processes import eventually

pytestmark = pytest.mark.kafka

PARTITIONS, ROWS, CACHE = 3, 400, 1024 * 1024
IDENTITY = b"changelog-1"


@pytest.fixture
def order(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> Order:
    """All of a changelog of three partitions; the rows of the second half are written anew."""
    settings = Settings(bootstrap_servers=kafka_broker, app_id=topic_prefix, topic_prefix=topic_prefix)
    settings = msgspec.structs.replace(settings, partitions=PARTITIONS)
    TopicAdmin(settings).ensure()
    topic = topic_name(settings, "changelog")
    producer = Producer({"bootstrap.servers": kafka_broker, "log_level": 0})
    for partition in range(PARTITIONS):
        for mark in range(ROWS):
            producer.produce(topic, pack_row(mark, b"row %d" % mark), b"M%d" % (mark % (ROWS // 2)), partition)
        producer.produce(topic, pack_row(ROWS, b"p"), PARTITION_KEY, partition)
    producer.flush()
    parts = tuple(Part(number, str(tmp_path / str(number)), 0, ROWS + 1) for number in range(PARTITIONS))
    return Order(kafka_broker, 30_000, topic, IDENTITY, CACHE, parts)


def restored(order: Order) -> Iterator[int]:
    """How many rows each store has; each is the last one that was written."""
    for part in order.parts:
        store = RocksPartition(Path(part.folder), IDENTITY, CACHE)
        assert store.changelog_offset == part.end - 1
        rows = {key: store.get(key) for key in store.scan(b"M", b"N")}
        last = {b"M%d" % (mark % (ROWS // 2)): pack_row(mark, b"row %d" % mark) for mark in range(ROWS // 2, ROWS)}
        assert rows == last
        yield len(rows)
        store.close()


def test_all_parts_are_restored_and_their_stores_free(order: Order) -> None:
    asyncio.run(restore_beside(order))
    assert list(restored(order)) == [ROWS // 2] * PARTITIONS


def test_what_was_restored_before_is_not_read_again(order: Order) -> None:
    asyncio.run(restore_beside(order))
    later = [msgspec.structs.replace(part, start=part.end) for part in order.parts]
    asyncio.run(restore_beside(msgspec.structs.replace(order, parts=tuple(later))))
    assert list(restored(order)) == [ROWS // 2] * PARTITIONS


def test_a_process_that_fails_is_told_of_and_the_worker_goes_on(
    order: Order, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = msgspec.structs.replace(order.parts[0], folder=str(tmp_path / "file" / "0"))
    asyncio.run(restore_beside(msgspec.structs.replace(order, parts=(nowhere,))))
    assert "going on without it" in caplog.text


def slow_children(order: Order) -> Order:
    """An order whose ends are never reached."""
    parts = tuple(msgspec.structs.replace(part, end=10**9) for part in order.parts)
    return msgspec.structs.replace(order, parts=parts)


def are_open(order: Order) -> bool:
    return all((Path(part.folder) / "CURRENT").exists() for part in order.parts)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_recovery_that_is_cancelled_leaves_no_process_and_no_lock(order: Order) -> None:
    async def cancel() -> None:
        running = asyncio.create_task(restore_beside(slow_children(order)))
        await asyncio.to_thread(eventually, lambda: are_open(order), 30, "stores are open")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    before = children_of(os.getpid())
    asyncio.run(cancel())
    assert not [child for child in children_of(os.getpid()) if is_alive(child) and child not in before]
    for part in order.parts:
        RocksPartition(Path(part.folder), IDENTITY, CACHE).close()


WORKER = """
import asyncio, sys, msgspec
from streams.restoring import Order, restore_beside
asyncio.run(restore_beside(msgspec.json.decode(sys.argv[1], type=Order)))
"""


def test_processes_end_with_a_worker_that_is_killed(order: Order) -> None:
    raw = msgspec.json.encode(slow_children(order)).decode()
    worker = subprocess.Popen([sys.executable, "-c", WORKER, raw])
    eventually(lambda: are_open(order), 30, "stores are open")
    children = children_of(worker.pid)
    assert children
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    eventually(lambda: not any(map(is_alive, children)), 10, "its children have ended")
