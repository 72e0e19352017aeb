"""Corrections by people and penalties for misconduct: points that no rule earned and no reward cost."""

from features.actions import Adjust, AdjustData, Misconduct, to_ms
from loyalty.calendar import given_expiry_ms
from loyalty.context import Context
from loyalty.extensions import extend_expiry
from loyalty.holds import give_verdict, verdict_objection
from loyalty.ledger import Facts, entry_id, post
from loyalty.lots import add_active, debit, spendable
from loyalty.overrides import override_objection, set_override
from loyalty.policy.earning import Penalty
from loyalty.rejections import Rejection
from loyalty.reminders import remind_ms


def adjustment_objection(context: Context, action: Adjust) -> Rejection | None:
    """Why an adjustment cannot be made, such as taking more than there is where the balance may not become negative."""
    points, core = action.data.points, context.core
    objection = (
        override_objection(context, action.data)
        or verdict_objection(context, action)
        or _expiry_objection(context, action.data)
    )
    if objection is not None:
        return objection
    if points >= 0 or context.policy.points.refunds == "unlimited" or -points <= spendable(core):
        return None
    return Rejection("insufficient_points", f"{-points} to take, {spendable(core)} there")


def _expiry_objection(context: Context, data: AdjustData) -> Rejection | None:
    """Why points cannot be given with this end, or as if earned at this time."""
    if data.expires is None and data.earned is None:
        return None
    if data.points <= 0:
        return Rejection("invalid_expiry", "`expires` and `earned` go with points to give, more than 0")
    if data.expires is not None and data.earned is not None:
        return Rejection(
            "invalid_expiry", "give `expires`, or `earned` from which the policy's expiry counts, not both"
        )
    if data.earned is not None and to_ms(data.earned) > context.time_ms:
        return Rejection("invalid_expiry", "`earned` is later than the adjustment itself")
    if _expires_ms(context, data) <= context.now_ms:
        return Rejection("invalid_expiry", "these points would have expired already; leave them out")
    return None


def _expires_ms(context: Context, data: AdjustData) -> int:
    """When points expire that are given."""
    if data.expires is not None:
        return given_expiry_ms(to_ms(data.expires))
    earned_ms = context.time_ms if data.earned is None else to_ms(data.earned)
    return context.calendar.expires_ms(context.policy.points.expiry, earned_ms)


def adjust(context: Context, action: Adjust) -> None:
    """Post an operator's correction, and what else it says: an override, a verdict, a later expiry.

    Points given expire as if they were earned now, or as the adjustment says; they do not count for the tier.
    """
    data, core = action.data, context.core
    if data.override is not None:
        set_override(context, action)
    if data.verdict is not None:
        give_verdict(context, action)
    if data.extend_days is not None:
        extend_expiry(context, action, data.extend_days)
    if not data.points and (data.override or data.verdict or data.extend_days):
        return
    if data.points >= 0:
        expires_ms = _expires_ms(context, data)
        changes = add_active(core, expires_ms, data.points, remind_ms(context, expires_ms))
    else:
        changes = debit(core, -data.points, owe=True)
    identity = entry_id(context, "adjusted", data.operator)
    post(context, "adjusted", identity, changes, Facts("adjust", reason=data.reason, operator=data.operator))


def penalise(context: Context, action: Misconduct) -> None:
    """Take points for misconduct, as far as there are any."""
    for penalty in context.compiled.penalties:
        if _meets(penalty, action):
            points = penalty.points * (action.data.severity if penalty.per_severity else 1)
            changes = debit(context.core, points)
            if changes:
                identity = entry_id(context, "penalised", penalty.id)
                post(context, "penalised", identity, changes, Facts("misconduct", penalty.id, reason=action.data.kind))


def _meets(penalty: Penalty, action: Misconduct) -> bool:
    return action.data.severity >= penalty.severity_from and (not penalty.kinds or action.data.kind in penalty.kinds)
