"""From names of zones to rules that travel."""

import pytest

from features.errors import SettingsError
from features.event_time import DAY_MS, HOUR_MS, day_of
from streams.zones import zone_rules


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_zone_is_a_mistake_in_the_settings(name: str) -> None:
    with pytest.raises(SettingsError, match="IANA"):
        zone_rules(name)


def test_summer_time_is_known_to_the_end_of_the_century() -> None:
    zone = zone_rules("Europe/Berlin")
    assert zone.offset_ms(day_of(2099, 7, 1) * DAY_MS) == 2 * HOUR_MS
    assert zone.offset_ms(day_of(2099, 12, 1) * DAY_MS) == HOUR_MS
