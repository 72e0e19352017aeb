"""Replays of real households: the same again, in another order, and from the command line."""

import json
import random
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from loyalty.account import Account
from loyalty.decisions import LedgerEntry
from online_models.training import Trainer
from streams.cli import app
from streams.controls import public_key_of
from streams.histories.files import read_lines, write_lines
from streams.histories.heads import head_of
from streams.policy_files import first_policy
from streams.replay import REPLAY_KEY, Replay, replay_lines
from tests.support.partition_log import POLICIES

STATIC = Path(__file__).with_name("static.toml")
LATENESS_MS = 30 * 86_400_000
# An action may come this much later than it happened, so no two change places that are further apart.
SHUFFLE_MS = 29 * 86_400_000
ACTIONS = 12_000

_ENTRY = msgspec.json.Decoder(LedgerEntry)


def run(lines: Iterable[bytes], policy: Path, trainer: Trainer | None = None) -> Replay:
    return replay_lines(lines, Replay(first_policy(policy, (public_key_of(REPLAY_KEY),)), trainer))


def accounts(replay: Replay, members: Iterable[str]) -> dict[str, Account]:
    return {member: replay.fold.member(member).account for member in members}


def ledger(replay: Replay) -> set[tuple[object, ...]]:
    """What was decided, without the numbers that tell in which order: id, kind, points, and the lots they moved in."""
    entries = (_ENTRY.decode(value) for value in replay.decisions.values() if b'"type":"loyalty.points.' in value)
    return {
        (entry.id, entry.data.kind, entry.data.pending_points, entry.data.active_points, entry.data.lots, entry.time)
        for entry in entries
    }


def shuffled(lines: list[bytes], seed: int) -> list[bytes]:
    """The lines as they would arrive if each were up to 29 days late."""
    draw = random.Random(seed)
    arrivals = []
    for number, line in enumerate(lines):
        time_ms, _ = head_of(line)
        arrivals.append(((time_ms or 0) + draw.randrange(SHUFFLE_MS), number, line))
    return [line for _, _, line in sorted(arrivals)]


@pytest.fixture(scope="module")
def lines(some_households: Path) -> list[bytes]:
    return list(islice(read_lines(some_households), ACTIONS))


def test_two_replays_with_learning_on_give_the_same_digest(lines: list[bytes]) -> None:
    first, second = (run(lines, POLICIES / "retail.toml", Trainer()) for _ in range(2))
    assert first.decisions.digest() == second.decisions.digest()
    assert first.published == second.published
    assert first.decisions.count("points") > ACTIONS


@pytest.mark.parametrize("seed", [1, 2])
def test_arrival_in_another_order_within_the_lateness_gives_the_same_ledger_and_tiers(
    lines: list[bytes], seed: int
) -> None:
    in_order, mixed = run(lines, STATIC), run(shuffled(lines, seed), STATIC)
    last_ms = max(in_order.fold.log_time_ms, mixed.fold.log_time_ms) + SHUFFLE_MS
    for replay in (in_order, mixed):
        replay.close(last_ms)
        assert replay.fold.counts["applied"] == len(lines)
    members = sorted({key.decode() for line in lines if (key := head_of(line)[1]) is not None})
    ours, theirs = accounts(in_order, members), accounts(mixed, members)
    for member in members:
        assert ours[member].core.active == theirs[member].core.active
        assert ours[member].core.pending == theirs[member].core.pending
        assert ours[member].core.active_points == theirs[member].core.active_points
        assert ours[member].core.tier.tier == theirs[member].core.tier.tier
        assert ours[member].core.tier.valid_until_ms == theirs[member].core.tier.valid_until_ms
    assert ledger(in_order) == ledger(mixed)


def test_replay_command_writes_decisions_and_summary(lines: list[bytes], tmp_path: Path) -> None:
    actions = tmp_path / "actions.jsonl.gz"
    write_lines(actions, lines[:2_000])
    policy = str(POLICIES / "retail.toml")
    digests = []
    for name in ("a", "b"):
        result = CliRunner().invoke(app, ["replay", str(actions), "--policy", policy, "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
        summary = json.loads((tmp_path / name / "summary.json").read_bytes())
        digests.append(summary["digest"])
        assert summary["actions_in"] == summary["applied"] == 2_000
        decisions = (tmp_path / name / "decisions.jsonl").read_bytes().splitlines()
        assert len(decisions) == summary["ledger_entries"] + summary["tier_changes"] + summary["notifications"]
    assert digests[0] == digests[1]
    assert {
        "actions_in", "applied", "duplicates", "dead_lettered", "members", "ledger_entries", "points_by_kind",
        "tier_changes", "weights_versions", "model_mae_over_naive", "actions_per_s", "digest",
    } <= set(summary)  # fmt: skip


def test_with_learning_off_the_engine_is_the_static_programme(lines: list[bytes]) -> None:
    off = run(lines, POLICIES / "retail.toml", trainer=None)
    versions = {_ENTRY.decode(v).data.weights_version for v in off.decisions.values() if b"loyalty.points." in v}
    assert versions == {0}
