"""Which moments of a member's life become training examples: drawn by hash, whether or not the member acts then."""

from collections.abc import Callable
from hashlib import blake2b
from struct import Struct

from features.event_time import DAY_MS

# Days to look ahead for the next drawn day. At a share of 1% a longer gap comes about once in 10,000 draws; the member
# then waits for the next action.
_LOOK_AHEAD_DAYS = 900

_BP = 10_000

# Copied for each draw, which takes less than to set up another one.
_HASH = blake2b(digest_size=12, person=b"ts-moment")
_NUMBERS: Callable[[bytes], tuple[int, int]] = Struct(">IQ").unpack
"""From a digest to the number that draws the day, and the one that draws the moment in it."""


def next_moment_ms(member_id: str, after_ms: int, share_bp: int) -> int | None:
    """The member's first prediction moment later than `after_ms`; None where the share of sampled days is 0.

    A day is drawn with probability `share_bp` / 10,000, and the moment in it evenly, so that a day's moments of all
    members do not come at once.

    Example:
        >>> first = next_moment_ms("m-42", 0, 2_500)
        >>> first // DAY_MS, next_moment_ms("m-42", first, 2_500) // DAY_MS
        (4, 9)
    """
    day = after_ms // DAY_MS
    for candidate in range(day, day + _LOOK_AHEAD_DAYS):
        hashed = _HASH.copy()
        hashed.update(f"{candidate}/{member_id}".encode())
        drawn, within = _NUMBERS(hashed.digest())
        if drawn % _BP < share_bp:
            moment_ms = candidate * DAY_MS + within % DAY_MS
            if moment_ms > after_ms:
                return moment_ms
    return None
