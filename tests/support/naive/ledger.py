"""The ledger itself: what is pending, what can be spent, what has ended, and what takes from them.

Points of one expiry are alike, so a "pool" is all that expires at one time.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from features.actions import Action
from loyalty.policy import Policy
from tests.support.naive.awards import Awards
from tests.support.naive.kept import Bought, Grant, Redemption
from tests.support.naive.tiers import Tiers
from tests.support.naive.times import DAY, NEVER, ON_INACTIVITY, LocalTime

LONG_AGO = datetime.min.replace(tzinfo=NEVER.tzinfo)


class NaiveLedger:
    """What a member has after a history of `(log time, action)` at a log time; `refused` are ids of actions."""

    def __init__(self, policy: Policy, history: Sequence[tuple[datetime, Action]], now: datetime) -> None:
        self.policy = policy
        self.time = LocalTime(policy.programme.time_zone)
        self.awards = Awards(policy, self.time)
        self.tiers = Tiers(policy, self.time)
        self.refused: list[str] = []
        self.pending: list[Grant] = []
        self.pools: Counter[datetime] = Counter()
        self.debt = 0
        self.ended: list[tuple[datetime, datetime, int]] = []
        self.orders: dict[str, Bought] = {}
        self.redeemed: dict[str, Redemption] = {}
        self.held = LONG_AGO
        self.idle = LONG_AGO
        self.reached: Counter[str] = Counter()
        for log, action in history:
            self.take(action, log)
        self.run_until(now)

    def take(self, action: Action, log: datetime) -> None:
        """Take in an action at a log time."""
        self.run_until(log)
        if self.may(action, log):
            self.apply(action, log)
        else:
            self.refused.append(action.id)

    @property
    def active(self) -> int:
        return self.pools.total() - self.debt

    # Time

    def ends(self, expires: datetime) -> datetime:
        """When a pool ends; that of inactivity moves with each action."""
        return self.idle if expires == ON_INACTIVITY else expires

    def run_until(self, now: datetime) -> None:
        while True:
            works: list[tuple[datetime, int, Any]] = [(grant.due, 0, grant) for grant in self.pending if grant.due]
            works += [(self.ends(pool), 1, pool) for pool, points in self.pools.items() if points and pool != NEVER]
            due = min(works, key=lambda work: work[:2], default=None)
            if due is None or due[0] > now:
                return
            at, _, what = due
            if not isinstance(what, Grant):
                self.ended.append((what, at, self.pools.pop(what)))
            elif what.until:
                self.pending.remove(what)
                what.void = True
            elif self.held > at:
                what.due = self.held
            else:
                self.pending.remove(what)
                self.add(what.points - what.taken, what.expires)

    def add(self, points: int, expires: datetime) -> None:
        """Add points; what is owed is paid first."""
        paid = min(self.debt, points)
        self.debt -= paid
        self.pools[expires] += points - paid

    def debit(self, points: int, *, owe: bool = False) -> list[tuple[datetime, int]]:
        """Take points, those that end first before others."""
        taken = []
        for expires in sorted(self.pools):
            part = min(points, self.pools[expires])
            if part:
                taken.append((expires, part))
            self.pools[expires] -= part
            points -= part
        self.debt += points if owe else 0
        return taken

    # What is refused

    def may(self, action: Action, log: datetime) -> bool:
        data: Any = action.data
        match action.name:
            case "refund" | "delivery":
                order = self.orders.get(data.order_id)
                known = order is not None and self.in_reach(order.at, action)
                return known and (action.name == "delivery" or self.may_refund(action))
            case "redeem_cancel":
                redemption = self.redeemed.get(data.redeem_id)
                return redemption is not None and not redemption.off and self.in_reach(redemption.at, action)
            case "adjust":
                if data.override in {"floor", "fix"} and data.until <= log:
                    return False
                if data.verdict is not None and self.held <= log:
                    return False
                owing = self.policy.points.refunds == "unlimited"
                covered = owing or data.points >= 0 or -data.points <= self.pools.total()
                return covered and self.may_end(action, log)
        return True

    def may_end(self, action: Action, log: datetime) -> bool:
        """Whether points that are given may have the end that somebody names."""
        data: Any = action.data
        if not data.expires and not data.earned:
            return True
        one = not (data.expires and data.earned)
        known = (data.earned or action.time) <= action.time
        return data.points > 0 and one and known and self.time.given_until(self.policy.points.expiry, action) > log

    def in_reach(self, at: datetime, action: Action) -> bool:
        return action.time <= at + self.policy.input.refund_horizon_days * DAY

    def may_refund(self, action: Action) -> bool:
        data: Any = action.data
        order = self.orders.get(data.order_id)
        if order is None or order.closed:
            return False
        wanted: Counter[str] = Counter()
        for item in data.items:
            wanted[item.item_id] += item.amount
        fits = all(amount <= order.left(item) for item, amount in wanted.items())
        return fits and wanted.total() <= data.amount <= order.amount - order.refunded

    # Actions

    def apply(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        if action.name not in {"refund", "redeem_cancel", "delivery"}:
            after = action.time.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
            self.idle = max(self.idle, after + self.policy.points.expiry.days * DAY)
        match action.name:
            case "refund":
                self.refund(data)
            case "delivery":
                self.let_go(self.orders[data.order_id].grants, action, log)
            case "redeem":
                self.redeem(action, log)
            case "redeem_cancel":
                self.call_off(self.redeemed[data.redeem_id])
            case "adjust":
                self.adjust(data, action, log)
            case "misconduct":
                for penalty in self.policy.penalties:
                    if data.severity >= penalty.severity_from and (not penalty.kinds or data.kind in penalty.kinds):
                        self.debit(penalty.points * (data.severity if penalty.per_severity else 1))
                self.hold(action, log)
            case _:
                self.earn(action, log)

    def earn(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        tier = self.tiers.standing(log)[0]
        self.let_go(list(self.pending), action, log)
        grants = []
        for rule in self.policy.earning:
            award = self.awards.of(rule, action, tier) if rule.action == action.name else None
            if award is not None:
                days = self.policy.points.pending_days if rule.pending_days is None else rule.pending_days
                expires = self.time.expires(rule.expiry or self.policy.points.expiry, award.since)
                due = award.since + days * DAY if days else None
                grant = Grant(rule.id, award.points, award.lines, due, expires, boost=award.boost, budget=award.budget)
                if rule.pending_until:
                    grant.due = award.since + (rule.pending_limit_days or 0) * DAY
                    grant.until, grant.days = rule.pending_until, days
                grants.append(self.grant(grant, log))
        if action.name == "purchase":
            grants += self.referral(action, log)
        counted = self.tiers.counted
        if action.name == "purchase":
            items = [(item.item_id, item.amount) for item in data.items]
            self.orders[data.order_id] = Bought(
                action.time, data.amount, items, grants=grants, line_refunds=[0] * len(items)
            )
            counted += [(action.time, "spend_minor", data.amount), (action.time, "purchase_count", 1)]
        elif action.name == "coupon_redeem":
            counted.append((action.time, "coupon_redeem_count", 1))
        elif action.name == "browse":
            self.awards.browsed[self.time.local(action.time).date()] += data.duration_ms
        if action.name == "purchase":
            self.award_milestones(action.time, log)

    def referral(self, action: Action, log: datetime) -> list[Grant]:  # noqa: ARG002 - for those who know others
        """What the purchase of somebody who was brought by another one earns."""
        return []

    def grant(self, grant: Grant, log: datetime) -> Grant:
        """Put the points of a grant where they belong; under a hold nothing becomes active."""
        if grant.due is None and self.held > log:
            grant.due = self.held
        if grant.due is None:
            self.add(grant.points, grant.expires)
        else:
            self.pending.append(grant)
        return grant

    def let_go(self, grants: list[Grant], action: Action, log: datetime) -> None:
        """Those grants that have waited for this action wait their days, or until a hold ends, or no longer."""
        for grant in grants:
            if grant in self.pending and grant.until == action.name:
                grant.until, grant.due = None, action.time + grant.days * DAY
                if grant.due <= log < self.held:
                    grant.due = self.held
        self.run_until(log)

    def award_milestones(self, at: datetime, log: datetime) -> None:
        """What purchases have reached in number; the same step is never awarded twice."""
        points = self.policy.points
        for milestone in self.policy.milestones:
            total = sum(value for _, measure, value in self.tiers.counted if measure == milestone.measure)
            steps = max(0, total) // milestone.target
            for _ in range(self.reached[milestone.id], steps if milestone.repeat == "every" else min(steps, 1)):
                self.reached[milestone.id] += 1
                due = at + points.pending_days * DAY if points.pending_days else None
                expires = self.time.expires(points.expiry, at)
                self.grant(Grant(milestone.id, milestone.points, [], due, expires), log)

    # By hand

    def adjust(self, data: Any, action: Action, log: datetime) -> None:  # noqa: ANN401 - whatever the action carries
        match data.override:
            case "end":
                self.tiers.by_hand = None
            case "floor" | "fix":
                self.tiers.by_hand = (data.override, data.tier, data.until)
        if data.verdict is not None:
            self.decide(data.verdict, log)
        if data.extend_days is not None:
            self.extend(data.extend_days)
        if data.points >= 0:
            self.add(data.points, self.time.given_until(self.policy.points.expiry, action))
        else:
            self.debit(-data.points, owe=True)

    def hold(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        for rule in self.policy.holds:
            until = action.time + rule.days * DAY
            fits = data.severity >= rule.severity_from and (not rule.kinds or data.kind in rule.kinds)
            if fits and until > max(self.held, log):
                for grant in self.pending:
                    grant.due = until if grant.due == self.held and not grant.until else grant.due
                self.held = until

    def decide(self, verdict: str, log: datetime) -> None:
        if verdict == "release":
            for grant in self.pending:
                grant.due = log if grant.due == self.held and not grant.until else grant.due
        else:
            for grant in self.pending:
                grant.void = True
            self.pending.clear()
        self.held = LONG_AGO

    def extend(self, days: int) -> None:
        """Whatever is there and has a date ends later; so does what would come back to it."""
        there = {pool for pool, points in self.pools.items() if points} | {grant.expires for grant in self.pending}
        moved = {pool: pool + days * DAY for pool in there if pool < ON_INACTIVITY}
        self.pools = Counter({moved.get(pool, pool): points for pool, points in self.pools.items() if points})
        for grant in self.pending:
            grant.expires = moved.get(grant.expires, grant.expires)
        for order in self.orders.values():
            for grant in order.grants:
                if grant not in self.pending:
                    grant.expires = moved.get(grant.expires, grant.expires)
        for redemption in self.redeemed.values():
            redemption.paid = [(moved.get(pool, pool), points) for pool, points in redemption.paid]

    # What leaves

    def redeem(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        tier, year = self.tiers.standing(log)[0], self.time.period("year", action.time)
        for reward in self.policy.rewards:
            price = reward.prices.get(tier, reward.price) * data.quantity
            used = self.awards.used[reward.id, year] + data.quantity
            limited = reward.limit_per_year is not None and used > reward.limit_per_year
            if reward.id == data.reward_id and price <= self.active and not limited:
                if reward.tiers and tier not in reward.tiers:
                    continue
                self.awards.used[reward.id, year] = used
                self.redeemed[action.id] = Redemption(action.time, reward.id, self.debit(price), data.quantity)

    def call_off(self, redemption: Redemption) -> None:
        """Points go back to where they came from."""
        redemption.off = True
        self.awards.used[redemption.reward, self.time.period("year", redemption.at)] -= redemption.quantity
        for expires, points in redemption.paid:
            self.add(points, expires)

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
            self.tiers.counted.append((order.at, "purchase_count", -1))
        self.tiers.counted.append((order.at, "spend_minor", -data.amount))
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
        campaign, added = grant.boost
        freed = max(grant.freed, added - round(added * (1 - self.share(order, grant))))
        self.awards.give_back_boost(campaign, freed - grant.freed)
        grant.freed = freed
        grant.taken += points
        self.awards.give_back(grant.rule, order.at, points)
        if grant in self.pending:
            if grant.taken == grant.points:
                self.pending.remove(grant)
            self.taken_back(grant, points)
            return
        if grant.void or self.policy.points.refunds == "only_pending":
            return
        for number, (expires, at, gone) in enumerate(self.ended):
            if expires == grant.expires and order.at < at:
                forgiven = min(points, gone)
                self.ended[number] = (expires, at, gone - forgiven)
                points -= forgiven
        before = self.active
        own = min(points, self.pools[grant.expires])
        self.pools[grant.expires] -= own
        self.debit(points - own, owe=self.policy.points.refunds == "unlimited")
        self.taken_back(grant, before - self.active)

    def taken_back(self, grant: Grant, points: int) -> None:
        """So many points of a grant have really gone."""
