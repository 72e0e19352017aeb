"""Effects between partitions: signed, numbered without a gap, applied once and in order, determined by the logs."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import ContractError
from loyalty.effects import Claim, Effect
from loyalty.owners import Stock
from streams.accounting import is_balanced
from streams.effects import EffectData, EffectRecord, decode_effect, encode_effect, seal
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import PartitionFold, new_fold
from streams.records import LogIdentity, LogRecord
from streams.replay import replay_log
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop, policy_data
from tests.support.partition_log import KEY
from tests.support.random_history import DAY_MS, START_MS, event, purchase
from tests.support.topic_log import TopicLog

POLICY = corner_shop(
    POINT_A_DOLLAR,
    """
[[rewards]]
id = "mug"
kind = "goods"
price = 10
stock = 2
""",
)
MUG = "reward/mug"
PARTITIONS = 3
OWNER = partition_of(MUG.encode(), PARTITIONS)
OTHER = (OWNER + 1) % PARTITIONS


def topic() -> TopicLog:
    return TopicLog(PARTITIONS, policy_data(POLICY))


def claim(number: int, sender: int = OTHER, quantity: int = 1, key: Ed25519PrivateKey = KEY) -> bytes:
    """The claim that a partition would send, signed."""
    body = Claim(holder="m-1", claim=f"4:shopr-{number}", quantity=quantity)
    data = EffectData(sender, OWNER, number, START_MS, body)
    return seal(encode_effect(Effect(MUG, START_MS, body), data), key).value


def arrive(log: TopicLog, *values: bytes, partition: int = OWNER) -> dict[str, int]:
    for value in values:
        log.append(partition, START_MS, MUG.encode(), value)
    return log.folds[partition].counts


def claimed(log: TopicLog) -> int:
    owner = log.folds[OWNER].owner(MUG)
    assert isinstance(owner, Stock)
    return owner.claimed


def test_only_the_next_number_of_a_sender_is_taken() -> None:
    log = topic()
    counts = arrive(log, claim(1), claim(0), claim(0), claim(2), claim(1), claim(0, sender=OWNER))
    assert claimed(log) == 2
    assert [counts.get(f"effects_{name}", 0) for name in ("applied", "repeated", "ahead")] == [3, 1, 2]
    assert counts["effects_sent"] == 3
    assert "actions_in" not in counts


def test_what_is_sent_is_numbered_from_0_per_receiver_and_addressed_by_its_subject() -> None:
    log = topic()
    members = [f"m-{number}" for number in range(40)]
    for number, member in enumerate(members):
        log.act(purchase(f"o-{number}", member, START_MS, 1_000), START_MS)
        log.act(event("redeem", f"r-{number}", member, START_MS, {"reward_id": "mug"}), START_MS)
    for (sender, receiver), letters in log.mail.items():
        records = [decode_effect(letter.value) for letter in letters]
        assert receiver == OWNER
        assert [record.data.number for record in records] == list(range(len(records)))
        assert [record.id for record in records] == [f"{sender}/{receiver}/{n}" for n in range(len(records))]
        assert {(record.type, record.subject) for record in records} == {("loyalty.effect.claim", MUG)}
    assert {sender for sender, _ in log.mail} == set(range(PARTITIONS))


def test_what_nobody_of_us_has_signed_is_a_dead_letter() -> None:
    log = topic()
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    unsigned = msgspec.structs.replace(decode_effect(claim(0)), signature="")
    values = [claim(0, key=stranger), msgspec.json.encode(unsigned), claim(0).replace(b'"m-1"', b'"m-2"')]
    counts = arrive(log, *values)
    assert counts["dead_lettered.not_signed"] == 3
    assert (claimed(log), is_balanced(counts)) == (0, True)


def test_an_effect_that_was_copied_into_another_partition_is_a_dead_letter() -> None:
    log = topic()
    assert arrive(log, claim(0), partition=OTHER)["dead_lettered.misrouted"] == 1


def test_a_type_that_is_not_its_contents_is_a_dead_letter() -> None:
    log = topic()
    assert arrive(log, claim(0).replace(b"loyalty.effect.claim", b"loyalty.effect.gift"))["dead_lettered"] == 1


def test_an_effect_is_never_too_late() -> None:
    log = topic()
    log.tick(START_MS + 400 * DAY_MS)
    assert arrive(log, claim(0))["effects_applied"] == 1


def test_signing_again_gives_the_same_bytes() -> None:
    assert claim(0) == claim(0)
    assert isinstance(decode_effect(claim(0)), EffectRecord)


def test_numbers_survive_a_restart_and_a_lost_batch_is_sent_again_byte_for_byte() -> None:
    policy, first, second = topic().logs[OWNER][0], claim(0), claim(1)
    records = [policy, *(LogRecord(OWNER, at, START_MS, None, v) for at, v in enumerate((first, second), start=1))]
    store = MemoryStore()
    identity = LogIdentity(b"t", PARTITIONS)
    at_once = new_fold(OWNER, identity, store).fold(records)
    again = new_fold(OWNER, identity, store).fold(records)  # nothing of it has landed
    assert again == at_once
    store.write(new_fold(OWNER, identity, store).fold(records[:2]).rows)
    rest = new_fold(OWNER, identity, store).fold(records)
    assert rest.outputs == at_once.outputs[-1:]
    store.write(rest.rows)
    assert new_fold(OWNER, identity, store).owner(MUG) == Stock(2)


def test_another_number_of_partitions_is_refused_with_its_cure() -> None:
    store = MemoryStore()
    store.write(PartitionFold(0, b"t", store, partitions=4).fold(topic().logs[0][:1]).rows)
    assert PartitionFold(0, b"t", store, partitions=4).mark == 0
    with pytest.raises(ContractError, match=r"4 partitions, now there are 6.*tierstream repartition"):
        PartitionFold(0, b"t", store, partitions=6)


def test_a_replay_of_the_recorded_partitions_finds_the_effects_in_them() -> None:
    log = topic()
    for number in range(12):
        member = f"m-{number}"
        log.act(purchase(f"o-{number}", member, START_MS, 1_500), START_MS)
        log.act(event("redeem", f"r-{number}", member, START_MS, {"reward_id": "mug"}), START_MS)
    log.deliver_all()
    replayed = replay_log((record for part in log.logs for record in part), log.identity, "any")
    assert replayed.decisions.digest() == log.decisions.digest()
    assert replayed.counts["effects_sent"] == replayed.counts["effects_applied"] == 24
    assert log.decisions.kinds()["loyalty.notification.reward_granted"] == 2
    assert log.decisions.kinds()["loyalty.points.returned"] == 10
