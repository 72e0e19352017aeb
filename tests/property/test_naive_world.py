"""Several members, partitions and owners agree with a world that starts from nothing at every look at it."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.both_worlds import BothWorlds, Refunds
from tests.support.laws import LEDGER_LAW
from tests.support.member_desk import DAY_MS
from tests.support.picks import Picks, picks

SHARED = (
    "purchase", "purchase", "purchase", "refund", "refund", "redeem", "redeem", "redeem_cancel", "referral", "referral",
    "review", "login", "misconduct", "letters", "letters", "letters", "again",
)  # fmt: skip
OFFERED = ("purchase", "purchase", "purchase", "refund", "offer", "offer", "offer", "letters", "link_identity", "again")
REFUNDS: st.SearchStrategy[Refunds] = st.sampled_from(("within_balance", "unlimited"))
STEPS = st.integers(1, 24).flatmap(lambda number: st.lists(picks(10), min_size=number, max_size=number))


def play(worlds: BothWorlds, steps: list[Picks], kinds: tuple[str, ...]) -> None:
    for number, step in enumerate(steps):
        worlds.step(number, step, kinds)
        if number % 8 == 7:
            worlds.compare()
    worlds.compare()
    worlds.deliver_all()
    for days in (0, 8, 30, 400):
        worlds.now_ms += days * DAY_MS
        worlds.compare()
        worlds.deliver_all()


@LEDGER_LAW
@given(STEPS, REFUNDS)
def test_stock_budgets_and_referrals(steps: list[Picks], refunds: Refunds) -> None:
    play(BothWorlds(refunds), steps, SHARED)


@LEDGER_LAW
@given(STEPS, REFUNDS)
def test_with_links_between_them(steps: list[Picks], refunds: Refunds) -> None:
    play(BothWorlds(refunds), steps, (*SHARED, "link_identity", "link_identity"))


@LEDGER_LAW
@given(STEPS, REFUNDS)
def test_offers_to_members_and_to_aliases(steps: list[Picks], refunds: Refunds) -> None:
    play(BothWorlds(refunds), steps, OFFERED)
