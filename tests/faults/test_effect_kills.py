"""A worker dies between the effects that it has sent and its state: each effect is applied once, none is lost."""

import signal
from collections import Counter
from pathlib import Path

import pytest

from streams.records import LogIdentity
from streams.replay import replay_log
from streams.topics import topic_name
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop
from tests.support.programme import Programme
from tests.support.random_history import START_MS, event, purchase
from tests.support.topic_reader import read_log

pytestmark = pytest.mark.kafka

MEMBERS = 60
STOCK = 20
KILLS = 3
POLICY = corner_shop(
    POINT_A_DOLLAR,
    f"""
[referral]
referrer_points = 7
referred_points = 3
[[campaigns]]
id = "spring"
start = 2016-01-01T00:00:00Z
end = 2019-01-01T00:00:00Z
bonus = 5
budget_points = 100
budget_slice_points = 10
[[rewards]]
id = "mug"
kind = "goods"
price = 10
stock = {STOCK}
""",
)


def history() -> list[bytes]:
    """Each member is referred by the one before, buys, and wants a mug; some call it off."""
    lines: list[bytes] = []
    for number in range(MEMBERS):
        member, time_ms = f"m-{number}", START_MS + number * 60_000
        lines.append(event("referral", f"a-{number}", member, time_ms, {"referred": f"m-{number + 1}"}))
    for number in range(MEMBERS):
        member, time_ms = f"m-{number}", START_MS + (MEMBERS + number) * 60_000
        lines.append(purchase(f"o-{number}", member, time_ms, 2_000))
        lines.append(event("redeem", f"r-{number}", member, time_ms, {"reward_id": "mug"}))
        if number % 5 == 0:
            lines.append(event("redeem_cancel", f"x-{number}", member, time_ms, {"redeem_id": f"r-{number}"}))
    return lines


def test_kills_between_effects_and_state_apply_each_effect_once(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    policy = tmp_path / "shop.toml"
    policy.write_text(POLICY, encoding="utf-8")
    with Programme(kafka_broker, topic_prefix, tmp_path, str(policy)) as programme:
        programme.produce(history())
        worker = programme.process("worker", "one", "tests.support.faulty_worker")
        own = {"TIERSTREAM_GROUP_INSTANCE_ID": "one", "TIERSTREAM_BATCH_MAX_RECORDS": "25"}
        for number in range(KILLS):
            worker.start(TOY_FAULT=f"kill:outputs:{number + 3}", **own)
            assert worker.wait(60) == -signal.SIGKILL
            if number % 2:
                worker.lose_data()
        worker.start(**own)
        programme.settle(within_s=60, learning=False)
        counts: Counter[str] = Counter()
        for part in programme.counts().values():
            counts.update(part)
        delivered, _ = programme.deliveries()  # raises where two deliveries of one decision differ
        log = read_log(kafka_broker, topic_name(programme.settings, "actions"))

    records = [record for partition in sorted(log) for record in log[partition]]
    replayed = replay_log(records, LogIdentity(b"any", len(log)), "any")
    assert delivered.digest() == replayed.decisions.digest()
    assert delivered.gaps() == []
    assert counts["effects_applied"] == counts["effects_sent"] > 3 * MEMBERS
    assert counts["effects_repeated"] > 0, "the kills hit nothing"
    assert counts["effects_ahead"] == 0
    kinds = delivered.kinds()
    called_off = MEMBERS // 5
    # One that was called off before its answer comes back too late for those who were refused meanwhile.
    assert STOCK - called_off <= kinds["loyalty.points.redeemed"] - kinds["loyalty.points.returned"] <= STOCK
    assert kinds["loyalty.notification.reward_pending"] == MEMBERS
