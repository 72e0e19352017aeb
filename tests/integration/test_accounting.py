"""In = applied + duplicate + dead-lettered, exactly, on a broken history without aliases through a real worker."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.accounting import is_balanced
from streams.client import Reader
from streams.histories.breaking import break_history
from streams.histories.files import read_lines
from streams.records import LogIdentity
from streams.replay import replay_log
from streams.summary import total_counts
from streams.topics import topic_name
from tests.support.programme import Programme
from tests.support.random_history import START_MS, purchase
from tests.support.topic_reader import read_log

# Past the first mailings, which lie weeks apart: a copy of one of those would be too late, not a duplicate.
FIRST, LAST = 2_000, 8_000
GIANT_BYTES = 12 * 1024 * 1024


def test_duplicates_and_malformed_records_are_accounted_for_and_change_nothing(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    clean = list(islice(read_lines(some_households), FIRST, LAST))
    broken = list(break_history(clean, duplicates_pct=5, malformed_pct=5))
    kinds = Counter(entry.kind for entry in broken)
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        programme.process("worker", "one").start()
        programme.produce(entry.line for entry in broken)
        programme.settle(within_s=60, learning=False)
        counts = programme.counts()
        delivered, _ = programme.deliveries()
        with Reader(programme.settings, ("deadletter",)) as reader:
            letters = sum(1 for _ in reader.to_end())
        log = read_log(kafka_broker, topic_name(programme.settings, "actions"))

    assert all(is_balanced(part) for part in counts.values())
    total = total_counts(list(counts.values()))
    assert total["actions_in"] == len(broken)
    assert (total["applied"], total["duplicates"], total["dead_lettered"]) == (
        kinds["clean"],
        kinds["duplicate"],
        kinds["malformed"],
    )
    assert letters == kinds["malformed"]
    assert (
        delivered.digest()
        == replay_log(
            (r for part in log.values() for r in part), LogIdentity(b"any", len(log)), "any"
        ).decisions.digest()
    )


@pytest.mark.kafka
def test_a_record_over_every_limit_is_dead_lettered_and_what_comes_after_it_is_applied(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    giant, key = b"0" * GIANT_BYTES, b"m-1"
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        programme.process("worker", "one").start()
        producer = Producer(
            {
                "bootstrap.servers": kafka_broker,
                "message.max.bytes": 2 * GIANT_BYTES,
                "compression.type": "gzip",  # as a batch it is small enough for the broker
                "log_level": 0,
            }
        )
        producer.produce(topic_name(programme.settings, "actions"), giant, key, timestamp=START_MS)
        assert producer.flush(60) == 0
        programme.produce([purchase("o-1", "m-1", START_MS, 2_000)])
        programme.settle(within_s=60, learning=False)
        total = total_counts(list(programme.counts().values()))
        with Reader(programme.settings, ("deadletter",)) as reader:
            (letter,) = [json.loads(message.value() or b"")["data"] for _, message in reader.to_end()]
    assert (total["applied"], total["dead_lettered"], total["dead_lettered.too_large"]) == (1, 1, 1)
    assert letter["value_bytes"] == GIANT_BYTES
