"""What the desk and the member can do with points and benefits that are there: call off, extend, hold, use up."""

from datetime import UTC, datetime

import pytest

from features.event_time import ZoneRules
from loyalty.decisions import instant
from loyalty.scope import Scope
from tests.support.member_desk import DAY_MS, HOUR_MS, START_MS, Desk, action, ms, policy_of, purchase, refund

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

PURCHASE = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'
MUG = '[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 150\nlimit_per_year = 2\n'
NINETY = '[points]\nexpiry = { kind = "after_days", days = 90 }\n'


def kinds(desk: Desk) -> list[tuple[str, int]]:
    return [(entry.data.kind, entry.data.pending_points + entry.data.active_points) for entry in desk.entries]


def by_hand(desk: Desk, event_id: str, time_ms: int, **data: object) -> None:
    desk.act(action("adjust", event_id, time_ms, operator="ann", reason="a letter", **data))


# Redemptions called off


def with_a_mug() -> Desk:
    """Two lots of 100, of days 0 and 2; a mug for 150 on day 3."""
    desk = Desk(policy_of(NINETY + MUG + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 2 * DAY_MS, 10_000))
    desk.act(action("redeem", "s-1", START_MS + 3 * DAY_MS, reward_id="mug"))
    assert desk.active == 50
    return desk


def test_a_redemption_that_is_called_off_gives_the_points_back_to_their_own_lots() -> None:
    desk = with_a_mug()
    desk.act(action("redeem_cancel", "x-1", START_MS + 9 * DAY_MS, redeem_id="s-1"))
    lots = [(lot.expires_ms, lot.points) for lot in desk.account.core.active]
    assert lots == [(START_MS + 90 * DAY_MS, 100), (START_MS + 92 * DAY_MS, 100)]
    assert (desk.entries[-1].data.kind, desk.entries[-1].data.grant) == ("returned", desk.entries[-2].id)
    assert desk.notifications[-1].data.kind == "reward_cancelled"


def test_what_has_expired_meanwhile_expires_again_at_once() -> None:
    desk = with_a_mug()
    desk.act(action("redeem_cancel", "x-1", START_MS + 91 * DAY_MS, redeem_id="s-1"))
    assert desk.active == 200
    desk.until(START_MS + 91 * DAY_MS)
    assert kinds(desk)[-2:] == [("returned", 150), ("expired", -100)]
    assert desk.entries[-1].time == instant(START_MS + 90 * DAY_MS)


def test_a_redemption_is_called_off_once_and_by_who_knows_it() -> None:
    desk = with_a_mug()
    for number, data in enumerate(({"redeem_id": "s-2"}, {"redeem_id": "s-1", "redeem_source": "another/shop"})):
        desk.act(action("redeem_cancel", f"x-{number}", START_MS + 4 * DAY_MS, **data))
    for number in (7, 8):
        desk.act(action("redeem_cancel", f"x-{number}", START_MS + 5 * DAY_MS, redeem_id="s-1"))
    assert [rejection.reason for rejection in desk.rejections] == ["unknown_redemption"] * 3
    assert desk.active == 200
    desk.act(refund("r", START_MS + 5 * DAY_MS, "\x009:shop/tests-1", 1))  # nor is it an order
    assert desk.rejections[-1].reason == "unknown_order"


def test_a_redemption_that_is_called_off_does_not_count_for_the_limit() -> None:
    desk = Desk(policy_of(MUG + PURCHASE))
    desk.act(purchase("o-1", START_MS, 100_000))
    for number in range(2):
        desk.act(action("redeem", f"s-{number}", START_MS + DAY_MS, reward_id="mug"))
    desk.act(action("redeem", "s-2", START_MS + DAY_MS, reward_id="mug"))
    assert desk.notifications[-1].data.reason == "limit_reached"
    desk.act(action("redeem_cancel", "x", START_MS + DAY_MS, redeem_id="s-0"))
    desk.act(action("redeem", "s-3", START_MS + DAY_MS, reward_id="mug"))
    assert desk.active == 1_000 - 300


def test_a_late_cancellation_is_refused() -> None:
    desk = Desk(policy_of("[input]\nrefund_horizon_days = 10\n" + MUG + PURCHASE))
    desk.act(purchase("o-1", START_MS, 100_000))
    desk.act(action("redeem", "s", START_MS, reward_id="mug"))
    desk.act(action("redeem_cancel", "x", START_MS + 10 * DAY_MS + 1, redeem_id="s"))
    assert desk.rejections[-1].reason == "unknown_redemption"


# Benefits with quotas

TIERS = """
[[benefits]]
id = "free_delivery"
kind = "free_delivery"
quota = 2
per = "month"
[[benefits]]
id = "lounge"
kind = "partner_offer"
[tiers]
basis = "visits"
ladder = [
  { id = "member", threshold = 0, benefits = ["free_delivery"] },
  { id = "gold", threshold = 2, benefits = ["free_delivery", "lounge"] },
]
"""


def test_a_benefit_is_used_as_often_as_its_quota_allows_and_costs_nothing() -> None:
    desk = Desk(policy_of(TIERS))
    answers = []
    for number, day in enumerate((0, 1, 2, 31)):  # 1, 2, 3 March, 1 April
        desk.act(action("redeem", f"s-{number}", START_MS + day * DAY_MS, reward_id="free_delivery"))
        answers.append(desk.notifications[-1].data.reason)
    assert answers == ["", "", "quota_used", ""]
    assert desk.entries == []


def test_a_benefit_is_for_its_tiers() -> None:
    desk = Desk(policy_of(TIERS))
    desk.act(action("redeem", "s-1", START_MS, reward_id="lounge"))
    assert desk.notifications[-1].data.reason == "not_for_this_tier"
    for number in range(2):
        desk.act(purchase(f"o-{number}", START_MS, 100))
    for number in range(20):
        desk.act(action("redeem", f"t-{number}", START_MS, reward_id="lounge"))
        assert desk.notifications[-1].data.kind == "reward_granted"


def test_a_new_policy_tells_each_member_which_benefits_have_changed() -> None:
    desk = Desk(policy_of(TIERS))
    desk.act(action("login", "l", START_MS))
    richer = policy_of(TIERS.replace('benefits = ["free_delivery"]', 'benefits = ["lounge"]'))
    desk.later = (START_MS + DAY_MS, Scope(policy=richer, policy_version=2, zone=ZoneRules.utc()))
    desk.until(START_MS + 2 * DAY_MS)
    change = desk.tier_changes[-1].data
    assert (change.kind, change.benefits_granted, change.benefits_revoked) == (
        "benefits_changed",
        ("lounge",),
        ("free_delivery",),
    )


# A later expiry


def test_an_extension_moves_the_expiry_of_all_points_that_have_one() -> None:
    desk = Desk(policy_of(NINETY + PURCHASE + "pending_days = 5\n[notifications]\npoints_remind_days = 10\n"))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 20 * DAY_MS, 5_000))  # still pending on day 21
    by_hand(desk, "a", START_MS + 21 * DAY_MS, extend_days=30)
    desk.until(START_MS + 119 * DAY_MS)
    assert desk.active == 150
    reminders = [note for note in desk.notifications if note.data.kind == "points_will_expire"]
    assert [note.time for note in reminders] == [instant(START_MS + 110 * DAY_MS)]
    desk.until(START_MS + 200 * DAY_MS)
    assert kinds(desk)[-2:] == [("expired", -100), ("expired", -50)]
    assert [entry.time for entry in desk.entries[-2:]] == [
        instant(START_MS + 120 * DAY_MS),
        instant(START_MS + 140 * DAY_MS),
    ]


def test_a_refund_after_an_extension_knows_what_has_expired_and_what_has_not() -> None:
    for refund_day, left in ((100, 100), (125, 100)):
        desk = Desk(policy_of(NINETY + PURCHASE))
        desk.act(purchase("o-1", START_MS, 10_000))
        by_hand(desk, "a", START_MS + DAY_MS, extend_days=30)
        desk.act(purchase("o-2", START_MS + 60 * DAY_MS, 10_000))
        desk.act(refund("r", START_MS + refund_day * DAY_MS, "o-1", 10_000))
        assert desk.active == left  # its own points are taken, or have expired on day 120


def test_a_refund_takes_the_extended_points_of_its_own_order_and_no_others() -> None:
    """Whether another date is as far away as the extension, or the same date is given out once more after it."""
    for day, earned_again in ((30, 0), (0, 1)):
        desk = Desk(policy_of(NINETY + PURCHASE))
        desk.act(purchase("o-1", START_MS, 10_000))  # to day 90, extended to day 120
        desk.act(purchase("o-2", START_MS + day * DAY_MS, 5_000), START_MS + 31 * DAY_MS)
        by_hand(desk, "a", START_MS + 31 * DAY_MS, extend_days=30)
        desk.act(purchase("o-3", START_MS, earned_again * 2_000), START_MS + 32 * DAY_MS)  # late, and not extended
        desk.act(refund("r-1", START_MS + 33 * DAY_MS, "o-1", 10_000))
        desk.act(refund("r-3", START_MS + 33 * DAY_MS, "o-3", earned_again * 2_000))
        lots = [((lot.expires_ms - START_MS) // DAY_MS, lot.points) for lot in desk.account.core.active]
        assert lots == [(day + 120, 50)]


def test_points_without_a_date_are_left_alone() -> None:
    desk = Desk(policy_of(PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    by_hand(desk, "a", START_MS, extend_days=30)
    assert kinds(desk) == [("earned", 100)]


def test_a_correction_of_nothing_moves_no_lot_of_a_member_who_owes() -> None:
    desk = Desk(policy_of('[points]\nrefunds = "unlimited"\n' + PURCHASE))
    by_hand(desk, "a", START_MS, points=-5)
    by_hand(desk, "b", START_MS, points=0)
    assert [entry.data.lots for entry in desk.entries][1] == ()


# Holds

HELD = """
[points]
pending_days = 10
[[holds]]
id = "review"
days = 30
kinds = ["fraud"]
severity_from = 3
score_from = 5
"""


def fraud(event_id: str, day: int, severity: int, kind: str = "fraud") -> object:
    return action("misconduct", event_id, START_MS + day * DAY_MS, kind=kind, severity=severity)


def suspected() -> Desk:
    """100 points of day 0 and 50 of day 5, both pending; a hold from day 6 to day 36."""
    desk = Desk(policy_of(HELD + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 5 * DAY_MS, 5_000))
    desk.act(fraud("m-1", 6, 5))  # type: ignore[arg-type]  # made by `action`
    assert (desk.pending, desk.active) == (150, 0)
    return desk


@pytest.mark.parametrize(
    ("reports", "held"),
    [
        ([(3, "fraud")], False),  # severe enough, but the score is 3
        ([(3, "fraud"), (2, "noise")], False),  # a score of 5, but the last report is no fraud
        ([(2, "noise"), (3, "fraud")], True),
        ([(5, "noise"), (2, "fraud")], False),  # not severe enough
    ],
)
def test_a_hold_needs_severity_and_score(reports: list[tuple[int, str]], held: bool) -> None:  # noqa: FBT001 - a case
    desk = Desk(policy_of(HELD + PURCHASE))
    for number, (severity, kind) in enumerate(reports):
        desk.act(fraud(f"m-{number}", number, severity, kind))  # type: ignore[arg-type]  # made by `action`
    assert (desk.account.core.hold_ms > 0) == held


def test_held_points_wait_for_the_end_of_the_hold_and_new_ones_with_them() -> None:
    desk = suspected()
    desk.act(purchase("o-3", START_MS + 35 * DAY_MS, 2_000))  # would be active on day 45 anyway
    desk.until(START_MS + 36 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (170, 0)
    desk.until(START_MS + 36 * DAY_MS)
    assert (desk.pending, desk.active) == (20, 150)
    desk.until(START_MS + 45 * DAY_MS)
    assert desk.active == 170


def test_a_release_lets_go_what_would_be_active_by_now() -> None:
    desk = suspected()
    by_hand(desk, "a", START_MS + 12 * DAY_MS, verdict="release")
    desk.until(START_MS + 12 * DAY_MS)
    assert (desk.pending, desk.active) == (50, 100)  # the other lot has its own date again, day 15
    desk.until(START_MS + 15 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 150)


def test_a_cancelling_verdict_takes_what_was_held_once() -> None:
    desk = suspected()
    by_hand(desk, "a", START_MS + 12 * DAY_MS, verdict="cancel")
    assert (desk.pending, desk.active) == (0, 0)
    assert (desk.entries[-1].data.operator, desk.entries[-1].data.reason) == ("ann", "a letter")
    desk.act(purchase("o-3", START_MS + 13 * DAY_MS, 30_000))
    desk.until(START_MS + 30 * DAY_MS)
    desk.act(refund("r", START_MS + 31 * DAY_MS, "o-1", 10_000))  # its points are gone already
    assert desk.active == 300


def test_a_refund_finds_points_that_were_put_off() -> None:
    desk = suspected()
    desk.act(refund("r", START_MS + 20 * DAY_MS, "o-1", 10_000))
    assert kinds(desk)[-1] == ("cancelled", -100)
    assert desk.pending == 50


def test_points_that_are_active_at_once_wait_while_there_is_a_hold() -> None:
    desk = Desk(policy_of(HELD.replace("pending_days = 10", "pending_days = 0") + PURCHASE))
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(fraud("m", 1, 5))  # type: ignore[arg-type]  # made by `action`
    desk.act(purchase("o-2", START_MS + 2 * DAY_MS, 5_000))
    assert (desk.pending, desk.active) == (50, 100)
    by_hand(desk, "a", START_MS + 3 * DAY_MS, verdict="release")
    desk.until(START_MS + 3 * DAY_MS + HOUR_MS)
    assert (desk.pending, desk.active) == (0, 150)


def test_there_is_no_verdict_on_nothing() -> None:
    desk = Desk(policy_of(HELD + PURCHASE))
    by_hand(desk, "a", START_MS, verdict="cancel")
    assert desk.rejections[-1].reason == "nothing_held"


def test_one_letter_can_do_several_things() -> None:
    desk = suspected()
    by_hand(
        desk,
        "a",
        START_MS + 7 * DAY_MS,
        points=25,
        verdict="release",
        override="floor",
        tier="member",
        until=datetime(2018, 1, 1, tzinfo=UTC).isoformat(),
    )
    assert desk.active == 25
    assert desk.account.core.tier.override is not None
    assert desk.account.core.tier.override.until_ms == ms("2018-01-01")
