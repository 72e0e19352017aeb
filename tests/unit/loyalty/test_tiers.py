"""Stories of tiers, told year by year."""

from features.event_time import ZoneRules
from loyalty.decisions import TierChange, instant
from loyalty.explain import explain_tier
from loyalty.policy import Policy
from loyalty.scope import Scope
from loyalty.weights import STATIC, Weights
from tests.support.member_desk import DAY_MS, Desk, ms, policy_of, purchase

LADDER = """
ladder = [
  { id = "base", threshold = 0 },
  { id = "silver", threshold = 1_000 },
  { id = "gold", threshold = 2_000 },
]
"""


def yearly(extra: str = "") -> Policy:
    return policy_of('[tiers]\nbasis = "spend"\nwindow = "calendar_year"\n' + extra + LADDER)


def story(changes: list[TierChange]) -> list[tuple[str, str, str]]:
    return [(change.time.date().isoformat(), change.data.kind, change.data.new_tier) for change in changes]


def bought(desk: Desk, date: str, amount: int, log_date: str = "") -> None:
    desk.act(purchase(f"{date}/{amount}/{log_date}", ms(date), amount), ms(log_date or date))


def test_up_at_once_and_down_one_by_one_at_the_end_of_the_cycle_after_a_warning() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 1_000)
    bought(desk, "2017-06-01", 1_000)
    desk.until(ms("2022-01-01"))
    assert story(desk.tier_changes) == [
        ("2017-03-01", "joined", "base"),
        ("2017-03-01", "upgraded", "silver"),
        ("2017-06-01", "upgraded", "gold"),  # to the end of 2018
        ("2018-12-02", "will_downgrade", "silver"),
        ("2019-01-01", "downgraded", "silver"),  # to the end of 2019
        ("2019-12-02", "will_downgrade", "base"),
        ("2020-01-01", "downgraded", "base"),
    ]


def test_the_grace_period_delays_the_downgrade_and_saves_who_comes_back_in_it() -> None:
    for date, kinds in (("2019-01-20", ["prolonged"]), ("2019-02-05", ["downgraded", "upgraded"])):
        desk = Desk(yearly("grace_days = 31\nwarn_days = 0\n"))
        bought(desk, "2017-03-01", 2_000)
        bought(desk, date, 2_000)
        assert [change.data.kind for change in desk.tier_changes[2:]] == kinds
        assert desk.tier == "gold"


def test_a_warning_is_not_sent_to_who_has_done_enough() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 1_000)
    bought(desk, "2018-11-01", 1_000)
    desk.until(ms("2019-06-01"))
    assert story(desk.tier_changes)[2:] == [("2018-11-01", "prolonged", "silver")]


def test_late_activity_counts_for_its_own_year() -> None:
    desk = Desk(yearly('valid_periods = 0\ngrace_days = 0\nwarn_days = 0\ndowngrade = "to_base"\n'))
    bought(desk, "2017-06-01", 1_000)
    desk.until(ms("2018-01-10"))
    assert desk.tier == "base"
    bought(desk, "2017-12-30", 5_000, "2018-01-11")
    assert desk.tier == "base"  # gold in 2017, which is over
    desk = Desk(yearly("valid_periods = 1\nwarn_days = 0\n"))
    bought(desk, "2017-06-01", 1_000)
    bought(desk, "2017-12-30", 1_000, "2018-01-11")
    last = desk.tier_changes[-1].data
    assert (last.kind, last.new_tier, last.reason) == ("upgraded", "gold", "late_activity")
    assert last.valid_until_ms == ms("2019-01-01")


def test_an_action_ahead_of_log_time_counts_when_its_year_begins() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-06-01", 100)
    bought(desk, "2018-01-01T00:05:00", 1_000, "2017-12-31T23:58:00")
    assert desk.tier == "base"
    desk.until(ms("2018-01-01"))
    assert (desk.tier, desk.tier_changes[-1].time) == ("silver", instant(ms("2018-01-01")))


def test_a_lifetime_tier_stays() -> None:
    desk = Desk(
        policy_of(
            '[tiers]\nbasis = "visits"\nwindow = "lifetime"\n'
            'ladder = [{ id = "a", threshold = 0 }, { id = "b", threshold = 2 }]'
        )
    )
    bought(desk, "2017-03-01", 0)
    bought(desk, "2017-03-02", 0)
    desk.until(ms("2050-01-01"))
    assert story(desk.tier_changes) == [
        ("2017-03-01", "joined", "a"),
        ("2017-03-02", "upgraded", "b"),
    ]
    assert desk.tier_changes[-1].data.valid_until_ms == 0
    assert desk.account.core.tier.due_ms == 0


def test_a_rolling_window_forgets_the_oldest_month() -> None:
    desk = Desk(
        policy_of('[tiers]\nbasis = "spend"\nwindow = "rolling_months"\nwindow_months = 3\nwarn_days = 0\n' + LADDER)
    )
    bought(desk, "2017-01-15", 600)
    bought(desk, "2017-03-15", 400)  # January to March: 1000
    assert (desk.tier, desk.account.core.tier.valid_until_ms) == ("silver", ms("2017-05-01"))
    bought(desk, "2017-04-15", 500)  # February to April: 900, but silver is valid to the end of April
    desk.until(ms("2017-04-30"))
    assert desk.tier == "silver"
    desk.until(ms("2017-05-01"))
    assert desk.tier == "base"


def test_learned_weights_that_fall_take_no_tier_away_and_those_that_rise_give_one() -> None:
    policy = policy_of(
        '[[tiers.score]]\nmeasure = "spend_minor"\nweight = 2_000\ncap = 2_000\n[tiers]\nbasis = "score"\n' + LADDER
    )
    desk = Desk(policy)
    bought(desk, "2017-03-01", 1_000)
    assert desk.tier == "silver"
    desk.scope = Scope(policy=policy, zone=ZoneRules.utc(), weights=Weights(1, (), (("spend_minor", 5_000),)))
    bought(desk, "2017-03-02", 1)
    assert desk.tier == "silver"
    desk.scope = Scope(policy=policy, zone=ZoneRules.utc(), weights=Weights(2, (), (("spend_minor", 20_000),)))
    bought(desk, "2017-03-03", 1)
    assert desk.tier == "gold"
    assert [part.weight_bp for part in desk.tier_changes[-1].data.contributions] == [20_000]
    assert desk.tier_changes[-1].data.weights_version == 2


def test_a_new_ladder_is_looked_at_with_the_members_next_step() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 900)
    easier = policy_of('[tiers]\nbasis = "spend"\n' + LADDER.replace("1_000", "800"))
    desk.scope = Scope(policy=easier, policy_version=2, weights=STATIC, zone=ZoneRules.utc())
    bought(desk, "2017-03-02", 0)
    last = desk.tier_changes[-1].data
    assert (last.new_tier, last.policy_version) == ("silver", 2)
    harder = yearly()
    desk.scope = Scope(policy=harder, policy_version=3, weights=STATIC, zone=ZoneRules.utc())
    bought(desk, "2017-03-03", 0)
    assert desk.tier == "silver"  # reached is reached, until its validity ends


def test_another_window_counts_anew_and_keeps_the_tier_for_its_validity() -> None:
    desk = Desk(yearly("warn_days = 0\n"))
    bought(desk, "2017-03-01", 2_000)
    monthly = policy_of('[tiers]\nbasis = "spend"\nwindow = "rolling_months"\nwarn_days = 0\n' + LADDER)
    desk.scope = Scope(policy=monthly, policy_version=2, weights=STATIC, zone=ZoneRules.utc())
    bought(desk, "2017-04-01", 500)
    assert (desk.tier, desk.account.core.tier.valid_until_ms) == ("gold", ms("2019-01-01"))
    assert [period.sums for period in desk.account.core.tier.periods] == [{2: 500}]


def test_the_tier_can_be_explained() -> None:
    desk = Desk(yearly())
    bought(desk, "2017-03-01", 1_500)
    bought(desk, "2018-01-05", 300)
    text = explain_tier(desk.account, desk.orders, desk.windows, desk.scope, ms("2018-01-05"))
    assert text.splitlines() == [
        "Tier: silver, valid until 2019-01-01 00:00:00 UTC.",
        "  It was reached in the period that began on 2017-01-01, with 1500.",
        "  In this calendar year, 300 on the ladder's scale:",
        "    300 from spend_minor 300",
        "  silver takes 1000, 700 more.",
        "  gold takes 2000, 1700 more.",
    ]


def test_a_year_is_the_years_of_the_programmes_own_zone() -> None:
    east = ZoneRules.from_changes("east", 8 * 3_600, ())
    desk = Desk(yearly(), east)
    bought(desk, "2017-12-31T16:30:00", 1_000)  # half past midnight of 2018 there
    assert desk.tier_changes[-1].data.valid_until_ms == ms("2019-12-31T16:00:00")
    assert DAY_MS == 86_400_000
