"""What a rule gives for an action: conditions, streaks, campaigns and caps."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from features.actions import Action
from loyalty.campaigns import in_holdout
from loyalty.policy import Campaign, EarningRule, Policy
from loyalty.policy.earning import Streak
from tests.support.naive.times import DAY, LocalTime

_BP = 10_000


class Award(NamedTuple):
    """What is granted, for which lines of the order, since when pending and expiry count, what a campaign added.

    `budget` is what of it a budget has paid.
    """

    points: int
    lines: list[int]
    since: datetime
    boost: tuple[str, int] = ("", 0)
    budget: int = 0


@dataclass
class Awards:
    """The rules and what has been used of their limits; `row` has the periods of streaks that are not used up yet."""

    policy: Policy
    time: LocalTime
    used: Counter[tuple[str, date]] = field(default_factory=Counter)
    browsed: Counter[date] = field(default_factory=Counter)
    seen: set[tuple[str, date]] = field(default_factory=set)
    row: set[tuple[str, date]] = field(default_factory=set)
    offers: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def of(self, rule: EarningRule, action: Action, tier: str) -> Award | None:
        data: Any = action.data
        since, eligible = action.time, self.eligible(rule, action)
        lines = self.lines(rule, action) if action.name == "purchase" else []
        if rule.day_over_ms is not None:
            day = self.time.local(action.time).date()
            if not self.browsed[day] <= rule.day_over_ms < self.browsed[day] + data.duration_ms:
                return None
            since = self.time.midnight(day.year, day.month, day.day)
        if not eligible or (rule.streak and not self.completes(rule.id, rule.streak, action)):
            return None
        tier_bp = next(each.multiplier_bp for each in self.policy.tiers.ladder if each.id == tier)

        def award(campaign_bp: int) -> int:
            factors = Fraction(tier_bp, _BP) * Fraction(campaign_bp, _BP)
            return round(Fraction(eligible * rule.points, rule.per_minor or 1) * factors)

        points = award(_BP)
        best, boost = self.campaign(rule, action), ("", 0)
        if best is not None:
            boost = best.id, self.added(best, award(best.multiplier_bp) - points + best.bonus)
        granted = self.capped(rule, action, points + boost[1])
        paid = 0 if best is None else self.paid(best, boost[1], points + boost[1] - granted)
        lost = min(boost[1], points + boost[1] - granted)
        self.used[f"campaign {boost[0]}", date.min] -= lost
        boost = boost[0], boost[1] - lost
        return Award(granted, lines, since, boost, paid) if granted else None

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

    def completes(self, rule: str, streak: Streak, action: Action) -> bool:
        """Whether a new period makes a row of the length, whose first periods are used up then."""
        first = self.time.period(streak.per, action.time)
        if (rule, first) in self.seen:
            return False
        self.seen.add((rule, first))
        self.row.add((rule, first))
        start = first
        while (rule, before := self.time.first_day(streak.per, start - DAY)) in self.row:
            start = before
        run = [start]
        while (rule, after := self.time.first_day(streak.per, run[-1] + _longest(streak.per))) in self.row:
            run.append(after)
        if len(run) < streak.length:
            return False
        self.row -= {(rule, period) for period in run[: streak.length]}
        return True

    def campaign(self, rule: EarningRule, action: Action) -> Campaign | None:
        """The best campaign."""
        matching: list[Campaign] = [
            campaign
            for campaign in self.policy.campaigns
            if campaign.start <= action.time < campaign.end
            and (not campaign.rules or rule.id in campaign.rules)
            and not in_holdout(action.subject, campaign.id, campaign.holdout_share_bp)
            and (campaign.valid_days is None or self.is_offered(campaign.id, action.time))
        ]
        return max(matching, key=lambda campaign: (campaign.multiplier_bp, campaign.bonus), default=None)

    def is_offered(self, campaign: str, at: datetime) -> bool:
        """Whether an offer of the campaign covers that time."""
        return any(name == campaign and start <= at < end for name, start, end in self.offers)

    def added(self, campaign: Campaign, points: int) -> int:
        """What a campaign adds to an award within its own cap."""
        key = (f"campaign {campaign.id}", date.min)
        if campaign.cap_points is not None:
            points = max(0, min(points, campaign.cap_points - self.used[key]))
        self.used[key] += points
        return points

    def paid(self, campaign: Campaign, added: int, cut: int) -> int:  # noqa: ARG002 - for those with a budget
        """What of the points added its budget has paid, when a rule's own caps have `cut` so many."""
        return 0

    def capped(self, rule: EarningRule, action: Action, points: int) -> int:
        if rule.first_time and self.used[rule.id, date.min]:
            return 0
        keys = self.cap_keys(rule, action.time)
        for key, cap in zip(keys, rule.caps, strict=True):
            if cap.points is not None:
                points = max(0, min(points, cap.points - self.used[key]))
            elif cap.times is not None and self.used[key] >= cap.times:
                points = 0
        for key, cap in zip(keys, rule.caps, strict=True):
            self.used[key] += points if cap.times is None else min(points, 1)
        self.used[rule.id, date.min] += points
        return points

    def cap_keys(self, rule: EarningRule, at: datetime) -> list[tuple[str, date]]:
        return [(f"{rule.id}/{number}", self.time.period(cap.per, at)) for number, cap in enumerate(rule.caps)]

    def give_back(self, rule_id: str, at: datetime, points: int) -> None:
        """Make room again under the points caps of a rule."""
        rule = next(rule for rule in self.policy.earning if rule.id == rule_id)
        for key, cap in zip(self.cap_keys(rule, at), rule.caps, strict=True):
            if cap.points is not None:
                self.used[key] = max(0, self.used[key] - points)

    def give_back_boost(self, campaign: str, points: int) -> None:
        """Make room again under a campaign's own cap."""
        self.used[f"campaign {campaign}", date.min] -= points


def _longest(period: str) -> timedelta:
    """A step that leads from the first day of a period into the next one."""
    return {"day": DAY, "week": 7 * DAY, "month": 31 * DAY}[period]
