"""Ids that turn out to be one person, in partitions of their own: nothing lost, nothing twice, wherever they live."""

import msgspec
import pytest

from loyalty.decisions import LedgerEntry
from loyalty.owners import Stock
from streams.accounting import is_balanced
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import new_fold
from streams.replay import replay_log
from streams.state import Member
from tests.support.corner_shop import policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

POLICY = """
format = 1
[programme]
name = "Corner shop"
currency = "USD"
[points]
pending_days = 14
expiry = { kind = "after_days", days = 100 }
[[earning]]
id = "buy"
action = "purchase"
points = 1
per_minor = 100
[[earning]]
id = "opinion"
action = "review"
points = 40
[tiers]
basis = "spend"
ladder = [{id = "member", threshold = 0}, {id = "gold", threshold = 50_000}]
[[rewards]]
id = "mug"
kind = "goods"
price = 100
stock = 5
"""
PARTITIONS = 3


def id_in(partition: int, above: str = "") -> str:
    """The first member id in a partition, and after another id."""
    names = (f"m-{number:03}" for number in range(1_000))
    return next(name for name in names if name > above and partition_of(name.encode(), PARTITIONS) == partition)


A = id_in(0)
B = id_in(1, A)
C = id_in(2, B)
D = id_in(0, C)


@pytest.fixture
def log() -> TopicLog:
    return TopicLog(PARTITIONS, policy_data(POLICY))


def at(days: int) -> int:
    return START_MS + days * DAY_MS


def bought(log: TopicLog, order: str, member: str, days: int, amount: int) -> None:
    log.act(purchase(order, member, at(days), amount), at(days))


def linked(log: TopicLog, member: str, other: str, days: int, name: str = "l-1") -> None:
    log.act(event("link_identity", name, member, at(days), {"other": other}), at(days))


def of(log: TopicLog, member: str) -> Member:
    return log.folds[partition_of(member.encode(), PARTITIONS)].member(member)


def points(log: TopicLog, member: str) -> tuple[int, int]:
    core = of(log, member).account.core
    return core.pending_points, core.active_points


def entries(log: TopicLog, member: str) -> list[tuple[str, int]]:
    mine = [msgspec.json.decode(raw, type=LedgerEntry).data for raw in log.decisions.of_member(member, "points")]
    return [(data.kind, data.pending_points + data.active_points) for data in mine]


def balanced(log: TopicLog) -> bool:
    return all(is_balanced(fold.counts) for fold in log.folds) and not log.decisions.gaps()


@pytest.mark.parametrize(("subject", "other"), [(A, B), (B, A)])
def test_a_link_in_either_direction_moves_everything_to_the_smaller_id(log: TopicLog, subject: str, other: str) -> None:
    bought(log, "o-1", A, 0, 10_000)
    bought(log, "o-2", B, 0, 20_000)
    linked(log, subject, other, 1)
    log.deliver_all()
    assert (points(log, A), points(log, B)) == ((300, 0), (0, 0))
    assert (of(log, B).account.core.alias_of, of(log, A).account.core.alias_of) == (A, "")


def test_the_ledgers_say_what_moved_and_the_liability_stays_the_same(log: TopicLog) -> None:
    bought(log, "o-1", A, 0, 10_000)
    bought(log, "o-2", B, 0, 20_000)
    log.tick(at(20))
    linked(log, A, B, 20)
    log.deliver_all()
    assert entries(log, B) == [("earned", 200), ("activated", 0), ("transferred_out", -200)]
    assert entries(log, A) == [("earned", 100), ("activated", 0), ("transferred_in", 200)]
    assert points(log, A) == (0, 300)
    moved = [msgspec.json.decode(log.decisions.of_member(who, "points")[-1], type=LedgerEntry) for who in (A, B)]
    assert [(lot.lot, lot.points, lot.expires_ms) for lot in moved[0].data.lots] == [
        (lot.lot, -lot.points, lot.expires_ms) for lot in moved[1].data.lots
    ]
    log.tick(at(101))  # 100 days after they were earned, like all points of that day
    assert points(log, A) == (0, 0)
    assert balanced(log)


def test_what_reaches_an_alias_goes_on_to_the_canonical_id(log: TopicLog) -> None:
    bought(log, "o-1", B, 0, 20_000)
    linked(log, B, A, 1)
    bought(log, "o-2", B, 2, 10_000)  # on its way before the state of the alias has arrived
    log.deliver_all()
    log.act(event("refund", "r-1", B, at(3), {"order_id": "o-1", "amount": 20_000, "currency": "USD"}), at(3))
    log.act(purchase("o-2", B, at(2), 10_000), at(3))  # sent again
    log.deliver_all()
    assert points(log, A) == (100, 0)
    assert entries(log, B) == [("earned", 200), ("transferred_out", -200)]
    counts = [fold.counts for fold in log.folds]
    assert (counts[1]["forwarded"], counts[1]["duplicates"], counts[0]["applied"]) == (2, 1, 2)
    assert balanced(log)


def test_an_order_that_both_ids_have_earns_once(log: TopicLog) -> None:
    for member in (A, B):
        bought(log, "o-1", member, 0, 60_000)
        log.act(event("review", "v-1", member, at(0), {"item_id": "p", "rating": 5}), at(0))
    linked(log, A, B, 1)
    log.deliver_all()
    # 600 for the order and 40 for the review, of which the alias brought as much again
    assert points(log, A) == (640, 0)
    assert entries(log, A)[-3:] == [("transferred_in", 640), ("cancelled", -600), ("cancelled", -40)]
    log.act(event("refund", "r-1", B, at(3), {"order_id": "o-1", "amount": 60_000, "currency": "USD"}), at(3))
    log.deliver_all()
    assert points(log, A) == (40, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
@pytest.mark.parametrize("hurry", [True, False])
def test_chains_and_cycles_of_links_end_at_the_smallest_id(
    log: TopicLog,
    order: tuple[int, ...],
    hurry: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    for number, member in enumerate((A, B, C, D)):
        bought(log, f"o-{number}", member, 0, 10_000)
    ring = [(A, B), (C, B), (D, C), (A, D)]
    for number in (*order, 3):
        linked(log, *ring[number], 1, f"l-{number}")
        if not hurry:
            log.deliver_all()
    log.deliver_all()
    assert [points(log, member) for member in (A, B, C, D)] == [(400, 0), (0, 0), (0, 0), (0, 0)]
    assert of(log, A).account.core.alias_of == ""
    bought(log, "o-9", D, 2, 10_000)
    log.deliver_all()
    assert points(log, A) == (500, 0)
    assert sum(fold.counts.get("aliases", 0) for fold in log.folds) == 3
    assert balanced(log)


def test_a_redemption_that_is_pending_when_its_member_becomes_an_alias_is_answered_to_the_canonical_id(
    log: TopicLog,
) -> None:
    bought(log, "o-1", B, 0, 20_000)
    log.tick(at(20))
    log.act(event("redeem", "s-1", B, at(20), {"reward_id": "mug"}), at(20))
    linked(log, B, A, 20)
    log.deliver_all()
    order = of(log, A).orders.redemption("\0" + "9:shop/tests-1")
    assert order is not None
    assert (order.claim, points(log, A)) == ("accepted", (0, 100))
    log.act(event("redeem_cancel", "x-1", B, at(21), {"redeem_id": "s-1"}), at(21))
    log.deliver_all()
    assert points(log, A) == (0, 200)
    owner = log.folds[partition_of(b"reward/mug", PARTITIONS)].owner("reward/mug")
    assert owner == Stock(claimed=0)


def test_what_is_taken_back_or_returned_after_links_names_the_entry_that_gave_it(log: TopicLog) -> None:
    for member in (B, C):
        bought(log, "o-1", member, 0, 10_000)
        log.act(event("review", "v-1", member, at(0), {"item_id": "p", "rating": 5}), at(0))
    log.tick(at(20))
    log.act(event("redeem", "s-1", C, at(20), {"reward_id": "mug"}), at(20))
    bought(log, "o-2", C, 20, 5_000)
    linked(log, C, B, 21)
    linked(log, B, A, 22, "l-2")
    log.deliver_all()
    log.act(event("redeem_cancel", "x-1", C, at(23), {"redeem_id": "s-1"}), at(23))
    log.act(event("refund", "r-1", B, at(23), {"order_id": "o-1", "amount": 10_000, "currency": "USD"}), at(23))
    log.act(event("refund", "r-2", C, at(23), {"order_id": "o-2", "amount": 5_000, "currency": "USD"}), at(23))
    log.deliver_all()
    found = [
        msgspec.json.decode(raw, type=LedgerEntry)
        for member in (A, B, C)
        for raw in log.decisions.of_member(member, "points")
    ]
    given = {entry.id: entry.data.kind for entry in found}
    named = sorted((entry.data.kind, given.get(entry.data.grant, "")) for entry in found if entry.data.grant)
    assert named == [
        ("cancelled", "earned"),  # the refund of o-2
        ("clawed_back", "earned"),  # o-1 of the one
        ("clawed_back", "earned"),  # o-1 of the other, refunded
        ("clawed_back", "earned"),  # v-1 of the one
        ("returned", "redeemed"),
    ]


def test_what_was_earned_twice_is_taken_back_from_its_own_lot_also_where_that_was_extended(log: TopicLog) -> None:
    for member in (A, B):
        log.act(event("review", "v-1", member, at(0), {"item_id": "p", "rating": 5}), at(0))
    by_hand = {"extend_days": 30, "operator": "ann", "reason": "a letter"}
    log.act(event("adjust", "a-1", B, at(1), dict(by_hand)), at(1))  # from day 100 to day 130
    bought(log, "o-1", B, 5, 10_000)
    log.tick(at(20))
    linked(log, A, B, 20)
    log.deliver_all()
    last = msgspec.json.decode(log.decisions.of_member(A, "points")[-1], type=LedgerEntry).data
    assert (last.kind, [(lot.lot, lot.points) for lot in last.lots]) == ("clawed_back", [(f"active/{at(130)}", -40)])


def test_a_state_that_fits_no_record_goes_in_pieces_and_is_taken_over_whole(
    log: TopicLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.pieces.MAX_PIECE_BYTES", 100)
    for number in range(30):
        bought(log, f"o-{number}", C, number % 5, 10_000)
    bought(log, "o-99", B, 5, 10_000)
    linked(log, B, C, 6)
    for _ in range(9):
        log.deliver(log.waiting()[0])
    assert points(log, B) == (100, 0)  # nothing of it before the last piece
    linked(log, A, B, 6, "l-2")  # and then B goes away with what has come so far
    log.deliver_all()
    assert [points(log, member) for member in (A, B, C)] == [(3_100, 0), (0, 0), (0, 0)]
    assert balanced(log)


def test_an_id_that_nobody_knows_yet_can_be_linked_too(log: TopicLog) -> None:
    linked(log, B, A, 0)
    bought(log, "o-1", B, 1, 10_000)
    linked(log, A, D, 2, "l-2")
    bought(log, "o-2", D, 2, 10_000)
    log.deliver_all()
    bought(log, "o-3", D, 3, 10_000)
    log.deliver_all()
    assert points(log, A) == (300, 0)
    assert balanced(log)


def test_linking_again_or_to_oneself_changes_nothing(log: TopicLog) -> None:
    bought(log, "o-1", B, 0, 10_000)
    for number, (member, other) in enumerate([(A, B), (B, A), (B, B), (A, A), (A, B)]):
        linked(log, member, other, 1, f"l-{number}")
        log.deliver_all()
    assert points(log, A) == (100, 0)
    assert [kind for kind, _ in entries(log, A)] == ["transferred_in"]
    assert balanced(log)


def test_the_tier_follows_from_what_both_have_done(log: TopicLog) -> None:
    bought(log, "o-1", A, 0, 30_000)
    bought(log, "o-2", B, 0, 30_000)
    linked(log, B, A, 1)
    log.deliver_all()
    assert of(log, A).account.core.tier.tier == "gold"
    kinds = [msgspec.json.decode(raw)["data"]["kind"] for raw in log.decisions.of_member(B, "tier-changes")]
    assert kinds == ["joined", "merged"]


def test_a_replay_of_the_recorded_logs_and_a_restart_at_any_record_come_to_the_same(log: TopicLog) -> None:
    bought(log, "o-1", A, 0, 10_000)
    for number in range(15):  # so many pending lots stand in rows of their own
        bought(log, f"o-2-{number}", B, 0, 1_000)
    linked(log, B, A, 1)
    log.deliver_all()
    bought(log, "o-3", B, 2, 10_000)
    log.deliver_all()
    log.tick(at(20))
    records = [record for partition in log.logs for record in partition]
    assert replay_log(records, log.identity, "loyalty.actions").decisions.digest() == log.decisions.digest()
    for partition, whole in enumerate(log.logs):
        at_once = new_fold(partition, log.identity, MemoryStore()).fold(whole)
        for stop in range(1, len(whole)):
            store = MemoryStore()
            first = new_fold(partition, log.identity, store).fold(whole[:stop])
            store.write(first.rows)
            second = new_fold(partition, log.identity, store).fold(whole[stop:])
            assert first.outputs + second.outputs == at_once.outputs
            store.write(second.rows)
            final = {key: store.get(key) for key in store.scan(b"", b"\xff")}
            assert {key: row[9:] for key, row in final.items() if row} == {
                key: row[9:] for key, row in at_once.rows if row
            }
