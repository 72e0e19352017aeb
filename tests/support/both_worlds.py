"""Several members in several partitions, in the engine's logs and in the naive world at once.

Letters come in any order that Kafka allows: those from one partition to another in theirs, and any of them again.
"""

from functools import cache
from typing import Literal

from features.actions import decode_action
from loyalty.campaigns import OFFER, in_holdout
from loyalty.offer_records import Offer
from loyalty.owner_rows import Budget, Stock
from loyalty.policy import Policy, parse_policy
from streams.controls import PolicyData, offer_record
from streams.partitioning import partition_of
from tests.support.corner_shop import policy_data
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS
from tests.support.naive.agreement import assert_agreement, at
from tests.support.naive.letters import Offered
from tests.support.naive.world import Acted, Came, Happened, NaiveWorld, Ticked, Told
from tests.support.partition_log import KEY
from tests.support.picks import Picks
from tests.support.random_history import event, purchase
from tests.support.topic_log import TopicLog

Refunds = Literal["within_balance", "unlimited"]

PARTITIONS = 2
STOCK, BUDGET = 3, 150
# An action that is four days late and is sent on three times still comes within the lateness of 30 days; of older ones,
# the periods of caps and streaks are forgotten.
LONGEST_MS = 8 * DAY_MS
MEMBERS = ("m-1", "m-3", "m-4")  # the last two live in one partition
OFFERS = ("lure", "treat")
# Offers under this name have the last member in their hold-out, and nobody else.
APART = next(
    name
    for name in (f"offers-{number}" for number in range(99))
    if [in_holdout(member, f"{OFFER}{name}", 3_000) for member in MEMBERS] == [False, False, True]
)
_POLICY = """
format = 1
[programme]
name = "Corner shop"
currency = "USD"
[points]
pending_days = 7
expiry = {{ kind = "after_days", days = 40 }}
refunds = "{refunds}"
[[earning]]
id = "buy"
action = "purchase"
points = 1
per_minor = 100
caps = [{{ per = "week", points = 60 }}]
[[earning]]
id = "fresh"
action = "purchase"
points = 2
per_minor = 100
categories = ["GROCERY"]
pending_days = 0
expiry = {{ kind = "end_of_month", after_months = 1 }}
[[earning]]
id = "opinion"
action = "review"
points = 15
pending_days = 0
[[earning]]
id = "habit"
action = "login"
points = 9
streak = {{ per = "week", length = 2 }}
[[earning]]
id = "welcome"
action = "purchase"
points = 11
first_time = true
[[campaigns]]
id = "spring"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
cap_points = 70
budget_points = {budget}
budget_slice_points = 20
[[campaigns]]
id = "lure"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 30_000
cap_points = 50
budget_points = {budget}
budget_slice_points = 30
valid_days = 6
[[campaigns]]
id = "treat"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
bonus = 5
cap_points = 12
budget_points = {budget}
valid_days = 3
[learning]
enabled = true
sample_share_bp = 1
[offers]
enabled = true
id = "{apart}"
holdout_bp = 3_000
[[milestones]]
id = "regular"
measure = "purchase_count"
target = 3
points = 25
repeat = "every"
[referral]
referrer_points = 30
referred_points = 20
min_amount_minor = 1_000
[[rewards]]
id = "mug"
kind = "goods"
price = 6
stock = {stock}
limit_per_year = 4
[[rewards]]
id = "pen"
kind = "goods"
price = 40
[tiers]
basis = "score"
valid_periods = 1
grace_days = 31
[[tiers.ladder]]
id = "member"
threshold = 0
[[tiers.ladder]]
id = "silver"
threshold = 200
multiplier_bp = 11_000
[[tiers.score]]
measure = "spend_minor"
weight = 800
cap = 30_000
"""


# Not with debts: of points that a hold releases at one moment, it is open which of them pay a debt.
_HOLDS = """
[[holds]]
id = "doubt"
days = 15
"""


class BothWorlds:
    """The two of them, and what has happened so far."""

    def __init__(self, refunds: Refunds) -> None:
        data, self.policy = _read(refunds)
        self.log = TopicLog(PARTITIONS, data)
        self.happened: list[Happened] = []
        self.now_ms = START_MS
        self.orders: list[tuple[str, str, int]] = []
        self.redeemed: list[tuple[str, str]] = []
        self.tick()

    def tick(self) -> None:
        """Let everyone know what time it is."""
        self.log.tick(self.now_ms)
        self.happened.append(Ticked(at(self.now_ms)))

    def act(self, value: bytes) -> None:
        """Let somebody act, now."""
        self.log.act(value, self.now_ms)
        self.happened.append(Acted(at(self.now_ms), decode_action(value)))

    def offer(self, member: str, campaign: str, number: int, written_ms: int) -> None:
        """Let somebody be offered something, now; it was written at another time perhaps."""
        record = offer_record(Offer(member, campaign, number, written_ms), KEY)
        self.log.append(place(member), self.now_ms, member.encode(), record)
        self.happened.append(Told(at(self.now_ms), member, Offered(campaign, number, at(written_ms))))

    def deliver(self, pair: tuple[int, int]) -> None:
        """Let the next letter from one partition to another come."""
        self.log.deliver(pair)
        self.happened.append(Came(*pair))

    def deliver_all(self) -> None:
        """Let every letter come."""
        while waiting := self.log.waiting():
            self.deliver(waiting[0])

    def compare(self) -> None:
        """Start from nothing in the naive world, and find the same in the engine."""
        self.tick()
        naive = NaiveWorld(self.policy, PARTITIONS, place, self.happened)
        assert len(self.log.dead) == len(naive.refused)
        assert {pair: len(mail) for pair, mail in self.log.mail.items() if mail} == {
            pair: len(mail) for pair, mail in naive.mail.items() if mail
        }
        for name in MEMBERS:
            core = self.log.folds[place(name)].member(name).account.core
            person = naive.person(name)
            assert core.alias_of == person.alias_of
            assert_agreement(core, person, self.now_ms)
        for fold in self.log.folds:
            mug = fold.owner("reward/mug")
            assert isinstance(mug, Stock)
            assert mug.claimed in {0, naive.claimed["reward/mug"]}
            assert mug.claimed <= STOCK
            for campaign in ("spring", *OFFERS):
                budget = fold.owner(f"budget/{campaign}")
                assert isinstance(budget, Budget)
                assert budget.given in {0, naive.given[campaign]}
                assert budget.given <= BUDGET
        for fold, purse in zip(self.log.folds, naive.purses, strict=True):
            left = {campaign: each.left for campaign, each in fold._partition.row.slices.items()}
            assert left == {campaign: purse.held[campaign] for campaign in left}
            assert min(left.values(), default=0) >= 0

    # Random steps

    def _go_on(self, by_ms: int) -> None:
        """Time goes by, and no letter is under way for too long."""
        oldest_ms = self.now_ms + by_ms - LONGEST_MS
        while late := [pair for pair, mail in self.log.mail.items() if mail and mail[0].timestamp_ms < oldest_ms]:
            self.deliver(late[0])
        self.now_ms += by_ms

    def step(self, number: int, picks: Picks, kinds: tuple[str, ...]) -> None:
        """Something happens."""
        self._go_on(picks.one_of((0, 0, 0, HOUR_MS, DAY_MS, 3 * DAY_MS, 9 * DAY_MS)))
        kind = picks.one_of(kinds)
        if kind == "letters":
            for _ in range(1 + picks.below(3)):
                if waiting := self.log.waiting():
                    self.deliver(picks.one_of(waiting))
            return
        if kind == "again":
            if self.log.delivered:
                self.log.again(picks.below(len(self.log.delivered)))
            return
        if kind == "offer":
            written = number + 1 - picks.one_of((0, 0, 0, 0, 1, 3))
            written_ms = self.now_ms - picks.one_of((0, 0, 0, HOUR_MS, 2 * DAY_MS))
            self.offer(picks.one_of(MEMBERS), picks.one_of(OFFERS), max(0, written), written_ms)
            return
        time_ms = self.now_ms - picks.one_of((0, 0, 0, HOUR_MS, 4 * DAY_MS))
        name = f"e-{number}"
        self.act(self._action(kind, name, picks.one_of(MEMBERS), time_ms, picks))

    def _action(self, kind: str, name: str, member: str, time_ms: int, picks: Picks) -> bytes:
        data: dict[str, object] = {}
        match kind:
            case "purchase":
                amount = picks.up_to(9_000)
                self.orders.append((member, name, amount))
                return purchase(name, member, time_ms, amount)
            case "refund" if self.orders:
                member, order_id, amount = picks.one_of(self.orders)
                data = {"order_id": order_id, "amount": picks.one_of((amount, picks.up_to(amount))), "currency": "USD"}
                return event("refund", name, member, self.now_ms, data)
            case "redeem":
                self.redeemed.append((member, name))
                data = {"reward_id": picks.one_of(("mug", "mug", "pen")), "quantity": 1 + picks.below(2)}
            case "redeem_cancel" if self.redeemed:
                member, redeem_id = picks.one_of(self.redeemed)
                return event("redeem_cancel", name, member, self.now_ms, {"redeem_id": redeem_id})
            case "referral":
                data = {"referred": picks.one_of(MEMBERS)}
            case "review":
                data = {"item_id": "p", "rating": 5}
            case "misconduct":
                data = {"kind": "spam", "severity": 2}
            case "link_identity":
                data = {"other": picks.one_of(MEMBERS)}
            case _:
                kind = "login"
        return event(kind, name, member, time_ms, data)


@cache
def _read(refunds: str) -> tuple[PolicyData, Policy]:
    text = _POLICY.format(refunds=refunds, stock=STOCK, budget=BUDGET, apart=APART)
    text += _HOLDS if refunds == "within_balance" else ""
    return policy_data(text), parse_policy(text, "test.toml")


def place(subject: str) -> int:
    """The partition that a subject lives in."""
    return partition_of(subject.encode(), PARTITIONS)
