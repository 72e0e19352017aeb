"""Tiers set by hand, hysteresis, anniversaries and edits of the ladder, told day by day."""

from datetime import UTC, datetime

import msgspec
import pytest

from features.event_time import ZoneRules
from loyalty.explain import explain_tier, explain_tier_change
from loyalty.policy import Policy
from loyalty.scope import Scope
from tests.support.member_desk import DAY_MS, Desk, action, ms, policy_of, purchase, refund

LADDER = """
ladder = [
  { id = "base", threshold = 0 },
  { id = "silver", threshold = 1_000 },
  { id = "gold", threshold = 2_000 },
]
"""


def yearly(extra: str = "", ladder: str = LADDER) -> Policy:
    return policy_of('[tiers]\nbasis = "spend"\n' + extra + ladder)


def story(desk: Desk) -> list[tuple[str, str, str, str]]:
    return [
        (change.time.date().isoformat(), change.data.kind, change.data.new_tier, change.data.reason)
        for change in desk.tier_changes[1:]  # after joining
    ]


def bought(desk: Desk, date: str, amount: int, log_date: str = "") -> None:
    desk.act(purchase(f"{date}/{amount}/{log_date}", ms(date), amount), ms(log_date or date))


def by_hand(desk: Desk, date: str, override: str, tier: str = "", until: str = "") -> None:
    data: dict[str, object] = {"override": override}
    if tier:
        data["tier"] = tier
    if until:
        data["until"] = datetime.fromisoformat(until).replace(tzinfo=UTC).isoformat()
    desk.act(action("adjust", f"{override}/{date}", ms(date), operator="ann", reason="a promise", **data))


# Overrides


def test_a_floor_holds_the_member_up_until_its_end_and_never_longer() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 100)
    by_hand(desk, "2017-04-01", "floor", "gold", "2017-10-01")
    desk.until(ms("2019-12-31"))
    assert story(desk) == [
        ("2017-04-01", "override_set", "base", "override"),
        ("2017-04-01", "upgraded", "gold", "override"),
        ("2017-09-01", "will_downgrade", "base", "cycle_end"),  # 30 days ahead
        ("2017-10-01", "override_ended", "gold", "override"),
        ("2017-10-01", "downgraded", "base", "override"),
    ]
    assert desk.entries == []  # no point moves


def test_a_floor_does_not_keep_the_member_down() -> None:
    desk = Desk(yearly())
    by_hand(desk, "2017-04-01", "floor", "silver", "2017-10-01")
    bought(desk, "2017-05-01", 2_000)
    assert desk.tier == "gold"
    desk.until(ms("2017-10-01"))
    assert desk.tier == "gold"


def test_a_fixed_tier_is_exactly_that_and_what_was_earned_meanwhile_comes_after_it() -> None:
    desk = Desk(yearly())
    by_hand(desk, "2017-04-01", "fix", "silver", "2017-10-01")
    bought(desk, "2017-05-01", 2_500)  # gold is earned underneath
    assert desk.tier == "silver"
    desk.until(ms("2017-10-01"))
    assert story(desk)[-2:] == [
        ("2017-10-01", "override_ended", "silver", "override"),
        ("2017-10-01", "upgraded", "gold", "override"),
    ]
    assert desk.account.core.tier.valid_until_ms == ms("2019-01-01")


def test_an_override_can_be_ended_and_replaced_at_once() -> None:
    desk = Desk(yearly())
    by_hand(desk, "2017-04-01", "fix", "gold", "2017-10-01")
    by_hand(desk, "2017-05-01", "floor", "silver", "2018-10-01")
    assert desk.tier == "silver"
    by_hand(desk, "2017-06-01", "end")
    assert desk.tier == "base"
    assert [kind for _, kind, _, _ in story(desk)] == [
        *("override_set", "upgraded", "override_ended", "override_set", "downgraded", "override_ended", "downgraded"),
    ]
    ended = desk.tier_changes[-2].data.override
    assert ended is not None
    assert (ended.kind, ended.tier, ended.operator, ended.reason) == ("floor", "silver", "ann", "a promise")


def test_the_tier_says_that_it_was_set_by_hand() -> None:
    desk = Desk(yearly())
    by_hand(desk, "2017-04-01", "floor", "gold", "2017-10-01")
    text = explain_tier(desk.account, desk.orders, desk.windows, desk.scope, ms("2017-04-02"))
    assert "set by hand: at least gold until 2017-10-01" in text
    assert "by ann: a promise" in explain_tier_change(desk.tier_changes[1])


@pytest.mark.parametrize(
    "data",
    [
        {"override": "floor", "tier": "diamond", "until": "2017-10-01T00:00:00Z"},
        {"override": "floor", "tier": "gold"},
        {"override": "fix", "until": "2017-10-01T00:00:00Z"},
        {"override": "fix", "tier": "gold", "until": "2017-03-01T00:00:00Z"},
        {"override": "end", "tier": "gold"},
        {"tier": "gold"},
    ],
)
def test_an_override_that_says_too_little_is_refused(data: dict[str, object]) -> None:
    desk = Desk(yearly())
    desk.act(action("adjust", "a", ms("2017-04-01"), operator="ann", reason="r", points=5, **data))
    assert [rejection.reason for rejection in desk.rejections] == ["invalid_override"]
    assert desk.account.is_new


# Hysteresis


def test_holding_a_tier_takes_less_than_reaching_it() -> None:
    for spent, tier in ((800, "silver"), (799, "base")):
        desk = Desk(yearly("hold_bp = 8_000\n"))
        bought(desk, "2017-03-01", 1_000)  # silver to the end of 2018
        bought(desk, "2018-03-01", spent)
        desk.until(ms("2019-06-01"))
        assert desk.tier == tier
    desk = Desk(yearly("hold_bp = 8_000\n"))
    bought(desk, "2017-03-01", 999)
    assert desk.tier == "base"


def test_what_is_missing_to_hold_counts_the_lower_threshold() -> None:
    desk = Desk(yearly("hold_bp = 8_000\n"))
    bought(desk, "2017-03-01", 1_000)
    bought(desk, "2018-03-01", 700)
    desk.until(ms("2018-12-15"))
    assert desk.tier_changes[-1].data.to_remain == 100
    bought(desk, "2018-12-16", 100)
    assert story(desk)[-1] == ("2018-12-16", "prolonged", "silver", "qualified")


def test_a_refund_undoes_a_prolongation_that_it_no_longer_supports() -> None:
    desk = Desk(yearly("hold_bp = 8_000\n"))
    bought(desk, "2017-03-01", 1_000)
    bought(desk, "2018-12-01", 800)
    desk.act(refund("r", ms("2018-12-02"), "2018-12-01/800/", 1))
    assert story(desk)[-1] == ("2018-12-02", "expiration_changed", "silver", "refund")


# Anniversaries


def test_the_members_own_year_begins_on_the_day_of_joining() -> None:
    desk = Desk(yearly('window = "anniversary"\nwarn_days = 0\ngrace_days = 31\n'))
    bought(desk, "2017-03-15", 500)
    bought(desk, "2018-03-14", 499)  # the last day of the first year
    bought(desk, "2018-03-15", 999)  # the first day of the second
    assert desk.tier == "base"
    bought(desk, "2018-03-14T12:00", 1, "2018-03-20")  # late: it belongs to the first year, which has 1,000 now
    assert (desk.tier, desk.account.core.tier.valid_until_ms) == ("silver", ms("2019-03-15"))
    bought(desk, "2018-03-21", 1)
    assert desk.account.core.tier.valid_until_ms == ms("2020-03-15")


# Edits of the ladder

LOWER = LADDER.replace("1_000", "500")
HIGHER = LADDER.replace("1_000", "1_500")
WITHOUT_GOLD = LADDER.replace('  { id = "gold", threshold = 2_000 },\n', "")


def edited(desk: Desk, date: str, policy: Policy) -> None:
    desk.later = (ms(date), Scope(policy=policy, policy_version=2, zone=ZoneRules.utc()))


def test_an_edit_of_the_ladder_reaches_idle_members_at_the_hour_it_comes_into_force() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 600)
    edited(desk, "2017-05-01T08:00", yearly(ladder=LOWER))
    desk.until(ms("2017-05-01T07:59"))
    assert desk.tier == "base"
    desk.until(ms("2017-08-01"))
    assert story(desk) == [("2017-05-01", "upgraded", "silver", "policy_change")]
    assert desk.tier_changes[-1].data.policy_version == 2
    assert desk.tier_changes[-1].data.cause.id == "policy/2"


def test_a_higher_threshold_takes_no_tier_away_before_its_time() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 1_000)
    edited(desk, "2017-05-01", yearly(ladder=HIGHER))
    desk.until(ms("2018-12-31T23:00"))
    assert desk.tier == "silver"
    desk.until(ms("2019-01-02"))
    assert desk.tier == "base"


def test_a_tier_that_is_no_more_ends_with_the_override_on_it() -> None:
    desk = Desk(yearly())
    by_hand(desk, "2017-04-01", "floor", "gold", "2018-04-01")
    edited(desk, "2017-05-01", yearly(ladder=WITHOUT_GOLD))
    desk.until(ms("2017-05-02"))
    assert desk.tier == "base"
    assert ("2017-05-01", "override_ended", "gold", "policy_change") in story(desk)


def test_a_late_action_of_the_old_ladders_time_does_not_bring_the_old_ladder_back() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 600)
    edited(desk, "2017-05-01", yearly(ladder=LOWER))
    desk.until(ms("2017-05-02"))
    bought(desk, "2017-04-20", 10, "2017-05-03")
    desk.until(ms("2017-05-04"))
    assert desk.tier == "silver"


def test_a_day_of_an_override_is_stored_compactly() -> None:
    plain, held = Desk(yearly()), Desk(yearly())
    for desk in (plain, held):
        bought(desk, "2017-03-01", 100)
    by_hand(held, "2017-04-01", "floor", "gold", "2017-10-01")
    assert len(held.rows[b"c"]) < len(plain.rows[b"c"]) + 40
    assert msgspec.msgpack.decode(held.rows[b"c"])
    assert held.account.next_due_ms() == ms("2017-10-01") - 30 * DAY_MS
