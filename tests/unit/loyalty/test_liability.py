"""The liability book on cases that can be added up by hand, and what a point is worth."""

import pytest

from features.event_time import ZoneRules
from loyalty.cohorts import apportion, by_issue_month, cohort_months, outstanding
from loyalty.decisions import Cause, EntryData, EntryKind, LedgerEntry, LotChange, instant
from loyalty.liability import INACTIVITY, NEVER, UNDATED, LiabilityBook, month_name, month_of
from loyalty.point_value import PointValue, point_value
from streams.zones import zone_rules
from tests.support.member_desk import DAY_MS, Desk, action, ms, policy_of, purchase

NEW_YORK = zone_rules("America/New_York")
JUNE = ms("2018-07-01")  # an expiry: the end of June, in UTC


def entry(kind: EntryKind, at: str, *lots: LotChange) -> LedgerEntry:
    pending = sum(lot.points for lot in lots if lot.status == "pending")
    active = sum(lot.points for lot in lots if lot.status != "pending")
    data = EntryData(1, kind, pending, active, 0, 0, lots, Cause("shop", "o-1"), 1, 0, 1)
    return LedgerEntry(id="", type="loyalty.points." + kind, time=instant(ms(at)), subject="m-1", data=data)


def lot(points: int, expires_ms: int = JUNE) -> LotChange:
    return LotChange(f"active/{expires_ms}", "active", points, expires_ms)


def book_of(*entries: LedgerEntry, zone: ZoneRules | None = None) -> LiabilityBook:
    book = LiabilityBook(zone or ZoneRules.utc())
    for each in entries:
        book.add(each)
    return book


def named(points: dict[int, int]) -> dict[str, int]:
    return {month_name(month): held for month, held in points.items()}


LATER = month_of(40_000)


def test_each_kind_of_entry_is_on_its_side_and_the_day_balances() -> None:
    book = book_of(
        entry("earned", "2017-03-01T10:00", LotChange("ab", "pending", 100, JUNE)),
        entry("activated", "2017-03-01T11:00", LotChange("ab", "pending", -80, JUNE), lot(80)),
        entry("cancelled", "2017-03-01T12:00", LotChange("ab", "pending", -20, JUNE)),
        entry("redeemed", "2017-03-01T13:00", lot(-50)),
        entry("returned", "2017-03-02T13:00", lot(10)),
        entry("clawed_back", "2017-03-04T09:00", lot(-40), LotChange("debt", "debt", -15)),
        entry("earned", "2017-03-04T10:00", LotChange("debt", "debt", 5)),
        entry("adjusted", "2017-03-04T11:00", lot(7)),
        entry("penalised", "2017-03-04T12:00", lot(-3)),
        entry("extended", "2017-03-04T13:00", lot(-4), lot(4, JUNE + DAY_MS)),
        entry("transferred_out", "2017-03-04T14:00", LotChange("debt", "debt", 10), lot(-4, JUNE + DAY_MS)),
    )
    first, second, third, fourth = book.roll_forward()
    assert (first.day, first.issued, first.cancelled, first.spent, first.closing) == ("2017-03-01", 100, -20, -50, 30)
    assert (second.opening, second.spent, second.closing) == (30, 10, 40)
    assert (third.day, third.opening, third.closing) == ("2017-03-03", 40, 40)  # a day without entries has a line
    assert (fourth.clawed_back, fourth.issued, fourth.adjusted, fourth.penalised) == (-55, 5, 7, -3)
    assert fourth.transferred == 6
    assert (fourth.closing, fourth.pending, fourth.active, fourth.owed) == (0, 0, 0, 0)


def test_what_expires_at_midnight_belongs_to_the_day_and_month_that_end_then() -> None:
    end_ms = ms("2018-07-01T04:00")  # midnight in New York
    book = book_of(
        entry("earned", "2017-05-01", lot(9, end_ms)),
        entry("expired", "2018-07-01T04:00", lot(-9, end_ms)),
        zone=NEW_YORK,
    )
    *_, last = book.roll_forward()
    assert (last.day, last.expired, last.closing) == ("2018-06-30", -9, 0)
    assert {month_name(cohort) for cohort in book.flows} == {"2018-06"}
    assert {month_name(month) for month in book.flows[month_of(NEW_YORK.local_day(end_ms - 1))]} == {
        "2017-04",  # 30 April, 20:00
        "2018-06",
    }


def test_outstanding_points_stand_by_the_month_they_expire_in_also_those_without_a_date() -> None:
    book = book_of(
        entry("earned", "2017-03-01", lot(100), lot(30, JUNE + DAY_MS), LotChange("active/never", "active", 5)),
        entry("earned", "2017-04-01", LotChange("active/inactivity", "active", 6), LotChange("cd", "pending", 7)),
        entry("redeemed", "2017-05-01", lot(-40)),
    )
    assert named(outstanding(book.flows, LATER)) == {
        "2018-06": 60,
        "2018-07": 30,
        "undated": 7,
        "inactivity": 6,
        "never": 5,
    }
    assert {NEVER, INACTIVITY, UNDATED} < set(book.flows)
    march = month_of(17_256)  # the 31st
    assert outstanding(book.flows, march) == {}  # as it began
    assert named(outstanding(book.flows, march + 1)) == {"2018-06": 100, "2018-07": 30, "never": 5}
    seen = [(month_name(one.month), one.opening) for one in cohort_months(book.flows, LATER) if one.cohort == NEVER]
    assert seen[:2] == [("2017-03", 0), ("2017-04", 5)]


def test_what_leaves_a_lot_leaves_its_issue_months_in_proportion_and_moved_points_keep_theirs() -> None:
    book = book_of(
        entry("earned", "2017-03-01", lot(100)),
        entry("earned", "2017-04-01", lot(50)),
        entry("redeemed", "2017-05-01", lot(-60)),  # 40 of March, 20 of April
        entry("extended", "2017-06-01", lot(-90), lot(90, JUNE + 90 * DAY_MS)),
        entry("returned", "2017-07-01", lot(6, JUNE + 90 * DAY_MS)),
        entry("transferred_in", "2017-08-01", lot(3)),
    )
    assert named(by_issue_month(book.flows, LATER)) == {"2017-03": 66, "2017-04": 30, "2017-08": 3}


def test_apportioned_parts_add_up() -> None:
    assert apportion(100, [1, 2, 4]) == [14, 29, 57]
    assert apportion(0, [3, 4]) == [0, 0]
    assert sum(apportion(10**9 + 7, [7, 11, 13, 0])) == 10**9 + 7


# Knobs


def test_a_point_is_worth_what_the_policy_says() -> None:
    value = point_value(policy_of("point_value_ppm = 1_250_000\n" + CASH))
    assert value == PointValue("USD", 1_250_000, "policy")
    assert [value.minor(points) for points in (1, 2, 6, 1_000, -2)] == [1, 2, 8, 1_250, -2]  # 1.25, 2.5, 7.5


CASH = """
[[rewards]]
id = "five"
kind = "cash_back"
price = 500
value_minor = 500
[[rewards]]
id = "ten"
kind = "cash_back"
price = 960
value_minor = 1_000
[[rewards]]
id = "mug"
kind = "goods"
price = 10
value_minor = 900
"""


def test_or_what_the_best_reward_in_cash_gives_for_it() -> None:
    assert point_value(policy_of(CASH)) == PointValue("USD", 1_041_667, "ten")  # 1,000 / 960
    assert point_value(policy_of("")) is None


def test_the_value_of_a_point_decides_nothing() -> None:
    rule = '[[earning]]\nid = "purchase"\naction = "purchase"\npoints = 1\nper_minor = 100\n'
    ledgers = []
    for head in ("", "point_value_ppm = 5\n"):
        desk = Desk(policy_of(head + rule + CASH))
        desk.act(purchase("o-1", ms("2017-03-01"), 70_000))
        desk.act(action("redeem", "r-1", ms("2017-03-02"), reward_id="five"))
        ledgers.append(desk.entries)
    assert ledgers[0] == ledgers[1]
    assert len(ledgers[0]) == 2


@pytest.mark.parametrize("wrong", ["0", "-1", "1.5"])
def test_a_value_is_a_whole_number_over_0(wrong: str) -> None:
    with pytest.raises(Exception, match="point_value_ppm"):
        policy_of(f"point_value_ppm = {wrong}\n")
