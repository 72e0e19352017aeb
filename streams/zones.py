"""From an IANA zone name to `ZoneRules`: the one place that reads the machine's time-zone database.

It runs where a policy is published, not where it is applied: the result travels in the policy record.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.errors import SettingsError
from features.event_time import ZoneRules

# What the rules cover. Before and after, the first and the last offset hold.
FIRST_S = 0
LAST_S = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp())

# No zone of the database has changed and changed back within a day since 1970.
_PROBE_S = 86_400


def zone_rules(name: str) -> ZoneRules:
    """The rules of an IANA zone, 1970 to 2100.

    Raises:
        SettingsError: the time-zone database does not know the name.

    Example:
        >>> zone_rules("America/New_York").offset_ms(0) // 3_600_000
        -5
    """
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(
            f"time zone {name!r} is not in the time-zone database; use an IANA name such as Europe/Berlin, "
            "and install the tzdata package where the system has no database"
        ) from error
    return ZoneRules.from_changes(name, _offset_s(zone, FIRST_S), _changes(zone))


def _changes(zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    before_s = _offset_s(zone, FIRST_S)
    for probe_s in range(FIRST_S + _PROBE_S, LAST_S, _PROBE_S):
        offset_s = _offset_s(zone, probe_s)
        if offset_s != before_s:
            yield _first_s(zone, probe_s - _PROBE_S, probe_s), offset_s
            before_s = offset_s


def _first_s(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """The second in `(before_s, after_s]` from which the offset of `after_s` holds, by bisection."""
    wanted_s = _offset_s(zone, after_s)
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_s(zone, middle_s) == wanted_s:
            after_s = middle_s
        else:
            before_s = middle_s
    return after_s


def _offset_s(zone: ZoneInfo, time_s: int) -> int:
    offset = datetime.fromtimestamp(time_s, zone).utcoffset()
    return 0 if offset is None else offset.days * 86_400 + offset.seconds
