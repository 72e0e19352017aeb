"""Referrals: `referrer_points`, `referred_points`, `min_amount_minor`; both sides, undone together."""

from loyalty.account_rows import ReferredBy
from loyalty.effects import Effect, ReferralEarned, ReferralUndone, Referred
from tests.support.member_desk import DAY_MS, MEMBER, START_MS, Desk, action, policy_of, purchase, refund

POLICY = """
[points]
pending_days = 3
[referral]
referrer_points = 500
referred_points = 200
min_amount_minor = 2_000
"""
FRIEND = "m-friend"
TOLD = Referred(referrer=FRIEND)
EARNED = ReferralEarned(referred=FRIEND, order_id="o-9")
UNDONE = ReferralUndone(referred=FRIEND, order_id="o-9")


def kinds(desk: Desk) -> list[tuple[str, str, int]]:
    return [(e.data.kind, e.data.rule, e.data.pending_points + e.data.active_points) for e in desk.entries]


def referred() -> Desk:
    desk = Desk(policy_of(POLICY))
    desk.act(action("login", "l", START_MS))
    desk.receive(TOLD, START_MS)
    return desk


def test_a_referral_tells_the_one_who_is_referred_and_never_oneself() -> None:
    desk = Desk(policy_of(POLICY))
    desk.act(action("referral", "r-1", START_MS, referred=FRIEND))
    desk.act(action("referral", "r-2", START_MS, referred=MEMBER))
    assert desk.effects == [Effect(FRIEND, START_MS, Referred(referrer=MEMBER))]


def test_without_the_knob_a_referral_tells_nobody() -> None:
    desk = Desk(policy_of(""))
    desk.act(action("referral", "r-1", START_MS, referred=FRIEND))
    assert desk.effects == []


def test_the_first_qualifying_purchase_rewards_both_once() -> None:
    # 19.99 is too little; 20.00 earns 200 here and 500 at the friend's; the next earns nothing more
    desk = referred()
    for number, amount in enumerate((1_999, 2_000, 9_000)):
        desk.act(purchase(f"o-{number}", START_MS + number, amount))
    assert kinds(desk) == [("earned", "referral/referred", 200)]
    assert desk.entries[0].data.order_id == "o-1"
    assert desk.effects == [Effect(FRIEND, START_MS + 1, ReferralEarned(referred=MEMBER, order_id="o-1"))]
    assert (desk.pending, desk.active) == (200, 0)


def test_the_first_referrer_counts_and_only_before_anything_was_bought() -> None:
    desk = referred()
    desk.receive(Referred(referrer="m-late"), START_MS)
    assert desk.account.core.referred == ReferredBy(FRIEND)
    bought = Desk(policy_of(POLICY))
    bought.act(purchase("o-1", START_MS, 5_000))
    bought.receive(TOLD, START_MS)
    assert bought.account.core.referred is None


def test_a_full_refund_undoes_both_and_a_part_nothing() -> None:
    desk = referred()
    desk.act(purchase("o-1", START_MS, 5_000))
    desk.act(refund("f-1", START_MS, "o-1", 4_999))
    assert (desk.pending, len(desk.effects)) == (200, 1)
    desk.act(refund("f-2", START_MS, "o-1", 1))
    assert kinds(desk)[-1] == ("cancelled", "referral/referred", -200)
    assert desk.effects[-1] == Effect(FRIEND, START_MS, ReferralUndone(referred=MEMBER, order_id="o-1"))
    desk.act(purchase("o-2", START_MS, 5_000))  # once is once
    assert (desk.pending, len(desk.effects)) == (0, 2)


def test_the_referrers_award_waits_like_others_and_is_taken_back_once() -> None:
    desk = Desk(policy_of(POLICY))
    desk.act(action("referral", "r-1", START_MS, referred=FRIEND))
    desk.receive(EARNED, START_MS)
    assert (desk.pending, desk.active) == (500, 0)
    desk.until(START_MS + 4 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 500)
    for _ in range(2):
        desk.receive(UNDONE, START_MS + 5 * DAY_MS)
    assert [kind for kind, _, _ in kinds(desk)] == ["earned", "activated", "clawed_back"]
    assert desk.active == 0
    desk.act(refund("f", START_MS + 6 * DAY_MS, "\0referral/m-friend", 1))  # it is no order
    assert desk.rejections[-1].reason == "unknown_order"


def test_it_is_taken_back_at_the_rate_that_it_was_granted_at() -> None:
    desk = Desk(policy_of(POLICY))
    later = Desk(policy_of(POLICY.replace("500", "900"))).scope
    desk.later = (START_MS + DAY_MS, later)
    desk.act(action("referral", "r-1", START_MS, referred=FRIEND))
    desk.receive(EARNED, START_MS)
    desk.receive(UNDONE, START_MS + 2 * DAY_MS)
    assert kinds(desk)[-1] == ("cancelled", "referral/referrer", -500)


def test_undoing_what_was_never_earned_does_nothing() -> None:
    desk = Desk(policy_of(POLICY))
    desk.act(action("login", "l", START_MS))
    desk.receive(UNDONE, START_MS)
    assert kinds(desk) == []
