"""The command line on a real broker: topics, produce, worker, explain, record, replay, as the README has them."""

import json
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli import app
from streams.histories.files import read_lines, write_lines
from streams.histories.heads import head_of
from streams.progress import Progress
from streams.settings import Settings
from tests.support.partition_log import POLICIES
from tests.support.processes import WorkerProcess, eventually

ACTIONS = 2_000
POLICY = str(POLICIES / "retail.toml")


def tierstream(*arguments: str, **settings: str) -> str:
    """Run a command in this process; returns what it printed."""
    environment = {f"TIERSTREAM_{name.upper()}": value for name, value in settings.items()}
    result = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands_of_the_readme_take_a_history_from_a_file_to_an_explanation(
    kafka_broker: str, topic_prefix: str, tmp_path: Path, some_households: Path
) -> None:
    lines = list(islice(read_lines(some_households), ACTIONS))
    file = tmp_path / "actions.jsonl.gz"
    write_lines(file, lines)
    settings = {
        "bootstrap_servers": kafka_broker,
        "app_id": topic_prefix,
        "topic_prefix": topic_prefix,
        "ticker": "off",
        "web_port": "0",
        "standby_replicas": "0",
        "signing_key_file": str(tmp_path / "key.pem"),
    }
    environment = {f"TIERSTREAM_{name.upper()}": value for name, value in settings.items()}

    assert "policy 1 written to partitions [0, 1, 2, 3]" in tierstream("topics", "--policy", POLICY, **settings)
    assert "policy 1 written to partitions none" in tierstream("topics", "--policy", POLICY, **settings)
    assert f"{ACTIONS:,} lines" in tierstream("produce", str(file), "--policy", POLICY, **settings)
    with WorkerProcess(tmp_path / "worker", environment, ("streams.cli", "worker")) as worker:
        worker.start()
        with Progress(Settings.load(None, environment)) as progress:
            eventually(lambda: progress.lag() == 0, 60, "all is applied")
        assert worker.stop() == 0

    member = next(key.decode() for line in lines if b"purchase" in line and (key := head_of(line)[1]) is not None)
    explained = tierstream("explain", member, **settings)
    assert "Last award: " in explained
    assert "by the earning rule " in explained
    assert "Tier: " in explained
    assert "silver takes 250" in explained or "gold takes 500" in explained or "platinum takes 750" in explained

    recorded = tmp_path / "recorded"
    tierstream("record", "--out", str(recorded), **settings)
    out = str(tmp_path / "replay")
    printed = tierstream("replay", str(recorded / "actions.jsonl.gz"), "--against", str(recorded), "--out", out)
    assert "the same as what" in printed
    assert json.loads((tmp_path / "replay" / "summary.json").read_bytes())["applied"] == ACTIONS


def test_a_member_nobody_knows_is_an_error_with_a_cure(kafka_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = {"bootstrap_servers": kafka_broker, "app_id": topic_prefix, "topic_prefix": topic_prefix}
    tierstream("topics", "--policy", POLICY, "--key", str(tmp_path / "key.pem"), **settings)
    result = CliRunner().invoke(
        app, ["explain", "nobody"], env={f"TIERSTREAM_{name.upper()}": value for name, value in settings.items()}
    )
    assert result.exit_code == 1
    assert "nobody: no such member" in str(result.exception)


def test_check_config_names_every_problem_of_a_policy(tmp_path: Path) -> None:
    good = tierstream("check-config", POLICY)
    assert "ok: Complete Journey Club" in good
    assert "member < silver < gold < platinum" in good
    broken = tmp_path / "broken.toml"
    broken.write_text(Path(POLICY).read_text().replace("pending_days = 14", "pending_days = -1"), encoding="utf-8")
    result = CliRunner().invoke(app, ["check-config", str(broken)])
    assert result.exit_code == 1
    assert "pending_days" in str(result.exception)


@pytest.mark.parametrize(("scale", "exit_code"), [(1, 0), (10, 1)])
def test_check_config_compares_the_notifiers_scale_of_points_with_the_policys(
    scale: int, exit_code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify_file = tmp_path / "notify.toml"
    notify_file.write_text(f"point_scale = {scale}\n", encoding="utf-8")
    monkeypatch.setenv("TIERSTREAM_NOTIFY_FILE", str(notify_file))
    result = CliRunner().invoke(app, ["check-config", POLICY])
    assert result.exit_code == exit_code
    assert ("write point_scale = 1" in str(result.exception)) == bool(exit_code)


def test_replaying_actions_needs_a_policy_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "actions.jsonl"
    file.write_bytes(b"{}\n")
    result = CliRunner().invoke(app, ["replay", str(file), "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "--policy FILE" in str(result.exception)


def test_every_command_shows_an_example() -> None:
    for command in (
        "replay",
        "broker",
        "topics",
        "produce",
        "record",
        "worker",
        "trainer",
        "notify",
        "explain",
        "audit",
        "check-config",
        "import-balances",
    ):
        assert f"Example: tierstream {command}" in tierstream(command, "--help")
    assert "Example: tierstream policy publish" in tierstream("policy", "publish", "--help")
