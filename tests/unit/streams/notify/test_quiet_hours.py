"""Quiet hours by the clock on the member's wall: over midnight, and where clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import SettingsError
from features.event_time import DAY_MS, MINUTE_MS, ZoneRules
from streams.notify.quiet_hours import QuietHours, parse_quiet_hours, quiet_until_ms
from streams.zones import zone_rules

BERLIN = zone_rules("Europe/Berlin")
ZONES = (ZoneRules.utc(), BERLIN, zone_rules("America/New_York"), zone_rules("Australia/Lord_Howe"))
MINUTES = st.integers(0, 24 * 60 - 1)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """The instant at which a wall clock shows `text`; of two, the first."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def until(quiet: str, now: str) -> str:
    """When it is no longer quiet in Berlin, as its clock shows it."""
    until_ms = quiet_until_ms(parse_quiet_hours(quiet), BERLIN, at(now))
    return datetime.fromtimestamp(until_ms / 1000, UTC).astimezone(ZoneInfo("Europe/Berlin")).isoformat()


@pytest.mark.parametrize(
    ("quiet", "now", "expected"),
    [
        ("21:00-08:00", "2026-06-01T20:59:59", "2026-06-01T20:59:59+02:00"),
        ("21:00-08:00", "2026-06-01T21:00:00", "2026-06-02T08:00:00+02:00"),
        ("21:00-08:00", "2026-06-02T00:00:00", "2026-06-02T08:00:00+02:00"),
        ("21:00-08:00", "2026-06-02T07:59:59", "2026-06-02T08:00:00+02:00"),
        ("21:00-08:00", "2026-06-02T08:00:00", "2026-06-02T08:00:00+02:00"),
        ("13:00-15:00", "2026-06-01T14:00:00", "2026-06-01T15:00:00+02:00"),
        ("none", "2026-06-01T23:00:00", "2026-06-01T23:00:00+02:00"),
        # The night in which clocks go forward has an hour less, the one in which they go back an hour more.
        ("21:00-08:00", "2026-03-28T22:00:00", "2026-03-29T08:00:00+02:00"),
        ("21:00-08:00", "2026-10-24T22:00:00", "2026-10-25T08:00:00+01:00"),
        # An end that no clock shows that night: it is over when the clock has jumped past it.
        ("21:00-02:30", "2026-03-28T22:00:00", "2026-03-29T03:00:00+02:00"),
        # An end that the clock shows twice: quiet until the first, and once more until the second.
        ("21:00-02:30", "2026-10-24T22:00:00", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_quiet_hours_end_when_the_clock_on_the_wall_says_so(quiet: str, now: str, expected: str) -> None:
    assert until(quiet, now) == expected


def test_where_clocks_go_back_over_the_end_it_is_quiet_once_more() -> None:
    second_two_oclock_ms = at("2026-10-25T02:30:00") + 30 * MINUTE_MS
    ends_ms = quiet_until_ms(parse_quiet_hours("21:00-02:30"), BERLIN, second_two_oclock_ms)
    assert ends_ms == second_two_oclock_ms + 30 * MINUTE_MS


@given(
    zone=st.sampled_from(ZONES),
    start=MINUTES,
    end=MINUTES,
    day=st.integers(19_000, 21_000),
    minute=MINUTES,
)
def test_the_end_is_the_first_minute_that_is_not_quiet(
    zone: ZoneRules, start: int, end: int, day: int, minute: int
) -> None:
    if start == end:
        return
    quiet = QuietHours(start * MINUTE_MS, end * MINUTE_MS)
    now_ms = day * DAY_MS + minute * MINUTE_MS
    expected_ms = now_ms
    while quiet.holds(zone.minute_of_day(expected_ms) * MINUTE_MS):
        expected_ms += MINUTE_MS
    assert quiet_until_ms(quiet, zone, now_ms) == expected_ms


@pytest.mark.parametrize("text", ["", "21-8", "24:00-08:00", "08:00-08:00", "21:00-08:60", "21:00 - 08:00"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(SettingsError, match="21:00-08:00"):
        parse_quiet_hours(text)
