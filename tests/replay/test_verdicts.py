"""An obvious abuser's points are held and a normal member's are not; the same each time, however it is read."""

import json

import msgspec
import pytest

from online_models.examples import decode_record
from online_models.findings import Finding
from online_models.training import Trainer
from streams.replay import Replay, replay_lines
from tests.support.partition_log import policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase

MINUTE_MS = 60_000
SECTIONS = """
[misconduct]
enabled = true
shares_per_day = 60
[[holds]]
id = "unusual"
by = "anomaly"
score_from = 900
days = 30
"""


def lines() -> list[bytes]:
    """Ten members shop and share a little for 20 days; on day 10 one of them shares a hundred times in two hours."""
    sent: list[tuple[int, bytes]] = []
    for day in range(20):
        for number in range(10):
            time_ms = START_MS + day * DAY_MS + number * MINUTE_MS
            sent.append((time_ms, purchase(f"o-{day}-{number}", f"m-{number}", time_ms, 5_000)))
            sent.append((time_ms + 1, event("share", f"s-{day}-{number}", f"m-{number}", time_ms + 1, {})))
    for share in range(100):
        time_ms = START_MS + 10 * DAY_MS + (20 + share) * MINUTE_MS
        sent.append((time_ms, event("share", f"spam-{share}", "m-3", time_ms, {})))
    return [line for _, line in sorted(sent)]


def replayed() -> Replay:
    data = policy_data()
    return replay_lines(lines(), Replay(msgspec.structs.replace(data, text=data.text + SECTIONS), Trainer()))


@pytest.fixture(scope="module")
def run() -> Replay:
    return replayed()


def test_the_abusers_points_are_held_and_nobody_elses(run: Replay) -> None:
    entries = [json.loads(value) for value in run.decisions.values()]
    held = [entry for entry in entries if entry["type"] == "loyalty.points.held"]
    assert {entry["subject"] for entry in held} == {"m-3"}
    activated = {entry["subject"] for entry in entries if entry["type"] == "loyalty.points.activated"}
    assert activated == {f"m-{number}" for number in range(10)} - {"m-3"}


def test_two_replays_give_the_same_ledger(run: Replay) -> None:
    assert replayed().decisions.digest() == run.decisions.digest()


def test_a_trainer_restored_anywhere_finds_the_same(run: Replay) -> None:
    records = [decode_record(raw) for raw in run._taught]

    def found(stop: int) -> list[Finding]:
        trainer, findings = Trainer(), list[Finding]()
        for offset, record in enumerate(records):
            if offset == stop:
                trainer = Trainer.from_checkpoint(trainer.to_checkpoint())
            trainer.learn(record, offset)
            findings += trainer.findings
        return findings

    assert found(-1)
    assert all(found(stop) == found(-1) for stop in (1, 57, len(records) // 2, len(records) - 1))
