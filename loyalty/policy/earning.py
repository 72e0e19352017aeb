"""Policy sections on points: earning rules, caps, pending, expiry, refunds, penalties."""

from typing import Annotated, Literal

import msgspec

from loyalty.policy.fields import Days, Label, Name, Positive, Section
from loyalty.policy.fields import Points as PointUnits

ExpiryKind = Literal["never", "after_days", "end_of_month", "end_of_quarter", "end_of_year", "inactivity"]
CapPeriod = Literal["day", "week", "month", "quarter", "year", "ever"]
AmountPart = Literal["tax", "shipping", "discount"]


class Expiry(Section, frozen=True):
    """When points end, counted from the event time of what earned them.

    `after_days`: exactly `days` later. `end_of_month`, `end_of_quarter`, `end_of_year`: at the end of the local month,
    quarter or year in which the day `after_months` months later falls. `inactivity`: `days` after the member's last
    action, all of them together. `never`: not at all.
    """

    kind: ExpiryKind = "never"
    days: Days = 0
    after_months: Annotated[int, msgspec.Meta(ge=0, le=240)] = 0


class Cap(Section, frozen=True):
    """A limit of an earning rule, per member and local calendar period. `week` starts on Monday.

    `points` limits what is granted, `times` how often something is.
    """

    per: CapPeriod
    points: Annotated[int, msgspec.Meta(ge=1, le=10**12)] | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None


class Streak(Section, frozen=True):
    """`length` days, weeks or months in a row, each with at least one action that the rule is about.

    The award is for the action that completes the row; then a new one begins.
    """

    per: Literal["day", "week", "month"]
    length: Annotated[int, msgspec.Meta(ge=2, le=400)]


class EarningRule(Section, frozen=True):
    """What an action earns: `points`, or `points` for each `per_minor` of the eligible amount or `per_ms` of duration.

    `unit`: spendable points, or qualifying units that only count for the tier. With `categories` or `items`, the
    eligible amount is that of the matching lines, and an action without a matching line or item earns nothing.
    `amount_over_minor`, `amount_from_minor`: the amount must be more than, or at least, this. `day_over_ms`: granted
    once a local day, when the day's total duration of this action passes it. `rating_from`, `text_from`,
    `helpful_from`: least rating of a review, characters of its text, helpful votes. `first_time`: only the first time
    that the rule applies to a member. `original`: only for a review whose words nobody has used before; until that is
    known the award is pending, and a copy's is cancelled. `streak`: only for the action that completes one.
    `learned`, `tier_multiplied`: whether the learned weight and the tier's multiplier apply. `pending_days`, `expiry`:
    instead of the programme's. `pending_until`: points wait for the member's next action of this name, or the
    `delivery` of their order, and their `pending_days` count from then on; where it has not come
    `pending_limit_days` after they were earned, they are cancelled.
    """

    id: Name
    action: Name
    points: PointUnits
    per_minor: Positive | None = None
    per_ms: Positive | None = None
    unit: Literal["points", "qualifying"] = "points"
    categories: tuple[Label, ...] = ()
    items: tuple[Label, ...] = ()
    amount_over_minor: PointUnits | None = None
    amount_from_minor: PointUnits | None = None
    day_over_ms: Positive | None = None
    rating_from: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    text_from: Annotated[int, msgspec.Meta(ge=1, le=20_000)] | None = None
    helpful_from: Annotated[int, msgspec.Meta(ge=1, le=10**6)] | None = None
    first_time: bool = False
    original: bool = False
    streak: Streak | None = None
    segments: tuple[Name, ...] = ()
    tiers: tuple[Name, ...] = ()
    learned: bool = True
    tier_multiplied: bool = True
    pending_days: Days | None = None
    pending_until: Name | None = None
    pending_limit_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    expiry: Expiry | None = None
    caps: tuple[Cap, ...] = ()


class Extension(Section, frozen=True):
    """Activity that keeps points: after one of `actions` no point expires before `days` have gone by.

    What would expire earlier expires at the end of the local month in which the day `days` later falls.
    """

    actions: tuple[Name, ...]
    days: Annotated[int, msgspec.Meta(ge=1, le=3_650)]


class Points(Section, frozen=True):
    """What holds for all points unless a rule says otherwise.

    `pending_days`: how long granted points wait before they can be spent (the return period). `exclude`: parts of a
    purchase's amount that earn nothing. `refunds`: what a refund may take: `only_pending` points, active ones too but
    `within_balance`, or all (`unlimited`), so that the balance may become negative. `stacking`: where several campaigns
    match an award, the `best_of` them counts, the one with the highest `priority`, or the `sum` of what each adds.
    `refunds_free_caps`: points that a refund takes back make room again under the caps, in points, of their rule and
    campaigns; how often something was granted stays used.
    """

    pending_days: Days = 0
    expiry: Expiry = Expiry()
    extension: Extension | None = None
    exclude: tuple[AmountPart, ...] = ()
    refunds: Literal["only_pending", "within_balance", "unlimited"] = "within_balance"
    refunds_free_caps: bool = True
    stacking: Literal["best_of", "priority", "sum"] = "best_of"


class Milestone(Section, frozen=True):
    """An achievement: `points` when the member's all-time total of `measure` reaches `target`.

    `repeat`: `once`, or again at `every` further multiple of the target. What was awarded stays when a refund takes the
    total back, but the same multiple is never awarded twice. `measure` is one of `features.table`. `steps`: the way to
    each award is cut into so many equal parts, and the member is told of each part that is done (1: of the award only).
    """

    id: Name
    measure: Name
    target: Positive
    points: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    repeat: Literal["once", "every"] = "once"
    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    label: Label | None = None


class Referral(Section, frozen=True):
    """A member brings another one: both are rewarded for the new one's first purchase of `min_amount_minor` or more.

    Whose referral came first, before anything was bought (and kept), has brought them. A full refund of that order
    undoes both awards; both wait as long as the programme's points do.
    """

    referrer_points: PointUnits = 0
    referred_points: PointUnits = 0
    min_amount_minor: PointUnits = 0


class Hold(Section, frozen=True):
    """No pending point becomes active for `days`, or until an operator's verdict. What is earned meanwhile waits too.

    By `misconduct`: after a report of one of `kinds`, from a severity on and from a `score_from` on, the severities
    reported within 90 days, added up. By `anomaly`: when the learned misconduct score (0 to 1,000) reaches
    `score_from`; a later verdict of that score may release what it holds, or with `cancels` cancel it. Without a
    verdict the points are released when the days are over.
    """

    id: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=366)]
    by: Literal["misconduct", "anomaly"] = "misconduct"
    kinds: tuple[Label, ...] = ()
    severity_from: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    score_from: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    cancels: bool = False


class Penalty(Section, frozen=True):
    """Points taken for misconduct, as far as there are any: `points` for each step of severity."""

    id: Name
    points: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    kinds: tuple[Label, ...] = ()
    severity_from: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    per_severity: bool = False
