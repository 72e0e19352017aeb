"""Why a line is there: awards, entries and tiers in plain words, from the recorded facts alone.

Nothing is computed anew but the sums that the reader can check: what is said is what was decided then, under the
versions that are named.
"""

from features.event_time import date_of
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.account_rows import LastAward
from loyalty.calendar import NEVER_MS
from loyalty.context import Context
from loyalty.decisions import Cause, Contribution, EntryData, Factors, LedgerEntry, LotChange, TierChange, instant
from loyalty.orders import Orders
from loyalty.policy.fields import BP
from loyalty.qualification import contributions
from loyalty.scope import Scope
from loyalty.verdicts import MAX_SCORE


def explain_entry(entry: LedgerEntry, point_scale: int = 1) -> str:
    """A ledger entry in words."""
    data = entry.data
    lines = [f"{_when(entry.time.isoformat())}: {_headline(data, point_scale)}"]
    if data.factors is not None:
        lines.append(f"  {explain_factors(data.factors, point_scale)}")
    lines.extend(f"  {_lot(change, point_scale)}" for change in data.lots)
    if data.reason:
        lines.append(f"  because: {data.reason}")
    if data.operator:
        lines.append(f"  by {data.operator}")
    if data.misconduct_score:
        lines.append(f"  misconduct score: {data.misconduct_score} of {MAX_SCORE}")
    if data.grant:
        lines.append(f"  it concerns the award {data.grant}")
    lines.append(f"  cause: {data.cause.id} of {data.cause.source}")
    lines.append(
        f"  policy version {data.policy_version}, weights version {data.weights_version}, engine {data.engine}"
    )
    balance = f"{show_points(data.active_balance, point_scale)} active, "
    lines.append(f"  balance after it: {balance}{show_points(data.pending_balance, point_scale)} pending")
    return "\n".join(lines)


def explain_factors(factors: Factors, point_scale: int = 1) -> str:
    """The arithmetic of an award on one line.

    Example:
        >>> print(explain_factors(Factors(2599, 1, 100, 9_500, 12_500, 10_000, 31, 20, "half_even", cap="day")))
        2599 x 1 point per 100 = 25.99, x 0.95 learned weight, x 1.25 tier = 31; cap per day leaves 20
    """
    base = f"{factors.eligible} x {_count(factors.points, point_scale)}"
    if factors.per > 1:
        base += f" per {factors.per} = {_ratio(factors.eligible * factors.points, factors.per * point_scale)}"
    steps = [base]
    each = ((factors.weight_bp, "learned weight"), (factors.tier_bp, "tier"), (factors.campaign_bp, "campaign"))
    steps += [f"x {_ratio(factor_bp, BP)} {name}" for factor_bp, name in each if factor_bp != BP]
    if factors.bonus:
        steps.append(f"+ {show_points(factors.bonus, point_scale)} campaign bonus")
    text = ", ".join(steps)
    if factors.campaigns:
        named = (f"{name}, offered" if name in factors.offers else name for name in factors.campaigns)
        text += f" ({', '.join(named)})"
    text += f" = {show_points(factors.desired, point_scale)}"
    if factors.cap:
        text += f"; cap per {factors.cap} leaves {show_points(factors.granted, point_scale)}"
    return text


def explain_last_award(account: Account, scope: Scope) -> str:
    """Why the member's last award was what it was."""
    last = account.core.last_award
    if last is None:
        return "No points have been awarded yet."
    scale = scope.policy.programme.point_scale
    when = _when(instant(last.time_ms).isoformat())
    lines = [f"Last award: {_count(last.granted, scale)} for {last.action} at {when}, by the earning rule {last.rule}."]
    lines.append(f"  {explain_factors(_factors_of(last, scope), scale)}")
    lines.append(f"  entry {last.entry.hex()}")
    lines.append(f"  policy version {last.policy_version}, weights version {last.weights_version}")
    return "\n".join(lines)


def explain_tier(account: Account, orders: Orders, windows: ActivityWindows, scope: Scope, log_time_ms: int) -> str:
    """Why the member's tier is what it is, and what is missing to keep it and to rise."""
    core, ladder = account.core, scope.policy.compiled.ladder
    if account.is_new:
        return "This member has not joined yet."
    context = Context((account, orders, windows), core.member, Cause("", ""), (log_time_ms, log_time_ms), scope)
    span = context.cycle.span(ladder.period, log_time_ms)
    parts = contributions(context, span.day)
    value = sum(part.points for part in parts)
    rank = ladder.index.get(core.tier.tier, 0)
    lines = [f"Tier: {core.tier.tier}{_validity(core.tier.valid_until_ms)}."]
    override = core.tier.override
    if override is not None:
        lines.append(f"  It is {_override(override.kind, override.tier, override.until_ms)}.")
    reached = next(
        (period for period in reversed(core.tier.periods) if ladder.index.get(period.reached, 0) >= rank), None
    )
    if rank and reached is not None and reached.day != span.day:
        before = sum(part.points for part in contributions(context, reached.day))
        lines.append(f"  It was reached in the period that began on {date_of(reached.day).isoformat()}, with {before}.")
    lines.append(f"  In this {_WINDOW_WORDS[ladder.window]}, {value} on the ladder's scale:")
    lines += [f"    {_contribution(part)}" for part in parts]
    lines.append(f"  {core.tier.tier} takes {ladder.thresholds[rank]}" + _missing(ladder.thresholds[rank] - value))
    if rank + 1 < len(ladder.ids):
        lines.append(
            f"  {ladder.ids[rank + 1]} takes {ladder.thresholds[rank + 1]}"
            + _missing(ladder.thresholds[rank + 1] - value)
        )
    return "\n".join(lines)


def explain_tier_change(change: TierChange) -> str:
    """A tier decision in words."""
    data = change.data
    lines = [
        f"{_when(change.time.isoformat())}: {data.kind.replace('_', ' ')}, {data.old_tier or 'new'} to {data.new_tier}"
    ]
    lines.append(f"  reason: {data.reason.replace('_', ' ')}; {data.score} on the ladder's scale:")
    lines += [f"    {_contribution(part)}" for part in data.contributions]
    if data.override is not None:
        override = data.override
        by = f", by {override.operator}: {override.reason}" if override.operator else ""
        lines.append(f"  {_override(override.kind, override.tier, override.until_ms)}{by}")
    if data.next_tier:
        lines.append(f"  {data.to_next} to {data.next_tier}")
    if data.valid_until_ms:
        lines.append(f"  valid until {_when(instant(data.valid_until_ms).isoformat())}, {data.to_remain} to remain")
    lines.append(f"  cause: {data.cause.id} of {data.cause.source}")
    return "\n".join(lines)


def show_points(points: int, point_scale: int) -> str:
    """Points in whole ones.

    Example:
        >>> show_points(25, 1), show_points(25, 10), show_points(-5, 10)
        ('25', '2.5', '-0.5')
    """
    if point_scale == 1:
        return str(points)
    sign = "-" if points < 0 else ""
    return sign + _ratio(abs(points), point_scale)


_WINDOW_WORDS = {
    "calendar_year": "calendar year",
    "anniversary": "year of membership",
    "rolling_months": "rolling window of months",
    "lifetime": "lifetime",
}
_VERBS = {
    "earned": "earned",
    "activated": "became spendable",
    "expired": "expired",
    "redeemed": "were redeemed",
    "clawed_back": "were taken back for a refund",
    "cancelled": "pending were cancelled",
    "penalised": "were taken for misconduct",
    "adjusted": "adjusted",
    "returned": "were returned from a redemption",
    "extended": "have got a later expiry",
    "transferred_out": "went over to the other id of the same person",
    "transferred_in": "came over from the other id of the same person",
    "held": "moved; pending points are held",
}


def _headline(data: EntryData, scale: int) -> str:
    moved = data.active_points or data.pending_points
    text = f"{_count(abs(moved) if data.kind != 'adjusted' else moved, scale)} {_VERBS[data.kind]}"
    if data.rule:
        text += f" by {data.rule}"
    if data.order_id:
        text += f", order {data.order_id}"
    return text


def _lot(change: LotChange, scale: int) -> str:
    end = f", expires {_when(instant(change.expires_ms).isoformat())}" if change.expires_ms else ""
    sign = "+" if change.points > 0 else ""
    return f"{change.status} lot {change.lot}: {sign}{show_points(change.points, scale)}{end}"


def _factors_of(last: LastAward, scope: Scope) -> Factors:
    weight_bp, tier_bp, campaign_bp = last.factors_bp
    return Factors(
        last.eligible,
        last.points,
        last.per,
        weight_bp,
        tier_bp,
        campaign_bp,
        last.desired,
        last.granted,
        scope.policy.programme.rounding,
        bonus=last.bonus,
        cap=last.cap,
    )


def _contribution(part: Contribution) -> str:
    weight = "" if part.weight_bp == BP else f" (learned weight {_ratio(part.weight_bp, BP)})"
    return f"{part.points} from {part.measure} {part.value}{weight}"


def _validity(valid_until_ms: int) -> str:
    if not valid_until_ms or valid_until_ms == NEVER_MS:
        return ""
    return f", valid until {_when(instant(valid_until_ms).isoformat())}"


def _override(kind: str, tier: str, until_ms: int) -> str:
    least = "at least" if kind == "floor" else "exactly"
    return f"set by hand: {least} {tier} until {_when(instant(until_ms).isoformat())}"


def _missing(points: int) -> str:
    return f", {points} more." if points > 0 else ", which is reached."


def _count(points: int, scale: int) -> str:
    return f"{show_points(points, scale)} point" + ("" if points == scale else "s")


def _ratio(numerator: int, denominator: int) -> str:
    """An exact decimal where there is one of six digits at most, else cut there."""
    whole, rest = divmod(numerator, denominator)
    digits = str(rest * 1_000_000 // denominator).zfill(6).rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _when(iso: str) -> str:
    return iso.replace("T", " ").replace("+00:00", " UTC")
