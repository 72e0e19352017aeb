"""`tierstream liability` on a real broker: followed while two workers decide, killed, and exact all the same."""

import re
import urllib.request
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from loyalty.point_value import point_value
from streams.cli import app
from streams.histories.files import read_lines
from streams.liability import LedgerReading
from streams.liability_following import LedgerFollower
from streams.liability_report import LiabilityReport, report_of
from streams.policy_files import read_policy
from streams.settings import Settings
from streams.zones import zone_rules
from tests.support.processes import WorkerProcess, eventually
from tests.support.programme import Programme
from tests.support.real_year import with_returns_and_rewards

pytestmark = pytest.mark.kafka

ACTIONS = 3_000
ZONE = zone_rules("America/New_York")


def report(settings: Settings, *arguments: str) -> LiabilityReport:
    """What one look says."""
    environment = {
        "TIERSTREAM_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TIERSTREAM_APP_ID": settings.app_id,
        "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "TIERSTREAM_POLICY_FILE": str(settings.policy_file),
    }
    said = CliRunner().invoke(app, ["liability", "--json", *arguments], env=environment, catch_exceptions=False)
    assert said.exit_code == 0
    return msgspec.json.decode(said.stdout, type=LiabilityReport)


def metric(follower: WorkerProcess, name: str) -> float | None:
    """A metric of the running follower; None where it does not say yet."""
    ports = re.findall(r"metrics on http://127\.0\.0\.1:(\d+)/", follower.log.read_text())
    if not ports:
        return None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports[-1]}/metrics/") as answer:
            text = answer.read().decode()
    except OSError:
        return None
    found = re.search(rf"^tierstream_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


def read_by(checkpoint: Path, follower: LedgerFollower) -> Callable[[], bool]:
    """Whether the checkpoint has some entries."""

    def holds() -> bool:
        if not checkpoint.exists():
            return False
        resumed = LedgerReading.resumed(checkpoint.read_bytes(), ZONE, follower.topic)
        return resumed.book.entries > 0

    return holds


@pytest.mark.timeout(600)
def test_a_follower_that_is_killed_goes_on_to_what_one_look_says(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    lines = list(islice(with_returns_and_rewards(read_lines(some_households)), ACTIONS))
    checkpoint = tmp_path / "liability.checkpoint"
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        settings = programme.settings
        for name in ("one", "two"):
            programme.process("worker", name).start()
        follow = ("--follow", "--checkpoint", str(checkpoint), "--policy", str(programme.policy))
        follower = programme.process("liability", "desk", arguments=follow).start()
        programme.produce(lines[: ACTIONS // 2])
        eventually(read_by(checkpoint, LedgerFollower(settings, ZONE, None)), 120, "a checkpoint with entries")
        follower.kill()
        kept = checkpoint.read_bytes()
        programme.produce(lines[ACTIONS // 2 :])
        follower.start()
        programme.settle(within_s=180, learning=False)

        deliveries, _ = programme.deliveries()
        expected = LedgerReading(ZONE)
        for value in deliveries.values():
            expected.take(value)
        _, policy = read_policy(programme.policy)
        right = report_of(expected, point_value(policy))
        assert right.entries == deliveries.count("points") > ACTIONS // 2

        eventually(
            lambda: metric(follower, 'liability_moved_points{side="issued"}') == right.since_the_beginning["issued"],
            60,
            "the follower has read all",
        )
        assert metric(follower, 'liability_points{state="active"}') == right.points.active
        assert metric(follower, 'liability_forecast_points{fate="breakage"}') == right.forecast.total.breakage.points
        assert metric(follower, 'liability_forecast_minor{fate="redeemed"}') == right.forecast.total.redeemed.minor
        assert metric(follower, 'liability_members{state="incomplete"}') == 0
        assert metric(follower, 'lag_records{partition="0"}') == 0
        assert follower.stop() == 0

        assert report(settings) == right
        assert report(settings, "--checkpoint", str(checkpoint)) == right
        checkpoint.write_bytes(kept)  # as if the last one had been lost
        assert report(settings, "--checkpoint", str(checkpoint)) == right
        checkpoint.write_bytes(kept[:-9])  # damaged: everything is read again, and a good one is left
        assert report(settings, "--checkpoint", str(checkpoint)) == right
        assert LedgerReading.resumed(checkpoint.read_bytes(), ZONE, LedgerFollower(settings, ZONE, None).topic)
