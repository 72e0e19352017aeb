"""When a member is reminded of points that are about to expire."""

from loyalty.calendar import INACTIVE_MS
from loyalty.context import Context


def remind_ms(context: Context, expires_ms: int) -> int:
    """When to remind the member of points that expire then; 0 where there is no date, no wish, or no time left."""
    if not context.compiled.remind_ms or expires_ms >= INACTIVE_MS:
        return 0
    at_ms = expires_ms - context.compiled.remind_ms
    return at_ms if at_ms > context.now_ms else 0
