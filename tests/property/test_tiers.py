"""Laws of tiers: the walk over stored periods against a reference that starts from the full history each time."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from features.event_time import Period, ZoneRules, add_months
from loyalty.calendar import NEVER_MS, Calendar
from loyalty.policy import Policy, Tiers
from streams.zones import zone_rules
from tests.support.member_desk import DAY_MS, START_MS, Desk, policy_of, purchase, refund

NEW_YORK = zone_rules("America/New_York")


def policy(window: str, downgrade: str, valid_periods: int, grace_days: int) -> Policy:
    return policy_of(f"""
[input]
lateness_days = 30
refund_horizon_days = 60
[tiers]
basis = "spend"
window = "{window}"
window_months = 3
valid_periods = {valid_periods}
downgrade = "{downgrade}"
grace_days = {grace_days}
ladder = [
  {{ id = "base", threshold = 0 }},
  {{ id = "silver", threshold = 1_000 }},
  {{ id = "gold", threshold = 2_500 }},
  {{ id = "platinum", threshold = 5_000 }},
]
""")


POLICIES = tuple(
    policy(window, downgrade, valid_periods, grace_days)
    for window in ("calendar_year", "rolling_months", "lifetime")
    for downgrade in ("one_down", "balance_based", "to_base")
    for valid_periods in (0, 1, 3)
    for grace_days in ((0,) if window == "lifetime" else (0, 20))
)


@dataclass(frozen=True)
class Bought:
    """A purchase at `time_ms` that came at log time `log_ms`, and what of it is given back how long after that."""

    log_ms: int
    time_ms: int
    amount: int
    refund: int
    refund_after_ms: int


@dataclass
class Reference:
    """Tiers from the whole history: no anchor, nothing stored, every period since the first one is gone through."""

    tiers: Tiers
    zone: ZoneRules
    spend: list[tuple[int, int]] = field(default_factory=list)

    def value(self, calendar: Calendar, period: Period | None, day: int) -> int:
        months = self.tiers.window_months if self.tiers.window == "rolling_months" else 1
        first = add_months(day, 1 - months) if months > 1 else day
        days = [(calendar.span(period, time_ms).day, amount) for time_ms, amount in self.spend]
        return sum(amount for at, amount in days if first <= at <= day)

    def standing(self, now_ms: int) -> tuple[str, int]:
        period: Period | None = {"calendar_year": "year", "rolling_months": "month"}.get(self.tiers.window)  # type: ignore[assignment]  # both are periods
        calendar = Calendar(self.zone)
        grace_ms = self.tiers.grace_days * DAY_MS
        ranks = [tier.threshold for tier in self.tiers.ladder]
        span = calendar.span(period, START_MS - 31 * DAY_MS)
        tier, valid_ms, before = 0, 0, 0
        while span.start_ms <= now_ms:
            if tier and valid_ms <= span.start_ms and valid_ms + grace_ms <= now_ms:
                supported = min(tier, before)
                tier = {"to_base": 0, "one_down": max(tier - 1, supported), "balance_based": supported}[
                    self.tiers.downgrade
                ]
                valid_ms = calendar.after(period, span, max(self.tiers.valid_periods - 1, 0)).end_ms if tier else 0
            value = self.value(calendar, period, span.day)
            before = sum(value >= threshold for threshold in ranks) - 1
            active = any(calendar.span(period, time_ms).day == span.day for time_ms, _ in self.spend)
            if active and before and before >= tier:
                tier, valid_ms = before, calendar.after(period, span, self.tiers.valid_periods).end_ms
            if period is None:
                break
            span = calendar.after(period, span, 1)
        return self.tiers.ladder[tier].id, valid_ms


@st.composite
def histories(draw: st.DrawFn) -> list[Bought]:
    log_ms = START_MS
    bought = []
    for _ in range(draw(st.integers(1, 12))):
        log_ms += draw(st.sampled_from((0, DAY_MS, 20 * DAY_MS, 70 * DAY_MS, 290 * DAY_MS)))
        time_ms = log_ms - draw(st.sampled_from((0, 0, DAY_MS, 29 * DAY_MS)))
        amount = draw(st.sampled_from((300, 700, 1_000, 1_600, 2_600, 5_000)))
        refunded = draw(st.sampled_from((0, 0, 0, amount // 2, amount)))
        bought.append(Bought(log_ms, time_ms, amount, refunded, draw(st.sampled_from((0, 10, 29))) * DAY_MS))
    return bought


def steps(bought: list[Bought], *, refunds: bool) -> list[tuple[int, int, int]]:
    """`(log time, number of the purchase, amount)`, negative amounts for refunds, in the order of the log."""
    log = [(buy.log_ms, number, buy.amount) for number, buy in enumerate(bought)]
    if refunds:
        log += [
            (buy.log_ms + buy.refund_after_ms, number, -buy.refund) for number, buy in enumerate(bought) if buy.refund
        ]
    return sorted(log, key=lambda step: step[0])


@given(histories(), st.sampled_from(POLICIES), st.booleans(), st.booleans())
def test_the_tier_is_that_of_the_whole_history_at_every_step(
    bought: list[Bought],
    policy: Policy,
    refunds: bool,  # noqa: FBT001 - drawn by Hypothesis
    in_utc: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    zone = ZoneRules.utc() if in_utc else NEW_YORK
    desk, reference = Desk(policy, zone), Reference(policy.tiers, zone)
    for at, (log_ms, number, amount) in enumerate(steps(bought, refunds=refunds)):
        time_ms = bought[number].time_ms
        if amount > 0:
            desk.act(purchase(f"o-{number}", time_ms, amount), log_ms)
        else:
            desk.act(refund(f"r-{number}-{at}", log_ms, f"o-{number}", -amount), log_ms)
        reference.spend.append((time_ms, amount))
        assert not desk.rejections
        assert shown(desk) == reference.standing(log_ms)
    for days in (40, 200, 500, 2_000):
        end_ms = max(buy.log_ms for buy in bought) + 30 * DAY_MS + days * DAY_MS
        desk.until(end_ms)
        assert shown(desk) == reference.standing(end_ms)


def shown(desk: Desk) -> tuple[str, int]:
    return desk.tier, desk.account.core.tier.valid_until_ms


@given(histories(), st.sampled_from(POLICIES))
def test_tier_changes_lead_from_one_tier_to_the_next(bought: list[Bought], policy: Policy) -> None:
    desk = Desk(policy, NEW_YORK)
    for log_ms, number, amount in steps(bought, refunds=False):
        desk.act(purchase(f"o-{number}", bought[number].time_ms, amount), log_ms)
    desk.until(bought[-1].log_ms + 3_000 * DAY_MS)
    ids = [tier.id for tier in policy.tiers.ladder]
    changes = [change.data for change in desk.tier_changes if change.data.kind != "will_downgrade"]
    assert changes[0].kind == "joined"
    assert [change.sequence for change in (item.data for item in desk.tier_changes)] == list(
        range(1, len(desk.tier_changes) + 1)
    )
    for before, after in pairwise(changes):
        assert after.old_tier == before.new_tier
        risen = ids.index(after.new_tier) - ids.index(after.old_tier)
        assert {"upgraded": risen > 0, "downgraded": risen < 0}.get(after.kind, risen == 0)
    for change in changes:
        assert change.score == sum(part.points for part in change.contributions)
        assert change.valid_until_ms < NEVER_MS
    assert changes[-1].new_tier == desk.tier


@given(histories(), st.sampled_from(POLICIES))
def test_a_later_action_never_makes_the_tier_lower_or_its_validity_shorter(
    bought: list[Bought], policy: Policy
) -> None:
    ids = [tier.id for tier in policy.tiers.ladder]
    desk = Desk(policy, NEW_YORK)
    for number, buy in enumerate(bought):
        desk.until(buy.log_ms)
        before = (ids.index(desk.tier) if desk.tier else 0, desk.account.core.tier.valid_until_ms)
        desk.act(purchase(f"o-{number}", buy.time_ms, buy.amount), buy.log_ms)
        rank = ids.index(desk.tier)
        assert rank >= before[0]
        assert rank > before[0] or desk.account.core.tier.valid_until_ms >= before[1]


@given(histories(), st.sampled_from(POLICIES))
def test_the_stored_periods_stay_few(bought: list[Bought], policy: Policy) -> None:
    desk = Desk(policy, NEW_YORK)
    for number, buy in enumerate(bought):
        desk.act(purchase(f"o-{number}", buy.time_ms, buy.amount), buy.log_ms)
    # the months of a window, and those that a refund or a late action can still reach
    assert len(desk.account.core.tier.periods) <= 3 + 5
