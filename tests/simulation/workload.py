"""What members do in a simulated programme: a small random history, with everything that a producer gets wrong."""

import hashlib
import random
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty.decisions import instant
from loyalty.draw_sales import Reveal
from loyalty.draws import commitment_of
from loyalty.owner_rows import DRAW as OWNER_OF_DRAW
from streams.controls import PolicyData, policy_record, public_key_of, reveal_record
from streams.partitioning import partition_of
from streams.zones import zone_rules
from tests.simulation.signing import HashingKey
from tests.support.random_history import DAY_MS, START_MS, event, purchase

KEY = HashingKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"tests").digest()))
MEMBERS = tuple(f"m-{number}" for number in range(7))

_SEED = bytes(range(32))
_CLOSES_S = 17.0

# One virtual second of the simulation is so long in the history.
HISTORY_MS_PER_S = 4 * DAY_MS
DURATION_S = 20.0

OTHERS: dict[str, dict[str, object]] = {
    "search": {"query": "milk"},
    "browse": {"duration_ms": 45_000},
    "share": {"channel": "x"},
    "referral": {"referred": "m-3"},
    "misconduct": {"kind": "spam", "severity": 2},
}

_POLICY = """
format = 1
[programme]
name = "Corner shop"
currency = "USD"
[input]
lateness_days = 10
refund_horizon_days = 20
sweep_members_per_record = 2
[[earning]]
id = "buy"
action = "purchase"
points = {points}
per_minor = 100
pending_days = 3
[[earning]]
id = "look"
action = "login"
points = 3
[[earning]]
id = "pass_on"
action = "share"
points = 2
pending_until = "search"
pending_limit_days = 9
pending_days = 1
[points]
expiry = {{ kind = "after_days", days = 40 }}
[tiers]
basis = "spend"
ladder = [{{id = "member", threshold = 0}}, {{id = "silver", threshold = 20_000}}, {{id = "gold", threshold = {gold}}}]
[[campaigns]]
id = "spring"
start = 2016-01-01T00:00:00Z
end = 2019-01-01T00:00:00Z
multiplier_bp = 20_000
budget_points = {budget}
budget_slice_points = 20
[referral]
referrer_points = 5
referred_points = 2
[[rewards]]
id = "mug"
kind = "goods"
price = 3
stock = {stock}
[[rewards]]
id = "lamp"
kind = "draw"
price = 1
draw = {{ commitment = "{commitment}", closes = {closes}, prizes = 1 }}
[learning]
enabled = true
sample_share_bp = 1_500
epoch_examples = 8
min_examples = 8
horizon_days = 7
"""


@cache
def policy(version: int, effective_from_ms: int = 0) -> bytes:
    """The signed policy record of a version."""
    text = _POLICY.format(
        points=version,
        gold=40_000 + 20_000 * version,
        stock=2 * version,
        budget=150 * version,
        commitment=commitment_of(_SEED),
        closes=instant(history_ms(_CLOSES_S)).isoformat(),
    )
    data = PolicyData(
        version=version,
        effective_from_ms=effective_from_ms,
        engine=1,
        text=text,
        zone=zone_rules("UTC").to_text(),
        public_keys=(public_key_of(KEY),),
    )
    return policy_record(data, KEY)


def history_ms(virtual_s: float) -> int:
    """The time in the history at a virtual time."""
    return START_MS + int(virtual_s * HISTORY_MS_PER_S)


Orders = list[tuple[str, str, int]]
"""Member, id and amount of what was bought so far."""

Redemptions = list[tuple[str, str]]
"""Member and event of what was redeemed so far."""


@dataclass(frozen=True)
class Arrival:
    """A record that reaches a partition of the actions topic at a virtual time."""

    at_s: float
    partition: int
    key: bytes | None
    value: bytes


def arrivals(draw: random.Random, partitions: int, actions: int) -> list[Arrival]:
    """A history: purchases, refunds, other actions, late ones, garbage, retries, and perhaps a new policy."""
    moments = sorted(draw.uniform(0.0, DURATION_S) for _ in range(actions))
    found: list[Arrival] = []
    orders: Orders = []
    redemptions: Redemptions = []
    for number, at_s in enumerate(moments):
        member = draw.choice(MEMBERS)
        member, value = _action(draw, number, member, history_ms(at_s), (orders, redemptions))
        arrival = Arrival(at_s, partition_of(member.encode(), partitions), member.encode(), value)
        found.append(arrival)
        if draw.random() < 0.15:  # its producer saw no answer
            found.append(Arrival(at_s + draw.uniform(0, 3), arrival.partition, arrival.key, value))
    found += _links(random.Random(repr(moments)), partitions)
    found += _draws(random.Random(f"draw {moments}"), partitions)
    if draw.random() < 0.5:
        at_s = draw.uniform(0.0, DURATION_S)
        record = policy(2, history_ms(8.0))
        found += [Arrival(at_s + draw.random(), partition, None, record) for partition in range(partitions)]
    return found


def _links(draw: random.Random, partitions: int) -> list[Arrival]:
    """Some members turn out to be one person, in some runs: by a stream of chance of its own, perhaps sent twice."""
    found: list[Arrival] = []
    for number in range(draw.choice((0, 0, 1, 3))):
        member, other = draw.sample(MEMBERS, 2)
        at_s = draw.uniform(0.0, DURATION_S)
        value = event("link_identity", f"l-{number}", member, history_ms(at_s), {"other": other})
        arrival = Arrival(at_s, partition_of(member.encode(), partitions), member.encode(), value)
        found += [arrival] * draw.choice((1, 2))
    return found


def _draws(draw: random.Random, partitions: int) -> list[Arrival]:
    """In some runs some members buy tickets, late ones too, and the seed is revealed, too early too, perhaps twice."""
    found: list[Arrival] = []
    if draw.random() < 0.6:
        return found
    for number in range(draw.choice((2, 5, 8))):
        member, at_s = draw.choice(MEMBERS), draw.uniform(8.0, DURATION_S)
        value = event("redeem", f"t-{number}", member, history_ms(at_s), {"reward_id": "lamp"})
        found.append(Arrival(at_s, partition_of(member.encode(), partitions), member.encode(), value))
    owner = f"{OWNER_OF_DRAW}lamp".encode()
    reveal = reveal_record(Reveal("lamp", _SEED.hex()), KEY)
    times_s = [draw.uniform(15.0, DURATION_S) for _ in range(draw.choice((1, 2)))]
    return found + [Arrival(at_s, partition_of(owner, partitions), owner, reveal) for at_s in times_s]


def _action(
    draw: random.Random, number: int, member: str, now_ms: int, known: tuple[Orders, Redemptions]
) -> tuple[str, bytes]:
    orders, redemptions = known
    kind = draw.choice(
        ("purchase", "purchase", "purchase", "refund", "login", "malformed", "other", "redeem", "redeem")
    )
    time_ms = now_ms - draw.choice((0, 0, 0, 60_000, 3 * DAY_MS, 9 * DAY_MS, 11 * DAY_MS, -3_600_000))
    name = f"a-{number}"
    if kind == "refund" and orders:
        owner, order_id, amount = draw.choice(orders)
        data: dict[str, object] = {"order_id": order_id, "amount": draw.randint(0, amount), "currency": "USD"}
        return owner, event("refund", name, owner, time_ms, data)
    if kind == "malformed":
        return member, b'{"specversion": "1.0"'
    if kind == "redeem":
        return _redeem(draw, name, member, time_ms, redemptions)
    if kind in {"login", "other"}:
        other = "login" if kind == "login" else draw.choice(tuple(OTHERS))
        return member, event(other, name, member, time_ms, OTHERS.get(other))
    amount = draw.randint(0, 30_000)
    orders.append((member, name, amount))
    return member, purchase(name, member, time_ms, amount)


def _redeem(draw: random.Random, name: str, member: str, time_ms: int, redemptions: Redemptions) -> tuple[str, bytes]:
    """A mug of the few that all members share, or one of them given back, answered or not."""
    if redemptions and draw.random() < 0.4:
        member, redeemed = draw.choice(redemptions)
        return member, event("redeem_cancel", name, member, time_ms, {"redeem_id": redeemed})
    redemptions.append((member, name))
    return member, event("redeem", name, member, time_ms, {"reward_id": "mug"})
