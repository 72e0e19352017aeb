"""Laws of local time on integers."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import ContractError
from features.event_time import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Period,
    ZoneRules,
    add_months,
    date_of,
    day_of,
    period_end_day,
    period_start_day,
    weekday,
)
from streams.zones import zone_rules

# Clocks that jump over midnight, go back over it, skip a whole date, move by half an hour, or follow the moon.
NAMES = (
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Pacific/Apia",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Shanghai",
    "UTC",
)
LAST_MS = day_of(2100, 12, 31) * DAY_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

names = st.sampled_from(NAMES)
instants_ms = st.integers(0, LAST_MS)
days = st.integers(0, LAST_MS // DAY_MS)
periods = st.sampled_from(get_args(Period))


@cache
def rules(name: str) -> ZoneRules:
    return zone_rules(name)


@given(names, instants_ms)
def test_offsets_are_those_of_the_time_zone_database(name: str, time_ms: int) -> None:
    offset = (EPOCH + timedelta(milliseconds=time_ms)).astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    assert rules(name).offset_ms(time_ms) == offset // timedelta(milliseconds=1)


@pytest.mark.parametrize("name", NAMES)
def test_offsets_change_exactly_at_their_instants(name: str) -> None:
    zone = ZoneInfo(name)
    for instant_ms in rules(name).instants_ms:
        before, after = (datetime.fromtimestamp(instant_ms // 1000 + shift, zone).utcoffset() for shift in (-1, 0))
        assert before != after


@pytest.mark.parametrize("name", NAMES)
def test_rules_survive_being_text_and_the_text_is_short(name: str) -> None:
    text = rules(name).to_text()
    assert ZoneRules.from_text(text) == rules(name)
    assert len(text) < 1_000
    assert '"' not in text
    assert "\\" not in text


@given(names, days)
def test_a_day_starts_at_the_first_instant_of_it_or_of_a_later_one(name: str, day: int) -> None:
    zone = rules(name)
    start_ms = zone.day_start_ms(day)
    assert zone.local_day(start_ms) >= day
    assert zone.local_day(start_ms - 1) < day


@given(names, instants_ms)
def test_every_instant_lies_in_exactly_the_day_that_it_is_said_to_be_in(name: str, time_ms: int) -> None:
    zone = rules(name)
    day = zone.local_day(time_ms)
    assert zone.day_start_ms(day) <= time_ms < zone.day_start_ms(day + 1)


@pytest.mark.parametrize("name", NAMES)
def test_days_are_a_partition_around_every_clock_change(name: str) -> None:
    zone = rules(name)
    for instant_ms in zone.instants_ms:
        probes = [instant_ms + shift * 10 * MINUTE_MS for shift in range(-150, 151)] + [instant_ms - 1]
        reached = [zone.local_day(time_ms) for time_ms in sorted(probes)]
        assert reached == sorted(reached)
        for time_ms in probes:
            day = zone.local_day(time_ms)
            assert zone.day_start_ms(day) <= time_ms < zone.day_start_ms(day + 1)


@given(names, periods, instants_ms)
def test_periods_are_half_open_and_meet(name: str, period: Period, time_ms: int) -> None:
    zone = rules(name)
    start_ms, end_ms = zone.period_start_ms(period, time_ms), zone.period_end_ms(period, time_ms)
    assert start_ms <= time_ms < end_ms
    assert zone.period_start_ms(period, start_ms) == start_ms
    assert zone.period_end_ms(period, end_ms - 1) == end_ms
    assert zone.period_start_ms(period, end_ms) == end_ms


@given(periods, days)
def test_a_period_holds_its_days_and_starts_where_it_should(period: Period, day: int) -> None:
    start, end = period_start_day(period, day), period_end_day(period, day)
    assert start <= day < end
    first = date_of(start)
    expected = {
        "day": True,
        "week": first.weekday() == 0 == weekday(start),
        "month": first.day == 1,
        "quarter": first.day == 1 and first.month in {1, 4, 7, 10},
        "year": (first.month, first.day) == (1, 1),
    }
    assert expected[period]


@given(days, st.integers(0, 2400))
def test_months_later_is_the_same_date_or_the_end_of_the_month(day: int, months: int) -> None:
    before, after = date_of(day), date_of(add_months(day, months))
    assert (after.year * 12 + after.month) - (before.year * 12 + before.month) == months
    assert after.day == before.day or (after.day < before.day and date_of(add_months(day, months) + 1).day == 1)


@pytest.mark.parametrize(
    ("name", "local", "start_utc", "why"),
    [
        ("America/New_York", (2017, 3, 12), "2017-03-12T05:00", "an ordinary midnight, five hours behind"),
        ("America/New_York", (2017, 3, 13), "2017-03-13T04:00", "the day before was 23 hours long"),
        ("America/Sao_Paulo", (2017, 10, 15), "2017-10-15T03:00", "midnight was jumped over: it began at 01:00"),
        ("America/Sao_Paulo", (2018, 2, 18), "2018-02-18T03:00", "at midnight it was 23:00 again"),
        ("America/Havana", (2017, 11, 5), "2017-11-05T04:00", "midnight came twice: the first one counts"),
        ("America/St_Johns", (2010, 11, 7), "2010-11-07T02:30", "one minute after midnight it was 23:01 again"),
        ("Pacific/Apia", (2011, 12, 30), "2011-12-30T10:00", "a date that never was starts and ends at the jump"),
        ("Pacific/Apia", (2011, 12, 31), "2011-12-30T10:00", "and the next one starts there"),
    ],
)
def test_days_with_odd_midnights(name: str, local: tuple[int, int, int], start_utc: str, why: str) -> None:
    expected = datetime.fromisoformat(start_utc).replace(tzinfo=UTC)
    start_ms = rules(name).day_start_ms(day_of(*local))
    assert EPOCH + timedelta(milliseconds=start_ms) == expected, why


def test_the_local_clock_tells_minutes_of_the_day() -> None:
    zone = rules("America/New_York")
    noon_utc_ms = day_of(2017, 7, 1) * DAY_MS + 12 * HOUR_MS
    assert zone.minute_of_day(noon_utc_ms) == 8 * 60


def test_anniversaries_start_with_the_local_day() -> None:
    zone = rules("America/New_York")
    joined_ms = day_of(2016, 2, 29) * DAY_MS + 20 * HOUR_MS
    assert zone.add_months_ms(joined_ms, 12) == day_of(2017, 2, 28) * DAY_MS + 5 * HOUR_MS
    assert zone.add_months_ms(joined_ms, 48) == day_of(2020, 2, 29) * DAY_MS + 5 * HOUR_MS
    assert zone.add_days_ms(joined_ms, 30) == day_of(2016, 3, 30) * DAY_MS + 4 * HOUR_MS


@pytest.mark.parametrize("text", ["", "X", "X;0;;!", "X;0;1:a;!", "X;zero;;", "X;0;-5:60;!!"])
def test_text_that_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ContractError):
        ZoneRules.from_text(text)
