"""A reference ledger, written for clarity and for nothing else: everything anew from the whole history at every step.

Nothing is stored, merged, indexed or cut short, and nothing of the engine is used but the policy's fields and the draw
of hold-out groups. Points of one expiry are alike, so a "pool" is all that expires at one time. It knows earning by
amount, line and day, caps, campaigns, tiers by score over calendar years, pending, expiry, refunds within the balance,
redemption, calling off, penalties and corrections.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from features.actions import Action
from loyalty.campaigns import in_holdout
from loyalty.policy import Campaign, EarningRule, Expiry, Policy

DAY = timedelta(days=1)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Grant:
    """Points of one rule for one action; `taken` of them have gone back with refunds."""

    rule: str
    points: int
    lines: list[int]
    due: datetime | None
    expires: datetime
    taken: int = 0


@dataclass
class Bought:
    """An order with what it earned; `line_refunds` are by line, `refunded` is all that went back."""

    at: datetime
    amount: int
    items: list[tuple[str, int]]
    grants: list[Grant] = field(default_factory=list)
    refunded: int = 0
    line_refunds: list[int] = field(default_factory=list)
    closed: bool = False


class NaiveLedger:
    """What a member has after a history of `(log time, action)`, the refused ones left out, at a log time."""

    def __init__(self, policy: Policy, history: Sequence[tuple[datetime, Action]], now: datetime) -> None:
        self.policy = policy
        self.zone = ZoneInfo(policy.programme.time_zone)
        self.pending: list[Grant] = []
        self.pools: Counter[datetime] = Counter()
        self.ended: list[tuple[datetime, datetime, int]] = []
        self.orders: dict[str, Bought] = {}
        self.redeemed: dict[str, tuple[str, int, list[tuple[datetime, int]]]] = {}
        self.used: Counter[tuple[str, object]] = Counter()
        self.counted: list[tuple[datetime, str, int]] = []
        for log, action in history:
            self.run_until(log)
            self.apply(action, log)
        self.run_until(now)

    # Time

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def midnight(self, year: int, month: int, day: int = 1) -> datetime:
        return datetime(year, month, day, tzinfo=self.zone).astimezone(UTC)

    def month_start(self, at: datetime, later: int) -> datetime:
        local = self.local(at)
        months = local.year * 12 + local.month - 1 + later
        return self.midnight(months // 12, months % 12 + 1)

    def expires(self, expiry: Expiry, since: datetime) -> datetime:
        match expiry.kind:
            case "never":
                return NEVER
            case "after_days":
                return since + expiry.days * DAY
            case "end_of_month":
                return self.month_start(since, expiry.after_months + 1)
            case "end_of_quarter":
                last = self.local(self.month_start(since, expiry.after_months))
                return self.month_start(last, 3 - (last.month - 1) % 3)
            case "end_of_year":
                last = self.local(self.month_start(since, expiry.after_months))
                return self.midnight(last.year + 1, 1)
        raise NotImplementedError(expiry.kind)

    def run_until(self, now: datetime) -> None:
        while True:
            works: list[tuple[datetime, int, Any]] = [(grant.due, 0, grant) for grant in self.pending if grant.due]
            works += [(expires, 1, expires) for expires, points in self.pools.items() if points and expires < NEVER]
            due = min(works, key=lambda work: work[:2], default=None)
            if due is None or due[0] > now:
                return
            if due[1] == 0:
                self.pending.remove(due[2])
                self.pools[due[2].expires] += due[2].points - due[2].taken
            else:
                self.ended.append((due[0], due[0], self.pools.pop(due[2])))

    # Actions

    def apply(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        match action.name:
            case "refund":
                self.refund(data)
            case "redeem":
                self.redeem(action, log)
            case "redeem_cancel":
                reward, year, debits = self.redeemed.pop(data.redeem_id)
                self.used[reward, year] -= 1
                for expires, points in debits:
                    self.pools[expires] += points
            case "adjust":
                if data.points >= 0:
                    self.pools[self.expires(self.policy.points.expiry, action.time)] += data.points
                else:
                    self.debit(-data.points)
            case "misconduct":
                for penalty in self.policy.penalties:
                    if data.severity >= penalty.severity_from and (not penalty.kinds or data.kind in penalty.kinds):
                        self.debit(penalty.points * (data.severity if penalty.per_severity else 1))
            case _:
                self.earn(action, log)

    def earn(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        tier = self.standing(log)[0]
        bought = None
        if action.name == "purchase":
            items = [(item.item_id, item.amount) for item in data.items]
            bought = self.orders[data.order_id] = Bought(action.time, data.amount, items, line_refunds=[0] * len(items))
        for rule in self.policy.earning:
            if rule.action == action.name:
                grant = self.award(rule, action, tier)
                if grant is not None and bought is not None:
                    bought.grants.append(grant)
        if bought is not None:
            self.counted += [(action.time, "spend_minor", data.amount), (action.time, "purchase_count", 1)]
        elif action.name == "coupon_redeem":
            self.counted.append((action.time, "coupon_redeem_count", 1))
        if action.name == "browse":
            self.used["browse", self.local(action.time).date()] += data.duration_ms

    def award(self, rule: EarningRule, action: Action, tier: str) -> Grant | None:
        since, eligible, lines = action.time, self.eligible(rule, action), []
        if action.name == "purchase":
            lines = self.lines(rule, action)
        if rule.day_over_ms is not None:
            day = self.local(action.time).date()
            data: Any = action.data
            if not self.used["browse", day] <= rule.day_over_ms < self.used["browse", day] + data.duration_ms:
                return None
            since = self.midnight(day.year, day.month, day.day)
        if not eligible:
            return None
        multiplier = next(Fraction(each.multiplier_bp, 10_000) for each in self.policy.tiers.ladder if each.id == tier)
        factor, bonus = self.campaign(rule, action)
        points = round(Fraction(eligible * rule.points, rule.per_minor or 1) * multiplier * factor) + bonus
        points = self.capped(rule, action, points)
        if not points:
            return None
        pending = self.policy.points.pending_days if rule.pending_days is None else rule.pending_days
        grant = Grant(rule.id, points, lines, None, self.expires(rule.expiry or self.policy.points.expiry, since))
        if pending:
            grant.due = since + pending * DAY
            self.pending.append(grant)
        else:
            self.pools[grant.expires] += points
        return grant

    def lines(self, rule: EarningRule, action: Action) -> list[int]:
        data: Any = action.data
        return [number for number, item in enumerate(data.items) if item.category in rule.categories]

    def eligible(self, rule: EarningRule, action: Action) -> int:
        data: Any = action.data
        if action.name != "purchase":
            return 1
        left_out = {"tax": data.tax, "shipping": data.shipping, "discount": data.discount}
        amount: int = max(0, data.amount - sum(left_out[part] for part in self.policy.points.exclude))
        if rule.categories:
            amount = min(amount, sum(data.items[number].amount for number in self.lines(rule, action)))
            if not self.lines(rule, action):
                return 0
        if amount < (rule.amount_from_minor or 0):
            return 0
        return amount if rule.per_minor else 1

    def campaign(self, rule: EarningRule, action: Action) -> tuple[Fraction, int]:
        """The best campaign's factor and bonus."""
        matching: list[Campaign] = [
            campaign
            for campaign in self.policy.campaigns
            if campaign.start <= action.time < campaign.end
            and (not campaign.rules or rule.id in campaign.rules)
            and not in_holdout(action.subject, campaign.id, campaign.holdout_share_bp)
        ]
        best = max(matching, key=lambda campaign: (campaign.multiplier_bp, campaign.bonus), default=None)
        return (Fraction(1), 0) if best is None else (Fraction(best.multiplier_bp, 10_000), best.bonus)

    def capped(self, rule: EarningRule, action: Action, points: int) -> int:
        local = self.local(action.time).date()
        periods = {"day": local, "week": local - local.weekday() * DAY, "month": local.replace(day=1)}
        keys = [(f"{rule.id}/{number}", periods[cap.per]) for number, cap in enumerate(rule.caps)]
        for key, cap in zip(keys, rule.caps, strict=True):
            if cap.points is not None:
                points = max(0, min(points, cap.points - self.used[key]))
            elif cap.times is not None and self.used[key] >= cap.times:
                points = 0
        for key, cap in zip(keys, rule.caps, strict=True):
            self.used[key] += points if cap.times is None else min(points, 1)
        return points

    # What leaves

    def debit(self, points: int) -> list[tuple[datetime, int]]:
        taken = []
        for expires in sorted(self.pools):
            part = min(points, self.pools[expires])
            if part:
                taken.append((expires, part))
            self.pools[expires] -= part
            points -= part
        return taken

    def redeem(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        tier, year = self.standing(log)[0], self.local(action.time).year
        for reward in self.policy.rewards:
            price = reward.prices.get(tier, reward.price)
            limited = reward.limit_per_year is not None and self.used[reward.id, year] >= reward.limit_per_year
            if reward.id == data.reward_id and price <= self.active and not limited:
                if reward.tiers and tier not in reward.tiers:
                    continue
                self.used[reward.id, year] += 1
                self.redeemed[action.id] = (reward.id, year, self.debit(price))

    def refund(self, data: Any) -> None:  # noqa: ANN401 - whatever the action carries
        order = self.orders[data.order_id]
        for item in data.items:
            rest = item.amount
            for number, (item_id, amount) in enumerate(order.items):
                if item_id == item.item_id:
                    part = min(rest, amount - order.line_refunds[number])
                    order.line_refunds[number] += part
                    rest -= part
        order.refunded += data.amount
        if order.refunded == order.amount:
            order.closed = True
            self.counted.append((order.at, "purchase_count", -1))
        self.counted.append((order.at, "spend_minor", -data.amount))
        for grant in order.grants:
            self.take_back(order, grant, self.due_back(order, grant))

    def share(self, order: Bought, grant: Grant) -> Fraction:
        """How much of what the grant was for has gone back."""
        if order.closed:
            return Fraction(1)
        if not grant.lines:
            return Fraction(order.refunded, order.amount)
        total = sum(order.items[number][1] for number in grant.lines)
        named = sum(order.line_refunds[number] for number in grant.lines)
        if not total:
            return Fraction(0)
        unnamed = order.refunded - sum(order.line_refunds)
        if unnamed:
            rest = total - named
            named += min(rest, unnamed * rest // (order.amount - sum(order.line_refunds)))
        return Fraction(named, total)

    def due_back(self, order: Bought, grant: Grant) -> int:
        return max(0, grant.points - grant.taken - round(grant.points * (1 - self.share(order, grant))))

    def take_back(self, order: Bought, grant: Grant, points: int) -> None:
        grant.taken += points
        if grant in self.pending:
            if grant.taken == grant.points:
                self.pending.remove(grant)
            return
        for number, (expires, at, gone) in enumerate(self.ended):
            if expires == grant.expires and order.at < at:
                forgiven = min(points, gone)
                self.ended[number] = (expires, at, gone - forgiven)
                points -= forgiven
        own = min(points, self.pools[grant.expires])
        self.pools[grant.expires] -= own
        self.debit(points - own)

    # What is left

    @property
    def active(self) -> int:
        return self.pools.total()

    def score(self, year: int) -> int:
        total = 0
        for term in self.policy.tiers.score:
            value = sum(n for at, what, n in self.counted if what == term.measure and self.local(at).year == year)
            value = value if term.cap is None else min(value, term.cap)
            total += term.weight * value // (term.per or term.cap or 1)
        return total

    def standing(self, now: datetime) -> tuple[str, datetime | None]:
        """The tier, and until when it is valid."""
        tiers = self.policy.tiers
        years = {self.local(at).year for at, _, _ in self.counted}
        rank, valid, before = 0, None, 0
        for year in range(min(years, default=1), self.local(now).year + 1 if years else 1):
            start = self.midnight(year, 1)
            if rank and valid is not None and valid <= start and valid + tiers.grace_days * DAY <= now:
                rank = max(rank - 1, min(rank, before))
                valid = self.midnight(year + max(tiers.valid_periods, 1), 1) if rank else None
            before = sum(self.score(year) >= tier.threshold for tier in tiers.ladder) - 1
            if year in years and before and before >= rank:
                rank, valid = before, self.midnight(year + tiers.valid_periods + 1, 1)
        return tiers.ladder[rank].id, valid
