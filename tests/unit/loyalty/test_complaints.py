"""What users of other systems complain about most, one test each."""

from datetime import timedelta

from loyalty.decisions import LedgerEntry
from loyalty.explain import explain_entry
from loyalty.policy import Policy
from loyalty.scope import Scope
from loyalty.weights import Weights
from tests.support.linked_desks import LinkedDesk
from tests.support.member_desk import DAY_MS, START, START_MS, Desk, action, ms, policy_of, purchase, refund

RULES = """
[points]
pending_days = 14
expiry = { kind = "after_days", days = 100 }
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 100
[[rewards]]
id = "mug"
kind = "goods"
price = 100
[tiers]
basis = "spend"
ladder = [{ id = "member", threshold = 0 }, { id = "gold", threshold = 50_000, multiplier_bp = 20_000 }]
"""
POLICY = policy_of(RULES)


def kinds(desk: Desk) -> list[tuple[str, int]]:
    return [(entry.data.kind, entry.data.pending_points + entry.data.active_points) for entry in desk.entries]


def test_a_replayed_order_does_not_pay_twice() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 10_000))
    replayed = action("purchase", "another-event", START_MS + 1, order_id="o-1", amount=10_000, currency="USD")
    assert desk.act(replayed) == []
    assert desk.rejections[-1].reason == "duplicate_order"
    assert desk.pending == 100


def test_a_refund_does_not_keep_its_points() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 10_000))
    assert (desk.pending, desk.active) == (0, 0)
    desk.act(purchase("o-2", START_MS + DAY_MS, 10_000))
    desk.act(refund("r-2", START_MS + 30 * DAY_MS, "o-2", 10_000))  # active by now
    assert (desk.pending, desk.active) == (0, 0)


def test_a_refund_is_counted_at_the_rate_of_the_purchase_and_not_at_todays() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 10_000))  # 100 points
    desk.act(purchase("o-2", START_MS, 50_000))  # gold from here on: twice the points
    desk.scope = Scope(policy=POLICY, zone=desk.scope.zone, weights=Weights(1, (("purchase", 20_000),)))
    desk.act(refund("r-1", START_MS + DAY_MS, "o-1", 10_000))
    assert kinds(desk)[-1] == ("cancelled", -100)


def test_expired_points_do_not_vanish_with_the_debits_they_funded() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 30_000))
    desk.act(action("redeem", "s-1", START_MS + 20 * DAY_MS, reward_id="mug"))
    desk.until(START_MS + 101 * DAY_MS)
    # 300 earned, 100 spent: 200 expire, and the reward stays paid
    assert kinds(desk) == [("earned", 300), ("activated", 0), ("redeemed", -100), ("expired", -200)]
    assert desk.active == 0
    redeemed = desk.entries[2].data.lots
    assert [(lot.lot, lot.points) for lot in redeemed] == [(desk.entries[3].data.lots[0].lot, -100)]


def test_a_refund_after_expiry_does_not_take_the_expired_points_again() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 60 * DAY_MS, 10_000))
    desk.act(refund("r-1", START_MS + 120 * DAY_MS, "o-1", 10_000))  # its 100 points expired on day 100
    assert kinds(desk)[-1] == ("expired", -100)
    assert desk.active == 100


def test_redeeming_points_does_not_lower_the_tier() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 50_000))
    assert desk.tier == "gold"
    for number in range(5):
        desk.act(action("redeem", f"s-{number}", START_MS + 20 * DAY_MS + number, reward_id="mug"))
    assert (desk.active, desk.tier) == (0, "gold")


def test_everybody_can_say_why_a_line_is_there() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 50_000))
    desk.act(purchase("o-2", START_MS, 1_234))
    entry = desk.entries[-1]
    assert isinstance(entry, LedgerEntry)
    text = explain_entry(entry)
    assert "1234 x 1 point per 100 = 12.34, x 2 tier = 25" in text
    assert "order o-2" in text
    assert "cause: o-2 of shop/test" in text


def test_points_do_not_land_before_the_return_period_ends() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.until(START_MS + 14 * DAY_MS - 1)
    desk.act(action("redeem", "s-1", START_MS + 14 * DAY_MS - 1, reward_id="mug"))
    assert desk.notifications[-1].data.reason == "insufficient_points"
    desk.act(action("redeem", "s-2", START_MS + 14 * DAY_MS, reward_id="mug"))
    assert kinds(desk)[-1] == ("redeemed", -100)


def under(refunds: str) -> Policy:
    return policy_of(RULES.replace("[points]", f'[points]\nrefunds = "{refunds}"'))


def spent_then_refunded(refunds: str) -> Desk:
    """100 points earned and spent, 30 more earned, then the first order comes back."""
    desk = Desk(under(refunds))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(action("redeem", "s-1", START_MS + 20 * DAY_MS, reward_id="mug"))
    desk.act(purchase("o-2", START_MS + 20 * DAY_MS, 3_000))
    desk.until(START_MS + 40 * DAY_MS)
    assert desk.active == 30
    desk.act(refund("r-1", START_MS + 40 * DAY_MS, "o-1", 10_000))
    return desk


def test_a_refund_of_spent_points_takes_what_the_policy_says() -> None:
    assert spent_then_refunded("only_pending").active == 30
    within = spent_then_refunded("within_balance")
    assert within.active == 0
    assert within.entries[-1].data.reason == "70 not in balance"
    assert spent_then_refunded("unlimited").active == -70


def test_what_a_member_owes_is_paid_from_the_next_points() -> None:
    desk = spent_then_refunded("unlimited")
    desk.act(purchase("o-3", START_MS + 41 * DAY_MS, 10_000))
    desk.until(START_MS + 60 * DAY_MS)
    assert desk.active == 30
    last = desk.entries[-1].data
    assert [(lot.status, lot.points) for lot in last.lots] == [("pending", -100), ("debt", 70), ("active", 30)]


def test_a_manual_tier_is_no_silent_floor_and_is_not_overwritten() -> None:
    desk = Desk(POLICY)
    desk.act(purchase("o-1", START_MS, 100))
    until = (START + timedelta(days=90)).isoformat()
    manual = {"override": "fix", "tier": "gold", "until": until, "operator": "ann", "reason": "our mistake"}
    desk.act(action("adjust", "a-1", START_MS, **manual))
    for day in range(1, 80):  # what happens meanwhile does not overwrite it
        desk.act(purchase(f"p-{day}", START_MS + day * DAY_MS, 100))
        assert desk.tier == "gold"
    desk.until(START_MS + 90 * DAY_MS)  # it ends when it was said to end, with an event, and leaves nothing behind
    assert [change.data.kind for change in desk.tier_changes] == [
        *("joined", "override_set", "upgraded", "will_downgrade", "override_ended", "downgraded"),
    ]
    assert desk.tier == "member"
    assert desk.tier_changes[1].data.override is not None
    assert desk.tier_changes[1].data.override.operator == "ann"


def test_points_that_ended_by_inactivity_are_not_taken_a_second_time_whatever_ended_since() -> None:
    """Two orders end by inactivity, one after the other; returning the first takes none of what a login earned."""
    desk = Desk(
        policy_of(
            """
[points]
expiry = { kind = "inactivity", days = 20 }
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "login"
action = "login"
points = 4
expiry = { kind = "never" }
"""
        )
    )
    desk.act(purchase("o-1", ms("2017-03-01"), 1_000))  # 30 points, gone on 22 March
    desk.act(purchase("o-2", ms("2017-03-26"), 100))  # 3 points, gone on 16 April
    desk.act(action("login", "l-1", ms("2017-03-26")))  # 4 points that stay
    desk.act(refund("r-1", ms("2017-04-20"), "o-1", 1_000))
    assert desk.active == 4


def test_two_accounts_of_one_person_become_one_and_earn_nothing_twice() -> None:
    app, web = LinkedDesk(POLICY), LinkedDesk(POLICY)
    app.act(purchase("o-1", START_MS, 30_000))  # 300 points
    web.act(purchase("o-1", START_MS, 30_000))  # the same order, reported under both ids
    web.act(purchase("o-2", START_MS + DAY_MS, 25_000))  # 250 points; spend of 550.00 in all makes gold at 500.00
    app.absorb(web, START_MS + 2 * DAY_MS)
    assert (app.pending, web.pending) == (550, 0)
    assert app.tier == "gold"
    assert [kind for kind, _ in kinds(web)][-1] == "transferred_out"
    assert kinds(app)[-2:] == [("transferred_in", 550), ("cancelled", -300)]
    app.act(refund("r-1", START_MS + 3 * DAY_MS, "o-2", 25_000))  # an order of the account that is gone
    assert app.pending == 300
    app.until(START_MS + 14 * DAY_MS)
    assert (app.pending, app.active) == (0, 300)
    app.until(START_MS + 100 * DAY_MS)  # the points kept the date on which they expire
    assert app.active == 0
