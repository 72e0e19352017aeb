"""A draw in a topic: tickets sold by its owner, closed by log time, revealed by a signed record, checked by anyone."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from loyalty.draw_checks import check_draws
from loyalty.draw_records import DrawRecord, DrawResult, TicketSold, decode_draw
from loyalty.draw_sales import Reveal
from loyalty.draws import commitment_of, ticket_name
from streams.accounting import is_balanced
from streams.cli import app
from streams.controls import reveal_record
from streams.partitioning import partition_of
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop, policy_data
from tests.support.partition_log import KEY
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

SEED = bytes(range(32))
CLOSES_MS = START_MS + 10 * DAY_MS
PARTITIONS = 3
OWNER = partition_of(b"draw/car", PARTITIONS)
MEMBERS = [f"m-{number}" for number in range(6)]
POLICY = corner_shop(
    POINT_A_DOLLAR,
    f"""
[[rewards]]
id = "car"
kind = "draw"
price = 10
stock = 12
[rewards.draw]
commitment = "{commitment_of(SEED)}"
closes = {datetime.fromtimestamp(CLOSES_MS // 1_000, UTC).isoformat()}
prizes = 2
""",
)
DATA = policy_data(POLICY)


def bought(log: TopicLog, member: str, name: str, quantity: int = 1, days: int = 1) -> None:
    time_ms = START_MS + days * DAY_MS
    log.act(event("redeem", name, member, time_ms, {"reward_id": "car", "quantity": quantity}), time_ms)
    log.deliver_all()


def revealed(log: TopicLog, seed: bytes = SEED, beacon: str = "") -> None:
    raw = reveal_record(Reveal("car", seed.hex(), beacon), KEY)
    log.append(OWNER, log.folds[OWNER].log_time_ms, b"draw/car", raw)
    log.deliver_all()


def published(log: TopicLog) -> list[DrawRecord]:
    return [decode_draw(output.value) for output in log.draws]


def told(log: TopicLog, member: str) -> list[tuple[str, str]]:
    raw = [msgspec.json.decode(value)["data"] for value in log.decisions.of_member(member, "notifications")]
    return [(data["kind"], data.get("reason", "")) for data in raw if data.get("about") == "car"]


@pytest.fixture
def sold() -> TopicLog:
    """Six members with 100 points each, and seven tickets."""
    log = TopicLog(PARTITIONS, DATA)
    for member in MEMBERS:
        log.act(purchase(f"o-{member}", member, START_MS, 10_000), START_MS)
    for number, member in enumerate(MEMBERS[:5]):
        bought(log, member, f"r-{number}")
    bought(log, MEMBERS[5], "r-5", quantity=2)
    return log


def test_each_ticket_extends_the_chain_and_its_receipt_shows_it(sold: TopicLog) -> None:
    tickets = [record.data for record in published(sold) if isinstance(record, TicketSold)]
    assert [ticket.number for ticket in tickets] == [1, 2, 3, 4, 5, 6, 7]
    kind, receipt = told(sold, MEMBERS[5])[-1]
    assert (kind, receipt) == ("reward_granted", f"tickets 6 to 7, chain {tickets[-1].chain}")
    assert tickets[5].ticket == ticket_name(MEMBERS[5], "9:shop/testr-5", 0)
    assert sold.folds[partition_of(b"m-5", PARTITIONS)].member(MEMBERS[5]).account.core.active_points == 80


def test_after_the_close_by_log_time_nothing_is_sold_and_points_go_back(sold: TopicLog) -> None:
    sold.tick(CLOSES_MS)
    bought(sold, MEMBERS[0], "late", days=10)
    assert told(sold, MEMBERS[0])[-1] == ("reward_refused", "draw_closed")
    assert sold.folds[partition_of(b"m-0", PARTITIONS)].member(MEMBERS[0]).account.core.active_points == 90


def test_no_more_tickets_are_sold_than_there_are(sold: TopicLog) -> None:
    bought(sold, MEMBERS[4], "many", quantity=6)
    assert told(sold, MEMBERS[4])[-1] == ("reward_refused", "out_of_stock")


def test_a_ticket_cannot_be_called_off(sold: TopicLog) -> None:
    time_ms = START_MS + 2 * DAY_MS
    sold.act(event("redeem_cancel", "x", MEMBERS[0], time_ms, {"redeem_id": "r-0"}), time_ms)
    assert msgspec.json.decode(sold.dead[-1].value)["data"]["reason"] == "ticket_final"


def test_the_revealed_seed_decides_and_the_winners_are_told_once(sold: TopicLog) -> None:
    sold.tick(CLOSES_MS)
    revealed(sold)
    revealed(sold)
    results = [record.data for record in published(sold) if isinstance(record, DrawResult)]
    assert len(results) == 1
    (check,) = check_draws(published(sold))
    assert (check.problems, len(check.checked)) == ([], 6)
    wins = sorted(reason for member in MEMBERS for kind, reason in told(sold, member) if kind == "draw_won")
    assert wins == sorted(f"ticket {winner.number}, prize {winner.prize}" for winner in results[0].winners)
    assert len(wins) == 2
    assert all(is_balanced(fold.counts) for fold in sold.folds)


def test_a_seed_is_not_revealed_before_the_close_nor_another_one_at_all(sold: TopicLog) -> None:
    revealed(sold)
    sold.tick(CLOSES_MS)
    revealed(sold, bytes(32))
    revealed(sold, beacon="7")
    reasons = [msgspec.json.decode(output.value)["data"] for output in sold.dead]
    assert [data["reason"] for data in reasons] == ["not_revealed"] * 3
    assert [data["detail"] for data in reasons] == [
        "the draw is not closed yet",
        "this is not the seed that was committed to",
        "no beacon was announced",
    ]
    assert not [record for record in published(sold) if isinstance(record, DrawResult)]


def test_the_commands_make_a_commitment_and_check_a_file(sold: TopicLog, tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(app, ["draw", "commit", str(tmp_path / "car.seed")])
    seed = bytes.fromhex((tmp_path / "car.seed").read_text())
    assert made.output == f'commitment = "{commitment_of(seed)}"\n'
    assert (tmp_path / "car.seed").stat().st_mode & 0o777 == 0o600
    sold.tick(CLOSES_MS)
    revealed(sold)
    file = tmp_path / "draws.jsonl"
    file.write_bytes(b"\n".join(output.value for output in sold.draws))
    right = runner.invoke(app, ["draw", "verify", str(file)])
    assert (right.exit_code, right.output.splitlines()[0]) == (0, "draw car: right")
    file.write_bytes(b"\n".join(output.value for output in sold.draws[:3] + sold.draws[4:]))
    wrong = runner.invoke(app, ["draw", "verify", str(file)])
    assert (wrong.exit_code, wrong.output.splitlines()[0]) == (1, "draw car: WRONG")
