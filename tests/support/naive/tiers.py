"""Which tier follows from all that counts, by calendar years, and what an operator's hand makes of it."""

from dataclasses import dataclass, field
from datetime import datetime

from loyalty.policy import Policy
from tests.support.naive.times import DAY, LocalTime


@dataclass
class Tiers:
    """`counted` is `(event time, measure, value)` of everything; `by_hand` is `(kind, tier, until)`."""

    policy: Policy
    time: LocalTime
    counted: list[tuple[datetime, str, int]] = field(default_factory=list)
    by_hand: tuple[str, str, datetime] | None = None

    def score(self, year: int) -> int:
        total = 0
        for term in self.policy.tiers.score:
            values = (n for at, what, n in self.counted if what == term.measure and self.time.local(at).year == year)
            value = sum(values) if term.cap is None else min(sum(values), term.cap)
            total += term.weight * value // (term.per or term.cap or 1)
        return total

    def earned(self, now: datetime) -> tuple[int, datetime | None]:
        """The rank that activity has earned, and until when it is valid."""
        tiers = self.policy.tiers
        years = {self.time.local(at).year for at, _, _ in self.counted}
        rank, valid, before = 0, None, 0
        for year in range(min(years, default=1), self.time.local(now).year + 1 if years else 1):
            start = self.time.midnight(year, 1)
            if rank and valid is not None and valid <= start and valid + tiers.grace_days * DAY <= now:
                rank = max(rank - 1, min(rank, before))
                valid = self.time.midnight(year + max(tiers.valid_periods, 1), 1) if rank else None
            before = sum(self.score(year) >= tier.threshold for tier in tiers.ladder) - 1
            if year in years and before and before >= rank:
                rank, valid = before, self.time.midnight(year + tiers.valid_periods + 1, 1)
        return rank, valid

    def standing(self, now: datetime) -> tuple[str, datetime | None]:
        """The tier, and until when it is valid."""
        ladder = [tier.id for tier in self.policy.tiers.ladder]
        rank, valid = self.earned(now)
        if self.by_hand is not None and now < self.by_hand[2]:
            kind, tier, until = self.by_hand
            least = ladder.index(tier)
            if kind == "fix" or least > rank:
                rank, valid = least, until
            elif least == rank and rank:
                valid = until if valid is None else max(valid, until)
        return ladder[rank], valid
