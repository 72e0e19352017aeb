"""Tiers set by hand: a floor or a fixed tier, always with an end, never silent.

The earned tier goes on being counted underneath, so that when an override ends the member has what was earned
meanwhile. Of two overrides the one that arrives later holds.
"""

from features.actions import Adjust, AdjustData, to_ms
from loyalty.account_rows import TierOverride
from loyalty.context import Context
from loyalty.decisions import OverrideData
from loyalty.rejections import Rejection
from loyalty.tier_events import announce
from loyalty.tiers import end_override, settle


def override_objection(context: Context, data: AdjustData) -> Rejection | None:
    """Why the tier cannot be set like this."""
    if data.override is None or data.override == "end":
        if data.tier is not None or data.until is not None:
            return Rejection("invalid_override", "`tier` and `until` go with an override of kind `floor` or `fix`")
        return None
    if data.tier not in context.compiled.ladder.index:
        known = ", ".join(context.compiled.ladder.ids)
        return Rejection("invalid_override", f"there is no tier {data.tier!r}; there are: {known}")
    if data.until is None or to_ms(data.until) <= context.now_ms:
        return Rejection("invalid_override", "an override needs an end, `until`, that is still to come")
    return None


def set_override(context: Context, action: Adjust) -> None:
    """Set or end an override, as `override_objection` has allowed it."""
    data, state = action.data, context.core.tier
    context.account.core_changed = True
    note = (data.operator, data.reason)
    if data.override == "end":
        end_override(context, "override", note)
    elif data.override is not None and data.tier is not None and data.until is not None:
        end_override(context, "override", note)
        state.override = TierOverride(data.override, data.tier, to_ms(data.until))
        told = OverrideData(data.override, data.tier, to_ms(data.until), *note)
        announce(context, "override_set", (state.tier, state.tier), "override", told)
    settle(context, "override")
