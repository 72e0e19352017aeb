"""A later expiry for points that are there already, by an operator's hand."""

from features.actions import Adjust
from features.event_time import DAY_MS
from loyalty.account_rows import Core, Extension
from loyalty.calendar import INACTIVE_MS
from loyalty.context import Context
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import extend


def extend_expiry(context: Context, action: Adjust, days: int) -> None:
    """Let all points that have a date expire `days` later; remember it for refunds of what earned them."""
    core, data = context.core, action.data
    later_ms = days * DAY_MS
    expiries_ms = {lot.expires_ms for lot in core.active} | {lot.expires_ms for lot in core.pending}
    dates = sorted(date_ms for date_ms in expiries_ms if date_ms < INACTIVE_MS)
    horizon_ms = context.now_ms - context.policy.input.reach_ms
    core.extensions = [past for past in core.extensions if past.new_ms >= horizon_ms]
    core.extensions += [Extension(date_ms, date_ms + later_ms) for date_ms in dates]
    changes = extend(core, later_ms)
    if changes:
        facts = Facts("adjust", reason=data.reason, operator=data.operator)
        post(context, "extended", entry_id(context, "extended", str(days)), changes, facts)


def expiries_of(core: Core, expires_ms: int) -> list[int]:
    """When points that were to expire at `expires_ms` may expire by now: then, or later by extensions, oldest first."""
    found = [expires_ms]
    for extension in core.extensions:
        if extension.old_ms == found[-1]:
            found.append(extension.new_ms)
    return found
