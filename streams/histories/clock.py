"""When was each record of a history appended to its log? A file does not say, so this estimates it. Pure.

Log time must follow event time, or work would fall due too late and records look as if they came from the future; and
one record dated 2099 must not drag it along, or everything after it would look hopelessly late.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from statistics import median_low

# Ticks of a history: often enough that work is done on the day it is due, seldom enough not to fill the log.
DEFAULT_TICK_EVERY_MS = 6 * 3_600_000

WINDOW = 64
# With fewer followers than this, a median says little; the end of a file is trusted to go on as it went.
_ENOUGH = 8


def history_timestamps(times: Iterable[int | None], lateness_ms: int, window: int = WINDOW) -> Iterator[int]:
    """Append-time estimates: the running maximum of the event times that can be believed.

    An event time is believed when it is at most `lateness_ms` ahead of the median of the next `window` event times. So
    files in order, with gaps, or shuffled within the lateness are believed entirely, and a lone date far ahead is not.
    Among the last few records, an event time is also believed when it is at most `lateness_ms` ahead of the running
    maximum.

    Args:
        times: Event times in file order, ms; None for a record that has none, such as a malformed one.
        lateness_ms: How late a record may come.
        window: How many records to look ahead.

    Yields:
        One timestamp in ms for each element of `times`, never falling. Records before the first believed time get that
        time; where none is believed, all get 0.

    Example:
        >>> day = 86_400_000
        >>> far = 129 * 365 * day
        >>> list(history_timestamps([day, far, None, 2 * day, 3 * day], lateness_ms=day))
        [86400000, 86400000, 86400000, 172800000, 259200000]
    """
    unstamped = 0
    source = iter(times)
    ahead: deque[int | None] = deque(islice(source, window + 1))
    in_sight = sorted(time for time in ahead if time is not None)
    running: int | None = None
    while ahead:
        time = ahead.popleft()
        if time is not None:
            del in_sight[bisect_left(in_sight, time)]
            if running is None or time > running:
                running = time if _believable(time, in_sight, running, lateness_ms) else running
        unstamped += 1
        if running is not None:
            yield from repeat(running, unstamped)
            unstamped = 0
        for following in islice(source, 1):
            ahead.append(following)
            if following is not None:
                insort(in_sight, following)
    yield from repeat(0, unstamped)


def _believable(time: int, followers: list[int], running: int | None, lateness_ms: int) -> bool:
    """Whether a time that would move the clock is borne out by what follows or, near the end, by what came before."""
    if followers and time <= median_low(followers) + lateness_ms:
        return True
    if len(followers) >= _ENOUGH:
        return False
    return not followers if running is None else time <= running + lateness_ms
