"""Laws of what members share, over random interleavings of three partitions: never oversold, each effect once."""

from collections import Counter
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.decisions import LedgerEntry, Notification
from loyalty.owners import Stock
from streams.controls import PolicyData, policy_record
from streams.partitioning import partition_of
from streams.replay import replay_log
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop, policy_data
from tests.support.partition_log import KEY
from tests.support.random_history import START_MS, event, purchase
from tests.support.topic_log import TopicLog

PARTITIONS = 3
MEMBERS = tuple(f"m-{number}" for number in range(5))
MUG = "reward/mug"
PRICE = 10
POINTS = 60  # of each member: enough for six mugs
_POLICY = """
[[rewards]]
id = "mug"
kind = "goods"
price = {price}
stock = {stock}
"""


class Redeem(NamedTuple):
    member: int
    quantity: int


class Cancel(NamedTuple):
    redemption: int


class Deliver(NamedTuple):
    pair: int


class Again(NamedTuple):
    letter: int


class Restock(NamedTuple):
    more: int


STEPS = st.lists(
    st.one_of(
        st.builds(Redeem, st.integers(0, 4), st.integers(1, 3)),
        st.builds(Cancel, st.integers(0, 20)),
        st.builds(Deliver, st.integers(0, 20)),
        st.builds(Again, st.integers(0, 50)),
        st.builds(Restock, st.integers(1, 2)),
    ),
    max_size=40,
)


def policy(version: int, stock: int) -> PolicyData:
    return policy_data(corner_shop(POINT_A_DOLLAR, _POLICY.format(price=PRICE, stock=stock)), version)


class Shop:
    """A programme with mugs, and what happens in it."""

    def __init__(self, stock: int) -> None:
        self.stock = stock
        self.versions = 1
        self.log = TopicLog(PARTITIONS, policy(1, stock))
        self.redemptions: list[Redeem] = []
        for member in MEMBERS:
            self.log.act(purchase(f"o-{member}", member, START_MS, POINTS * 100), START_MS)

    def do(self, step: Redeem | Cancel | Deliver | Again | Restock) -> None:
        log = self.log
        match step:
            case Redeem(member, quantity):
                data: dict[str, object] = {"reward_id": "mug", "quantity": quantity}
                log.act(event("redeem", f"r-{len(self.redemptions)}", MEMBERS[member], START_MS, data), START_MS)
                self.redemptions.append(step)
            case Cancel(number) if self.redemptions:
                self._cancel(number % len(self.redemptions))
            case Deliver(pair) if waiting := log.waiting():
                log.deliver(waiting[pair % len(waiting)])
            case Again(letter) if log.delivered:
                log.again(letter)
            case Restock(more):
                self.stock += more
                self.versions += 1
                log.everywhere(policy_record(policy(self.versions, self.stock), KEY), START_MS)
            case _:
                pass

    def _cancel(self, number: int) -> None:
        member = MEMBERS[self.redemptions[number].member]
        length = sum(len(log) for log in self.log.logs)
        data: dict[str, object] = {"redeem_id": f"r-{number}"}
        self.log.act(event("redeem_cancel", f"x-{length}", member, START_MS, data), START_MS)

    @property
    def claimed(self) -> int:
        owner = self.log.folds[partition_of(MUG.encode(), PARTITIONS)].owner(MUG)
        assert isinstance(owner, Stock)
        return owner.claimed

    def mugs(self) -> int:
        """Pieces that members have: granted and not called off."""
        count: Counter[str] = Counter()
        for value in self.log.decisions.values():
            if b'"type":"loyalty.points.' in value:
                entry = msgspec.json.decode(value, type=LedgerEntry)
                count[entry.data.kind] += entry.data.active_points
        return (-count["redeemed"] - count["returned"]) // PRICE


@given(st.integers(0, 6), STEPS)
def test_stock_is_never_oversold_and_every_redemption_comes_to_an_end(
    stock: int, steps: list[Redeem | Cancel | Deliver | Again | Restock]
) -> None:
    shop = Shop(stock)
    for step in steps:
        shop.do(step)
        assert 0 <= shop.claimed <= shop.stock
    shop.log.deliver_all()
    assert shop.claimed == shop.mugs() <= shop.stock
    said = Counter[str]()
    for value in shop.log.decisions.values():
        if b'"type":"loyalty.notification.reward' in value:
            said[msgspec.json.decode(value, type=Notification).data.kind] += 1
    ends = said["reward_granted"] + said["reward_refused"]
    assert said["reward_pending"] <= ends + said["reward_cancelled"]


@given(st.integers(0, 6), STEPS)
@settings(max_examples=settings().max_examples * 2 // 5)
def test_each_effect_is_applied_once_and_a_replay_of_the_logs_decides_the_same(
    stock: int, steps: list[Redeem | Cancel | Deliver | Again | Restock]
) -> None:
    shop = Shop(stock)
    for step in steps:
        shop.do(step)
    shop.log.deliver_all()
    replayed = replay_log((record for log in shop.log.logs for record in log), shop.log.identity, "any")
    assert replayed.decisions.digest() == shop.log.decisions.digest()
    assert replayed.counts.get("effects_applied", 0) == replayed.counts.get("effects_sent", 0)
    assert replayed.decisions.gaps() == []
    for number, fold in enumerate(shop.log.folds):
        for other, sender in enumerate(shop.log.folds):
            assert fold._partition.row.effects_in.get(other, 0) == sender._partition.row.effects_out.get(number, 0)
