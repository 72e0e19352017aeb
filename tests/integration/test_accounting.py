"""In = applied + duplicate + dead-lettered, exactly, on a broken history through a real worker."""

from collections import Counter
from itertools import islice
from pathlib import Path

from streams.accounting import is_balanced
from streams.client import Reader
from streams.histories.breaking import break_history
from streams.histories.files import read_lines
from streams.records import LogIdentity
from streams.replay import replay_log
from streams.summary import total_counts
from streams.topics import topic_name
from tests.support.programme import Programme
from tests.support.topic_reader import read_log

# Past the first mailings, which lie weeks apart: a copy of one of those would be too late, not a duplicate.
FIRST, LAST = 2_000, 8_000


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
