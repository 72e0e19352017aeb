"""A changed policy file reaches workers that go on running, at one event time in all partitions."""

import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest

from features.errors import ContractError, PolicyError
from streams.client import Reader
from streams.controls import PolicyData
from streams.histories.files import read_lines
from streams.histories.heads import head_of
from streams.keys import make_signing_key
from streams.policy_publishing import publish_version
from streams.publishing import publish_policy
from streams.topics import topic_name
from tests.support.partition_log import POLICIES
from tests.support.programme import Programme
from tests.support.topic_reader import read_log

FIRST, LAST = 2_000, 6_000
RETAIL = (POLICIES / "retail.toml").read_text(encoding="utf-8")
DOUBLE = RETAIL.replace("points = 1\n", "points = 2\n", 1)  # two points for each dollar


def later(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def base_points(programme: Programme) -> set[tuple[bool, int, int]]:
    """Of each award for dollars: whether it came before the change, its policy version, its points per dollar."""
    found = set()
    with Reader(programme.settings, ("points",)) as reader:
        for _, message in reader.to_end():
            event = json.loads(message.value())
            if event["data"]["kind"] == "earned" and event["data"]["rule"] == "purchase":
                time_ms = int(datetime.fromisoformat(event["time"]).timestamp() * 1_000)
                found.add((time_ms < CHANGE_MS, event["data"]["policy_version"], event["data"]["factors"]["points"]))
    return found


CHANGE = datetime(2017, 2, 1, tzinfo=UTC)
CHANGE_MS = int(CHANGE.timestamp()) * 1_000


def test_running_workers_adopt_a_published_policy_at_the_agreed_event_time(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    assert DOUBLE != RETAIL
    lines = list(islice(read_lines(some_households), FIRST + LAST))
    change = next(n for n, line in enumerate(lines) if (head_of(line)[0] or 0) >= CHANGE_MS)
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        worker = programme.process("worker", "one")
        worker.start()
        programme.produce(lines[: change // 2])
        programme.settle(within_s=60, learning=False)

        changed = later(tmp_path, "changed.toml", DOUBLE)
        published = publish_version(programme.settings, changed, CHANGE_MS, programme.key)
        assert (published.policy.version, published.partitions) == (2, [0, 1, 2, 3])
        again = publish_version(programme.settings, changed, CHANGE_MS, programme.key)
        assert (again.policy, again.partitions) == (published.policy, [])

        programme.produce(lines[change // 2 :])
        programme.settle(within_s=60, learning=False)
        assert base_points(programme) == {(True, 1, 1), (False, 2, 2)}

        for text, from_ms, problem in (
            (DOUBLE, CHANGE_MS + 1, "is version 2 already"),
            (RETAIL, CHANGE_MS + 1, "is not to come in all partitions"),
        ):
            with pytest.raises(ContractError, match=problem):
                publish_version(programme.settings, later(tmp_path, "next.toml", text), from_ms, programme.key)
        assert worker.stop() == 0


@pytest.fixture
def programme(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> Programme:
    """Topics with a first policy, and no worker: versions are known from the logs alone."""
    return Programme(kafka_broker, topic_prefix, tmp_path)


def versions(programme: Programme) -> list[int]:
    """How many policy records each partition has."""
    log = read_log(programme.settings.bootstrap_servers, topic_name(programme.settings, "actions"))
    return [sum(b"loyalty.control.policy" in (record.value or b"") for record in part) for part in log.values()]


def test_a_run_that_was_broken_off_is_completed_before_anything_else_is_published(
    programme: Programme, tmp_path: Path
) -> None:
    changed = later(tmp_path, "changed.toml", DOUBLE)
    version = publish_version(programme.settings, changed, CHANGE_MS, programme.key).policy
    third = later(tmp_path, "third.toml", RETAIL + "\n# third\n")
    half = PolicyData(3, CHANGE_MS + 1, 1, third.read_text(encoding="utf-8"), version.zone, version.public_keys)
    publish_policy(programme.settings, half, programme.key, [1, 3])

    with pytest.raises(ContractError, match=r"version 3 is not in partitions \[0, 2\]"):
        publish_version(programme.settings, changed, CHANGE_MS + 2, programme.key)
    assert publish_version(programme.settings, third, CHANGE_MS + 1, programme.key).partitions == [0, 2]
    assert versions(programme) == [3, 3, 3, 3]


def test_a_number_that_exists_with_another_text_is_refused(programme: Programme, tmp_path: Path) -> None:
    changed = later(tmp_path, "changed.toml", DOUBLE)
    version = publish_version(programme.settings, changed, CHANGE_MS, programme.key).policy
    for number, text in ((0, "# one\n"), (1, "# other\n")):
        other = PolicyData(3, CHANGE_MS + 1, 1, RETAIL + text, version.zone, version.public_keys)
        publish_policy(programme.settings, other, programme.key, [number])
    with pytest.raises(ContractError, match="version 3 exists with another text or time in partition 1"):
        publish_version(programme.settings, changed, CHANGE_MS + 2, programme.key)


def test_what_cannot_be_a_next_version_is_refused_and_nothing_is_written(programme: Programme, tmp_path: Path) -> None:
    euros = later(tmp_path, "euros.toml", RETAIL.replace('currency = "USD"', 'currency = "EUR"'))
    with pytest.raises(PolicyError, match=r"programme\.currency: is USD"):
        publish_version(programme.settings, euros, CHANGE_MS, programme.key)
    tenths = later(tmp_path, "tenths.toml", RETAIL.replace("point_scale = 1 ", "point_scale = 10 "))
    with pytest.raises(PolicyError, match=r"programme\.point_scale: is 1"):
        publish_version(programme.settings, tenths, CHANGE_MS, programme.key)
    changed = later(tmp_path, "changed.toml", DOUBLE)
    with pytest.raises(ContractError, match="none of the policy's"):
        publish_version(programme.settings, changed, CHANGE_MS, make_signing_key(tmp_path / "another.pem"))
    with pytest.raises(ContractError, match="is not to come"):
        publish_version(programme.settings, changed, 0, programme.key)
    assert versions(programme) == [1, 1, 1, 1]
