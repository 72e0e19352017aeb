"""Effects between partitions on a real broker: links, a draw and a stock, by two workers, checked by a pure replay."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from loyalty.decisions import LedgerEntry
from loyalty.draws import commitment_of
from streams.accounting import is_balanced
from streams.cli import app
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import new_fold
from streams.progress import Progress
from streams.records import Output
from streams.settings import Settings
from streams.state import stored_account
from streams.table_reading import read_table
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop
from tests.support.processes import READY, eventually
from tests.support.programme import Programme
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_reader import read_log, read_topic

pytestmark = pytest.mark.kafka

SEED = bytes(range(32))
MEMBERS = [f"m-{number}" for number in range(8)]
POLICY = corner_shop(
    POINT_A_DOLLAR,
    f"""
[[rewards]]
id = "mug"
kind = "goods"
price = 30
stock = 2
[[rewards]]
id = "car"
kind = "draw"
price = 10
[rewards.draw]
commitment = "{commitment_of(SEED)}"
closes = 2017-03-31T00:00:00Z
prizes = 2
""",
)


def at(days: int) -> int:
    return START_MS + days * DAY_MS


def before_the_close() -> list[bytes]:
    """Eight members with 100 points, seven tickets, both mugs that there are, and a link in either direction."""
    lines = [purchase(f"o-{member}", member, at(0), 10_000) for member in MEMBERS]
    lines += [event("redeem", f"t-{member}", member, at(1), {"reward_id": "car"}) for member in MEMBERS[:7]]
    lines += [event("redeem", f"g-{member}", member, at(1), {"reward_id": "mug"}) for member in ("m-5", "m-6")]
    lines.append(event("link_identity", "l-1", "m-1", at(2), {"other": "m-5"}))
    lines.append(event("link_identity", "l-2", "m-6", at(2), {"other": "m-2"}))
    return lines


def after_the_close() -> list[bytes]:
    """What aliases still do: buy, call a mug off, give an order back. A ticket comes too late, and one mug is left."""
    refund: dict[str, object] = {"order_id": "o-m-6", "amount": 10_000, "currency": "USD"}
    return [
        purchase("o-late", "m-5", at(40), 5_000),
        event("redeem_cancel", "x-1", "m-5", at(40), {"redeem_id": "g-m-5"}),
        event("refund", "r-1", "m-6", at(40), refund),
        event("redeem", "t-late", "m-7", at(40), {"reward_id": "car"}),
        event("redeem", "g-late", "m-7", at(40), {"reward_id": "mug", "quantity": 2}),
    ]


def tierstream(settings: Settings, *arguments: str) -> str:
    """Run a command in this process; returns what it printed."""
    environment = {
        "TIERSTREAM_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TIERSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "TIERSTREAM_SIGNING_KEY_FILE": str(settings.signing_key_file),
    }
    result = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refolded(settings: Settings) -> list[Output]:
    """What the recorded topic gives, folded purely, partition by partition; and it is balanced."""
    identity, topic = TopicAdmin(settings).log_identity("actions"), topic_name(settings, "actions")
    outputs: list[Output] = []
    for number, records in sorted(read_log(settings.bootstrap_servers, topic).items()):
        fold = new_fold(number, identity, MemoryStore(), topic)
        outputs += fold.fold(records).outputs
        assert is_balanced(fold.counts)
    return outputs


def test_links_draws_and_stock_between_workers_follow_from_the_log_alone(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    policy, seed = tmp_path / "policy.toml", tmp_path / "car.seed"
    policy.write_text(POLICY)
    seed.write_text(SEED.hex())
    with Programme(kafka_broker, topic_prefix, tmp_path, str(policy)) as programme:
        settings = programme.settings
        workers = [programme.process("worker", name).start() for name in ("one", "two")]
        eventually(lambda: all(worker.said(READY) for worker in workers), 60, "both are ready")
        programme.produce(before_the_close())
        programme.settle(within_s=60, learning=False)
        programme.produce(after_the_close())
        programme.settle(within_s=60, learning=False)
        tierstream(settings, "draw", "reveal", "car", str(seed))
        with Progress(settings) as progress:
            eventually(lambda: progress.lag() == 0, 60, "the winners are told")
        assert tierstream(settings, "draw", "verify", "--broker", kafka_broker).startswith("draw car: right\n")
        assert [worker.stop() for worker in workers] == [0, 0]
        delivered, _ = programme.deliveries()
        balances = liability(settings)

    outputs, replayed = refolded(settings), DecisionLog()
    for output in outputs:
        for topic in DECISION_TOPICS:
            if topic == output.topic:
                replayed.add(topic, output.value)
    assert sorted(replayed.values()) == sorted(delivered.values())
    assert (replayed.digest(), delivered.gaps()) == (delivered.digest(), [])
    drawn = [
        message.value() for part in read_topic(kafka_broker, topic_name(settings, "draws")).values() for message in part
    ]
    assert drawn == [output.value for output in outputs if output.topic == "draws"]

    entries = [entry for member in MEMBERS for entry in ledger(delivered, member)]
    # 8 orders of 100 and one of 50, one given back; 7 tickets of 10; of two mugs of 30 one was called off.
    assert sum(entry.data.pending_points + entry.data.active_points for entry in entries) == 650
    assert balances == 650
    given = {entry.id for entry in entries}
    assert {entry.data.grant for entry in entries if entry.data.grant} <= given
    told = [msgspec.json.decode(raw)["data"] for raw in delivered.values() if b'"draw_won"' in raw]
    assert len(told) == 2
    refused = [msgspec.json.decode(raw)["data"]["reason"] for raw in delivered.values() if b'"reward_refused"' in raw]
    assert sorted(refused) == ["draw_closed", "out_of_stock"]


def liability(settings: Settings) -> int:
    """What the workers' table says that all members have."""
    tables = [read_table(settings, number) for number in range(settings.partitions)]
    homes = [(member, tables[partition_of(member.encode(), settings.partitions)]) for member in MEMBERS]
    cores = [stored_account(member, table.get).core for member, table in homes]
    return sum(core.pending_points + core.active_points for core in cores)


def ledger(delivered: DecisionLog, member: str) -> list[LedgerEntry]:
    return [msgspec.json.decode(raw, type=LedgerEntry) for raw in delivered.of_member(member, "points")]
