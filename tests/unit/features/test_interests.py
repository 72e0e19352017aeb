"""What a member buys and when: shares by hand, few bytes, room for eight, and late purchases that change nothing."""

from features.actions import LineItem
from features.event_time import DAY_MS, HOUR_MS
from features.interests import MOST_CATEGORIES, Interests
from features.interests_row import INTERESTS_ROW
from features.vector import feature_index
from features.windows import ActivityWindows

MONDAY = 17_231  # 2017-03-06
NAMES = tuple(name for name in ("category_count", "category_entropy_millibits", "gap_irregularity_bp"))


def item(category: str, amount: int = 100) -> LineItem:
    return LineItem(item_id=category, amount=amount, category=category)


def buy(interests: Interests, day: int, *categories: str, hour: int = 12) -> None:
    time_ms = day * DAY_MS + hour * HOUR_MS
    interests.bought([item(category) for category in categories], time_ms, day, hour * HOUR_MS)


def fresh() -> Interests:
    return Interests.load(lambda _: None)


def test_a_purchase_is_shared_out_by_what_was_paid() -> None:
    interests = fresh()
    interests.bought([item("dairy", 300), item("wine", 100)], 0, MONDAY, 0)

    assert interests.shares() == (("dairy", 7_500), ("wine", 2_500))


def test_older_purchases_weigh_less_by_a_sixteenth_a_week() -> None:
    interests = fresh()
    buy(interests, MONDAY, "wine")
    buy(interests, MONDAY + 7, "dairy")

    assert interests.shares() == (("dairy", 16 * 10_000 // 31), ("wine", 15 * 10_000 // 31))


def test_a_late_purchase_counts_as_if_it_had_come_in_time() -> None:
    in_order, late = fresh(), fresh()
    for interests, days in ((in_order, (0, 7, 14)), (late, (0, 14, 7))):
        for day in days:
            buy(interests, MONDAY + day, f"category-{day}", hour=8)

    assert late.shares() == in_order.shares()


def test_time_alone_changes_nothing_and_writes_nothing() -> None:
    windows = ActivityWindows.load(lambda _: None)
    buy(windows.interests, MONDAY, "wine", "dairy")
    first = windows.vector((MONDAY + 1) * DAY_MS)
    rows = dict(windows.changed())
    later = windows.vector((MONDAY + 200) * DAY_MS)

    places = [feature_index(name) for name in NAMES]
    assert [first[place] for place in places] == [later[place] for place in places] == [2, 1_000, 0]
    assert INTERESTS_ROW in rows
    assert INTERESTS_ROW not in dict(windows.changed())


def test_regular_purchases_have_no_irregularity_and_one_long_gap_makes_some() -> None:
    regular, irregular = fresh(), fresh()
    for day in (0, 2, 4, 6):
        buy(regular, MONDAY + day, "wine")
    for day in (0, 1, 2, 6):
        buy(irregular, MONDAY + day, "wine")

    # gaps of 1, 1 and 4 days: mean 2, standard deviation the root of 2
    assert (regular.features()[-1], irregular.features()[-1]) == (0, 7_071)


def test_dayparts_are_shares_of_purchases() -> None:
    interests = fresh()
    buy(interests, MONDAY, "wine", hour=7)
    buy(interests, MONDAY + 1, "wine", hour=19)
    buy(interests, MONDAY + 5, "wine", hour=12)
    buy(interests, MONDAY + 6, "wine", hour=23)

    assert interests.features()[3:6] == (5_000, 2_500, 5_000)


def test_a_member_has_room_for_eight_and_what_is_bought_again_and_again_gets_in() -> None:
    interests = fresh()
    for number in range(MOST_CATEGORIES):
        buy(interests, MONDAY, f"once-{number}")
    buy(interests, MONDAY, "new")
    assert len(interests.shares()) == MOST_CATEGORIES - 1
    for _ in range(3):
        buy(interests, MONDAY, "new")

    assert interests.shares()[0][0] == "new"
    assert len(interests.shares()) == MOST_CATEGORIES


def test_a_part_restored_from_its_row_goes_on_the_same_and_the_row_is_small() -> None:
    hot = fresh()
    rows: dict[bytes, bytes | None] = {}
    for day in range(100):
        rows.update(hot.changed())
        cold = Interests.load(rows.get)
        for interests in (hot, cold):
            buy(interests, MONDAY + day, f"a category of some length {day % 11}")
        assert cold.features() == hot.features()
        assert cold.shares() == hot.shares()

    assert all(len(row or b"") < 350 for row in rows.values())


def test_a_view_weighs_a_sixteenth_of_a_purchase() -> None:
    interests = fresh()
    buy(interests, MONDAY, "wine")
    interests.viewed("dairy", MONDAY)

    assert interests.shares() == (("wine", 16 * 10_000 // 17), ("dairy", 10_000 // 17))
