"""Points that a member brings along: each lot with its own end. The case file of `expires` and `earned` of `adjust`."""

import pytest

from tests.support.member_desk import DAY_MS, START_MS, Desk, action, policy_of, purchase

# START_MS is Wednesday, 1 March 2017, 12:00 UTC; points of the programme live for 90 days.
NINETY = '[points]\nexpiry = { kind = "after_days", days = 90 }\n[notifications]\npoints_remind_days = 10\n'
NOON = "2017-{}T12:00:00Z"


def give(desk: Desk, event_id: str, points: int, **data: object) -> None:
    desk.act(action("adjust", event_id, START_MS, operator="ann", reason="opening balance", points=points, **data))


def lots(desk: Desk) -> list[tuple[int, int]]:
    return [((lot.expires_ms - START_MS) // DAY_MS, lot.points) for lot in desk.account.core.active]


@pytest.mark.parametrize(
    ("data", "day"),
    [
        ({}, 90),  # as if earned now: 1 March + 90 days
        ({"expires": NOON.format("03-11")}, 10),  # its own end
        ({"expires": "2017-03-11T13:00:00+01:00"}, 10),  # the same instant
        ({"earned": NOON.format("02-19")}, 80),  # earned 10 days ago: 90 - 10 = 80 days are left
        ({"earned": NOON.format("03-01")}, 90),
    ],
)
def test_a_lot_ends_when_it_says(data: dict[str, object], day: int) -> None:
    desk = Desk(policy_of(NINETY))
    give(desk, "a", 500, **data)
    assert lots(desk) == [(day, 500)]
    desk.until(START_MS + day * DAY_MS - 1)
    assert desk.active == 500
    reminders = [note for note in desk.notifications if note.data.kind == "points_will_expire"]
    assert len(reminders) == (day > 10)  # reminded 10 days before, where that is still to come
    desk.until(START_MS + day * DAY_MS)
    assert desk.active == 0


def test_lots_with_one_end_are_one_and_the_earliest_is_spent_first() -> None:
    desk = Desk(policy_of(NINETY + '[[rewards]]\nid = "mug"\nkind = "goods"\nprice = 150\n'))
    give(desk, "a", 300, expires=NOON.format("06-09"))  # day 100
    give(desk, "b", 100, expires=NOON.format("03-11"))  # day 10
    give(desk, "c", 20, expires=NOON.format("06-09"))
    assert lots(desk) == [(10, 100), (100, 320)]
    desk.act(action("redeem", "s", START_MS + DAY_MS, reward_id="mug"))
    assert lots(desk) == [(100, 270)]  # 150 = 100 of day 10 + 50 of day 100


def test_the_year_9999_means_never() -> None:
    desk = Desk(policy_of(NINETY))
    for name, end in (("a", "9999-12-31T23:59:59Z"), ("b", "9999-01-01T00:00:00Z")):
        give(desk, name, 10, expires=end)
    desk.until(START_MS + 40_000 * DAY_MS)
    assert desk.active == 20
    assert {lot.expires_ms for entry in desk.entries for lot in entry.data.lots} == {0}


@pytest.mark.parametrize(
    ("points", "data"),
    [
        (500, {"expires": NOON.format("03-01")}),  # now: nothing would be left of it
        (500, {"expires": NOON.format("02-01")}),
        (500, {"earned": "2016-12-01T12:00:00Z"}),  # 90 days ago: expired now
        (500, {"earned": NOON.format("03-02")}),  # earned tomorrow
        (500, {"earned": NOON.format("02-01"), "expires": NOON.format("06-09")}),  # one says when already
        (-5, {"expires": NOON.format("06-09")}),  # points are taken from the lots that are there
        (0, {"expires": NOON.format("06-09")}),
    ],
)
def test_an_end_that_makes_no_sense_is_refused_and_nothing_is_given(points: int, data: dict[str, object]) -> None:
    desk = Desk(policy_of(NINETY))
    desk.act(purchase("o", START_MS, 100))
    give(desk, "a", points, **data)
    assert [rejection.reason for rejection in desk.rejections] == ["invalid_expiry"]
    assert desk.entries == []


def test_an_opening_balance_does_not_move_the_tier() -> None:
    ladder = '[{ id = "member", threshold = 0 }, { id = "gold", threshold = 100 }]'
    desk = Desk(policy_of(NINETY + f'[tiers]\nbasis = "earned_points"\nladder = {ladder}\n'))
    give(desk, "a", 5_000, expires=NOON.format("06-09"))
    assert (desk.tier, desk.active) == ("member", 5_000)
