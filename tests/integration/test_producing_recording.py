"""A history goes into the topic whole, in order, at its own time; and comes out again byte for byte."""

import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from features.errors import BrokerError, HistoryError
from streams.histories.clock import history_timestamps
from streams.histories.heads import head_of
from streams.partitioning import partition_of
from streams.producing import produce_lines
from streams.recording import is_recording, read_recording, record_topic
from streams.records import LogRecord
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name

HOUR_MS = 3_600_000
LATENESS_MS = 30 * 24 * HOUR_MS
START_MS = 1_488_651_725_000


@pytest.fixture
def settings(kafka_broker: str, topic_prefix: str) -> Settings:
    settings = Settings(bootstrap_servers=kafka_broker, topic_prefix=topic_prefix, app_id=topic_prefix, ticker="off")
    TopicAdmin(settings).ensure()
    return settings


def event(number: int, time_ms: int) -> bytes:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ms // 1_000))
    return b'{"specversion":"1.0","id":"%d","time":"%sZ","subject":"m-%d"}' % (number, seconds.encode(), number % 7)


LINES = [event(number, START_MS + number * HOUR_MS // 4 // 1_000 * 1_000) for number in range(100)]
LINES[10] = b"not json"
LINES[50] = b'{"subject":"m-1","time":"2099-01-01T00:00:00Z"}'
LINES[70] = b'{"subject":"m-2","time":"2017-03-04T18:22:05Z","text":"%s"}' % (b"x" * (1024 * 1024 + 1))


def make_tick(time_ms: int) -> bytes:
    return b"tick %d" % time_ms


def recorded(settings: Settings, folder: Path) -> dict[int, list[LogRecord]]:
    record_topic(settings, "actions", folder / "actions.jsonl.gz")
    recording = read_recording(folder / "actions.jsonl.gz")
    by_partition: dict[int, list[LogRecord]] = {number: [] for number in range(len(recording.head.ends))}
    for record in recording.records:
        by_partition[record.partition].append(record)
    assert recording.head.ends == tuple(len(records) for records in by_partition.values())
    return by_partition


def test_lines_arrive_once_in_order_with_key_and_clock(settings: Settings, tmp_path: Path) -> None:
    progress: list[int] = []
    produced = produce_lines(settings, LINES, lateness_ms=LATENESS_MS, on_progress=progress.append)
    assert (produced.lines, produced.ticks, sum(progress)) == (100, 0, 100)
    clock = list(history_timestamps((head_of(line)[0] for line in LINES), LATENESS_MS))
    assert (produced.first_ms, produced.last_ms) == (clock[0], clock[-1])
    expected: dict[int, list[tuple[bytes | None, bytes, int]]] = {number: [] for number in range(settings.partitions)}
    for number, (line, stamp_ms) in enumerate(zip(LINES, clock, strict=True)):
        key = head_of(line)[1]
        partition = number % settings.partitions if key is None else partition_of(key, settings.partitions)
        expected[partition].append((key, line, stamp_ms))
    for partition, records in recorded(settings, tmp_path).items():
        assert [(record.key, record.value, record.timestamp_ms) for record in records] == expected[partition]
        assert [record.offset for record in records] == list(range(len(records)))


def test_every_partition_sees_every_tick_before_the_lines_that_follow_it(settings: Settings, tmp_path: Path) -> None:
    produced = produce_lines(settings, LINES, lateness_ms=LATENESS_MS, make_tick=make_tick, tick_every_ms=6 * HOUR_MS)
    first = START_MS - START_MS % (6 * HOUR_MS) + 6 * HOUR_MS
    wanted = [*range(first, produced.last_ms + 1, 6 * HOUR_MS), produced.last_ms]
    assert produced.ticks == len(wanted) * settings.partitions
    for records in recorded(settings, tmp_path).values():
        ticks = [record for record in records if record.value is not None and record.value.startswith(b"tick")]
        assert [(record.value, record.timestamp_ms) for record in ticks] == [(make_tick(at), at) for at in wanted]
        assert records[-1].value == make_tick(produced.last_ms)
        stamps = [record.timestamp_ms for record in records]
        assert stamps == sorted(stamps)
        for at, record in enumerate(records):
            passed = sum(tick in ticks for tick in records[:at])
            if record not in ticks:
                assert passed == sum(time_ms <= record.timestamp_ms for time_ms in wanted[:-1])


def test_other_clients_put_a_member_into_the_same_partition(settings: Settings, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2", "log_level": 0})
    keys = [b"m-%d" % number for number in range(50)]
    for key in keys:
        producer.produce(topic_name(settings, "actions"), b"", key)
    assert producer.flush(30) == 0
    found = Counter((record.key, number) for number, rows in recorded(settings, tmp_path).items() for record in rows)
    assert found == Counter((key, partition_of(key, settings.partitions)) for key in keys)


def test_what_arrives_while_recording_is_left_out(settings: Settings, tmp_path: Path) -> None:
    produce_lines(settings, LINES[:20], lateness_ms=LATENESS_MS)
    out = tmp_path / "a.jsonl"

    def disturb(_count: int) -> None:
        produce_lines(settings, LINES[20:40], lateness_ms=LATENESS_MS)

    head = record_topic(settings, "actions", out, disturb)
    assert sum(head.ends) == len(list(read_recording(out).records)) == 20
    assert head.topic_id == TopicAdmin(settings).topic_id("actions").hex()


@pytest.mark.kafka
def test_a_topic_that_does_not_exist_is_named(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = Settings(bootstrap_servers=kafka_broker, topic_prefix=topic_prefix, request_timeout_ms=1_000)
    with pytest.raises(BrokerError, match=r"actions: .*tierstream topics"):
        record_topic(settings, "actions", tmp_path / "a.jsonl")
    with pytest.raises(BrokerError, match=r"actions: a record was not taken"):
        produce_lines(settings, LINES, lateness_ms=LATENESS_MS)


def test_an_action_file_is_not_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for first in (LINES[0], b"", b"not json", b'{"record":"head","topic":"t","topic_id":"","ends":[],"format":99}'):
        path.write_bytes(first + b"\n")
        assert not is_recording(path)
        with pytest.raises(HistoryError, match=r"a\.jsonl:1: is "):
            read_recording(path)


def test_a_damaged_recording_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = {"partition": 0, "offset": 0, "timestamp_ms": 1, "key": None, "value": "eA=="}
    path.write_bytes(
        b'{"record":"head","topic":"t","topic_id":"","ends":[2]}\n%s\n{"partition":0\n' % msgspec.json.encode(line)
    )
    assert is_recording(path)
    records = read_recording(path).records
    assert next(records) == LogRecord(0, 0, 1, None, b"x")
    with pytest.raises(HistoryError, match=r"a\.jsonl:3: is not a recorded record"):
        next(records)
