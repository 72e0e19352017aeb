"""Quiet hours: a span of the local day in which members are not told anything that can wait.

A span may reach over midnight. It is meant by the clock on the wall: what matters is what the member's clock shows, so
where clocks go back over its end, it is quiet once more.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from features.errors import SettingsError
from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS, ZoneRules

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
NONE = "none"


class QuietHours(NamedTuple):
    """From `start_ms` to before `end_ms` of the local day, in milliseconds after its clock's midnight."""

    start_ms: int
    end_ms: int

    def holds(self, local_ms: int) -> bool:
        """Whether it is quiet when the local clock shows `local_ms` after midnight."""
        if self.start_ms < self.end_ms:
            return self.start_ms <= local_ms < self.end_ms
        return local_ms >= self.start_ms or local_ms < self.end_ms


def parse_quiet_hours(text: str) -> QuietHours | None:
    """Read `HH:MM-HH:MM`, or `none`.

    Raises:
        SettingsError: it is neither, or begins when it ends.

    Example:
        >>> parse_quiet_hours("21:00-08:00")
        QuietHours(start_ms=75600000, end_ms=28800000)
        >>> parse_quiet_hours("none") is None
        True
    """
    if text == NONE:
        return None
    found = _SPAN.fullmatch(text)
    if found is None or found[1] + found[2] == found[3] + found[4]:
        raise SettingsError(f"quiet hours {text!r}: write HH:MM-HH:MM, such as 21:00-08:00, or {NONE}")
    hours = [int(part) for part in found.groups()]
    return QuietHours(hours[0] * HOUR_MS + hours[1] * MINUTE_MS, hours[2] * HOUR_MS + hours[3] * MINUTE_MS)


def quiet_until_ms(quiet: QuietHours | None, zone: ZoneRules, now_ms: int) -> int:
    """The first instant from `now_ms` on that is not quiet; `now_ms` itself where it is not quiet now.

    Example:
        >>> night = parse_quiet_hours("21:00-08:00")
        >>> quiet_until_ms(night, ZoneRules.utc(), 23 * HOUR_MS) // HOUR_MS
        32
        >>> quiet_until_ms(night, ZoneRules.utc(), 8 * HOUR_MS) // HOUR_MS
        8
    """
    at_ms = now_ms
    while quiet is not None and quiet.holds(local_ms := (at_ms + zone.offset_ms(at_ms)) % DAY_MS):
        end_ms = at_ms + (quiet.end_ms - local_ms) % DAY_MS
        # Until clocks change, they show the end after as long as they say; from the change on, look again.
        change = bisect_right(zone.instants_ms, at_ms)
        changes_ms = zone.instants_ms[change : change + 1]
        at_ms = min((end_ms, *changes_ms))
    return at_ms
