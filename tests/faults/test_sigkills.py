"""Workers that are killed, with and without their disks, leave the ledger exact."""

import random
import time
from pathlib import Path

import pytest

from streams.decision_log import DecisionLog
from streams.histories.files import read_lines
from streams.records import LogIdentity
from streams.replay import replay_log
from streams.topics import topic_name
from tests.support.programme import Programme
from tests.support.topic_reader import read_log

KILLS = 10
SEED = 20_170_304


def kill_one_after_another(programme: Programme, records: int) -> int:
    """Kill a worker at ten points of the run, every other time with its disk; returns how many kills there were."""
    draw = random.Random(SEED)
    workers = [programme.process("worker", name).start() for name in ("one", "two")]
    kills = 0
    for number in range(KILLS):
        deadline = time.monotonic() + 60
        while programme.applied() < records * (number + 1) // (KILLS + 2) and time.monotonic() < deadline:
            time.sleep(0.05)
        victim = draw.choice(workers)
        victim.kill()
        if number % 2:
            victim.lose_data()
        victim.start()
        kills += 1
    programme.settle(within_s=120, learning=False)
    return kills


@pytest.mark.kafka
@pytest.mark.timeout(300)
def test_ten_kills_with_half_the_disks_lost_leave_balances_and_entries_exact(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        produced = programme.produce(read_lines(some_households))
        kills = kill_one_after_another(programme, produced.lines + produced.ticks)
        delivered, _ = programme.deliveries()  # raises where two deliveries of one decision differ
        log = read_log(kafka_broker, topic_name(programme.settings, "actions"))

    records = [record for partition in sorted(log) for record in log[partition]]
    undisturbed = replay_log(records, LogIdentity(b"any", len(log)), "any").decisions
    assert kills == KILLS
    assert delivered.gaps() == []
    assert missing(undisturbed, delivered) == missing(delivered, undisturbed) == 0
    assert delivered.digest() == undisturbed.digest()


def missing(wanted: DecisionLog, found: DecisionLog) -> int:
    """How many decisions of one log the other one does not have."""
    return len(set(wanted.values()) - set(found.values()))
