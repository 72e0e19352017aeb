"""Rewards of which there are only so many: `stock`, pending redemptions, the answer, cancelling at any moment."""

import pytest

from loyalty.effects import Claim, ClaimAnswer, ClaimReturn, Effect
from loyalty.owners import Asked, OwnerRequest, Stock, ask
from tests.support.member_desk import DAY_MS, MEMBER, START_MS, Desk, action, policy_of, purchase

POLICY = """
[points]
expiry = { kind = "after_days", days = 90 }
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 100
[[rewards]]
id = "mug"
kind = "goods"
price = 150
stock = 3
limit_per_year = 4
"""
MUG = "reward/mug"
CLAIM = "9:shop/tests-1"
ACCEPTED = ClaimAnswer(owner=MUG, claim=CLAIM)
REFUSED = ClaimAnswer(owner=MUG, claim=CLAIM, refusal="out_of_stock")
DAY_3 = START_MS + 3 * DAY_MS


def desk_with(stock: str = "") -> Desk:
    """Two lots of 100, of days 0 and 2; a mug for 150 claimed on day 3."""
    desk = Desk(policy_of(stock + POLICY))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 2 * DAY_MS, 10_000))
    desk.act(action("redeem", "s-1", DAY_3, reward_id="mug"))
    return desk


def told(desk: Desk) -> list[tuple[str, str]]:
    return [(said.data.kind, said.data.reason) for said in desk.notifications if said.data.kind.startswith("reward")]


def lots(desk: Desk) -> list[tuple[int, int]]:
    return [((lot.expires_ms - START_MS) // DAY_MS, lot.points) for lot in desk.account.core.active]


def test_points_are_debited_at_once_and_the_redemption_is_pending() -> None:
    desk = desk_with()
    # 200 - 150 = 50, of the lot that expires later
    assert (desk.active, lots(desk)) == (50, [(92, 50)])
    assert desk.effects == [Effect(MUG, DAY_3, Claim(holder=MEMBER, claim=CLAIM, quantity=1))]
    assert (desk.entries[-1].data.kind, desk.entries[-1].data.reason) == ("redeemed", "pending")
    assert told(desk) == [("reward_pending", "")]


def test_an_accepted_claim_grants_the_reward_and_moves_no_points() -> None:
    desk = desk_with()
    entries = len(desk.entries)
    desk.receive(ACCEPTED, DAY_3)
    assert told(desk) == [("reward_pending", ""), ("reward_granted", "")]
    assert (desk.active, len(desk.entries)) == (50, entries)


def test_a_refused_claim_gives_the_points_back_to_their_own_lots_with_the_reason() -> None:
    desk = desk_with()
    desk.receive(REFUSED, DAY_3)
    assert lots(desk) == [(90, 100), (92, 100)]
    entry = desk.entries[-1]
    assert (entry.data.kind, entry.data.active_points, entry.data.reason) == ("returned", 150, "out_of_stock")
    assert entry.data.grant == desk.entries[-2].id
    assert told(desk)[-1] == ("reward_refused", "out_of_stock")
    assert desk.account.counters["reward/mug"] == {17_167: 0}  # the year 2017's first day: nothing used of 4


@pytest.mark.parametrize("answer", [ACCEPTED, REFUSED])
def test_an_answer_counts_once(answer: ClaimAnswer) -> None:
    desk = desk_with()
    desk.receive(answer, DAY_3)
    said = len(desk.decisions)
    desk.receive(answer, DAY_3)
    desk.receive(REFUSED, DAY_3)
    assert len(desk.decisions) == said


def cancel(desk: Desk, day: int) -> None:
    desk.act(action("redeem_cancel", f"x-{day}", START_MS + day * DAY_MS, redeem_id="s-1"))


def test_cancelled_after_the_answer_the_piece_goes_back_at_once() -> None:
    desk = desk_with()
    desk.receive(ACCEPTED, DAY_3)
    cancel(desk, 5)
    assert lots(desk) == [(90, 100), (92, 100)]
    assert desk.effects[-1] == Effect(MUG, START_MS + 5 * DAY_MS, ClaimReturn(quantity=1))


def test_cancelled_before_the_answer_the_piece_goes_back_when_it_is_accepted() -> None:
    desk = desk_with()
    cancel(desk, 4)
    assert (lots(desk), len(desk.effects)) == ([(90, 100), (92, 100)], 1)
    desk.receive(ACCEPTED, DAY_3, log_time_ms=START_MS + 5 * DAY_MS)
    assert desk.effects[-1] == Effect(MUG, DAY_3, ClaimReturn(quantity=1))
    assert told(desk)[-1] == ("reward_cancelled", "")
    assert desk.active == 200


def test_cancelled_before_a_refusal_nothing_goes_back_twice() -> None:
    desk = desk_with()
    cancel(desk, 4)
    desk.receive(REFUSED, DAY_3, log_time_ms=START_MS + 5 * DAY_MS)
    assert (desk.active, len(desk.effects)) == (200, 1)
    cancel(desk, 6)
    assert [rejection.reason for rejection in desk.rejections] == ["unknown_redemption"]


def test_a_refused_redemption_cannot_be_called_off() -> None:
    desk = desk_with()
    desk.receive(REFUSED, DAY_3)
    cancel(desk, 4)
    assert ([rejection.reason for rejection in desk.rejections], desk.active) == (["unknown_redemption"], 200)


def test_without_a_refund_horizon_a_refused_claim_still_gives_its_points_back() -> None:
    desk = desk_with("[input]\nrefund_horizon_days = 0\n")
    desk.receive(REFUSED, DAY_3)
    assert desk.active == 200


def test_the_owner_gives_what_there_is_first_come_first_served() -> None:
    # 3 in stock: 2 accepted, 2 refused (1 is left), 1 accepted, 1 refused; 2 come back: 2 accepted
    stock, scope = Stock(), Desk(policy_of(POLICY)).scope
    two, one = (Claim(holder="m", claim="c", quantity=quantity) for quantity in (2, 1))
    requests: tuple[OwnerRequest, ...] = (two, two, one, one, ClaimReturn(quantity=2), two)
    said = [effect.body for body in requests for effect in ask(stock, Asked(MUG, START_MS, body, scope))]
    answers = [body.refusal for body in said if isinstance(body, ClaimAnswer)]
    assert answers == ["", "out_of_stock", "", "out_of_stock", ""]
    assert stock.claimed == 3


def test_what_is_not_in_the_catalogue_any_more_is_refused() -> None:
    stock, scope = Stock(), Desk(policy_of("")).scope
    (answer,) = ask(stock, Asked(MUG, START_MS, Claim(holder="m", claim="c"), scope))
    assert (answer.subject, answer.body) == ("m", ClaimAnswer(owner=MUG, claim="c", refusal="out_of_stock"))
