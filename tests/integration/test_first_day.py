"""A programme's first day on a real broker, with two workers: what its members bring along, write and wait for."""

from pathlib import Path

import msgspec
import pytest

from loyalty.decisions import LedgerEntry, instant
from streams.accounting import is_balanced
from tests.integration.test_links_and_draws import tierstream
from tests.support.corner_shop import corner_shop
from tests.support.processes import READY, eventually
from tests.support.programme import Programme
from tests.support.random_history import DAY_MS, START_MS, event, purchase

pytestmark = pytest.mark.kafka

POLICY = corner_shop(
    """
[[earning]]
id = "order"
action = "purchase"
points = 1
per_minor = 100
pending_until = "delivery"
pending_limit_days = 20
[[earning]]
id = "review"
action = "review"
points = 40
original = true
"""
)
WORDS = "Keeps its heat until the evening, and the handle is wide enough."
MEMBERS = ("m-0", "m-1", "m-2", "m-3")  # of more than one partition


def first_day() -> list[bytes]:
    """Everybody buys for 30 dollars and writes the same review; two orders arrive, one of them is told of twice."""
    lines = [purchase(f"o-{member}", member, START_MS + DAY_MS, 3_000) for member in MEMBERS]
    for minute, member in enumerate(MEMBERS):
        data: dict[str, object] = {"item_id": "mug", "rating": 5, "text": WORDS.upper() if minute % 2 else WORDS}
        lines.append(event("review", f"r-{member}", member, START_MS + DAY_MS + minute * 60_000, data))
    arrived = ("m-0", "m-1", "m-1")
    return lines + [
        event("delivery", f"d-{number}", member, START_MS + 2 * DAY_MS, {"order_id": f"o-{member}"})
        for number, member in enumerate(arrived)
    ]


def test_balances_copied_reviews_and_deliveries_are_right_on_a_broker(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    policy, lots = tmp_path / "policy.toml", tmp_path / "lots.csv"
    policy.write_text(POLICY, encoding="utf-8")
    lots.write_text(
        "member,points,expires,earned\nm-0,500,,\nm-0,20,9999-01-01T00:00:00Z,\nm-2,75,,\n", encoding="utf-8"
    )
    as_of = instant(START_MS).isoformat()
    with Programme(kafka_broker, topic_prefix, tmp_path, str(policy)) as programme:
        workers = [programme.process("worker", name).start() for name in ("one", "two")]
        eventually(lambda: all(worker.said(READY) for worker in workers), 60, "both are ready")
        for _ in range(2):  # who has doubts sends the file again
            arguments = ("import-balances", str(lots), "--as-of", as_of, "--operator", "ann")
            assert tierstream(programme.settings, *arguments).startswith("3 lots of 2 members, 595 points")
        programme.produce(first_day())
        programme.settle(within_s=60, learning=False)
        assert [worker.stop() for worker in workers] == [0, 0]
        delivered, _ = programme.deliveries()
        counts = programme.counts().values()
    assert all(is_balanced(part) for part in counts)
    assert sum(part.get("duplicates", 0) for part in counts) == 3
    assert delivered.gaps() == []

    ledgers = {
        member: [msgspec.json.decode(raw, type=LedgerEntry).data for raw in delivered.of_member(member, "points")]
        for member in MEMBERS
    }
    brought = {
        member: [(data.active_points, data.operator) for data in entries if data.kind == "adjusted"]
        for member, entries in ledgers.items()
    }
    assert brought == {"m-0": [(500, "ann"), (20, "ann")], "m-1": [], "m-2": [(75, "ann")], "m-3": []}
    reviews = [data for entries in ledgers.values() for data in entries if data.rule == "review"]
    assert [data.kind for data in reviews].count("earned") == 4
    assert [data.reason for data in reviews if data.kind == "cancelled"] == ["copied_text"] * 3
    arrived = {
        member: sum(data.active_points for data in entries if data.cause.id.startswith("d-"))
        for member, entries in ledgers.items()
    }
    assert arrived == {"m-0": 30, "m-1": 30, "m-2": 0, "m-3": 0}
    # 595 brought along, 40 for the first review, four orders of 30 of which two still wait for their delivery
    assert (
        sum(entries[-1].pending_balance + entries[-1].active_balance for entries in ledgers.values()) == 595 + 40 + 120
    )
