"""Referrals where ids turn out to be one person: both sides or neither, and nobody brings oneself."""

from streams.partitioning import partition_of
from tests.support.corner_shop import corner_shop, policy_data
from tests.support.random_history import START_MS, event, purchase
from tests.support.topic_log import TopicLog

POLICY = corner_shop(
    """
[points]
refunds = "unlimited"
[referral]
referrer_points = 7
referred_points = 3
"""
)
DATA = policy_data(POLICY)
PARTITIONS = 2
PERSON, FRIEND, SECOND = "m-1", "m-3", "m-4"  # the two of them that are no person's first id live in one partition


def place(member: str) -> int:
    return partition_of(member.encode(), PARTITIONS)


class Shop:
    """A topic with short words for what is done there; letters come at once unless they are held back."""

    def __init__(self) -> None:
        self.log = TopicLog(PARTITIONS, DATA)
        self.count = 0
        self.held_back: tuple[int, int] | None = None

    def do(self, kind: str, member: str, **data: object) -> None:
        self.count += 1
        self.log.act(event(kind, f"e-{self.count}", member, START_MS, data), START_MS)
        self.deliver()

    def buy(self, member: str, order_id: str = "o-1") -> None:
        self.count += 1
        self.log.act(purchase(f"e-{self.count}", member, START_MS, 500, order_id), START_MS)
        self.deliver()

    def give_back(self, member: str, order_id: str = "o-1") -> None:
        self.do("refund", member, order_id=order_id, amount=500, currency="USD")

    def deliver(self) -> None:
        while waiting := [pair for pair in self.log.waiting() if pair != self.held_back]:
            self.log.deliver(waiting[0])

    def points(self, member: str) -> int:
        return self.log.folds[place(member)].member(member).account.core.active_points


def test_an_order_that_is_given_back_after_a_link_is_undone_on_both_sides() -> None:
    shop = Shop()
    shop.do("referral", FRIEND, referred=SECOND)
    shop.buy(SECOND)
    shop.do("link_identity", PERSON, other=SECOND)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (7, 3)
    shop.give_back(PERSON)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (0, 0)
    assert not shop.log.dead


def test_so_it_is_where_both_ids_were_brought_by_somebody() -> None:
    shop = Shop()
    for member, order_id in ((PERSON, "o-1"), (SECOND, "o-2")):
        shop.do("referral", FRIEND, referred=member)
        shop.buy(member, order_id)
    shop.do("link_identity", PERSON, other=SECOND)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (14, 6)
    shop.give_back(SECOND, "o-2")
    assert (shop.points(FRIEND), shop.points(PERSON)) == (7, 3)
    shop.give_back(PERSON, "o-1")
    assert (shop.points(FRIEND), shop.points(PERSON)) == (0, 0)


def test_an_order_that_both_ids_have_rewards_one_referrer() -> None:
    shop = Shop()
    for member in (PERSON, SECOND):
        shop.do("referral", FRIEND, referred=member)
        shop.buy(member)
    shop.do("link_identity", PERSON, other=SECOND)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (7, 3)
    shop.give_back(PERSON)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (0, 0)


def test_undone_before_it_is_known_a_referral_earns_nothing() -> None:
    """After a link the refund is told by another partition than the purchase was, so it may come first."""
    assert place(FRIEND) == place(SECOND) != place(PERSON)
    shop = Shop()
    shop.do("referral", FRIEND, referred=SECOND)
    shop.held_back = (place(SECOND), place(FRIEND))
    shop.buy(SECOND)
    shop.do("link_identity", SECOND, other=PERSON)
    shop.give_back(PERSON)
    shop.held_back = None
    shop.deliver()
    assert (shop.points(FRIEND), shop.points(PERSON)) == (0, 0)


def test_a_referral_of_an_id_that_is_no_member_yet_goes_over_with_a_link() -> None:
    shop = Shop()
    shop.do("referral", FRIEND, referred=SECOND)
    shop.do("link_identity", PERSON, other=SECOND)
    shop.buy(PERSON)
    assert (shop.points(FRIEND), shop.points(PERSON)) == (7, 3)
    assert shop.log.folds[place(SECOND)].counts["members"] == 1  # the friend


def test_nobody_brings_oneself_under_a_second_id() -> None:
    for linked_first in (False, True):
        shop = Shop()
        for kind in ("link_identity", "referral") if linked_first else ("referral", "link_identity"):
            data = {"other": SECOND} if kind == "link_identity" else {"referred": SECOND}
            shop.do(kind, PERSON, **data)
        shop.buy(SECOND)
        assert (shop.points(PERSON), shop.points(SECOND)) == (0, 0)


def test_a_customer_of_old_is_not_brought_by_way_of_a_new_id() -> None:
    shop = Shop()
    shop.buy(PERSON)
    shop.do("login", SECOND)
    shop.do("referral", FRIEND, referred=SECOND)
    shop.do("link_identity", PERSON, other=SECOND)
    shop.buy(PERSON, "o-2")
    assert (shop.points(FRIEND), shop.points(PERSON)) == (0, 0)
