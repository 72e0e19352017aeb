"""A member among others: claims of a stock, a budget that is shared, referrals, and being one with another id."""

from datetime import date, datetime
from typing import Any

from features.actions import Action
from loyalty.campaigns import in_holdout
from loyalty.policy import Campaign, EarningRule, Policy
from tests.support.naive.awards import Award, Awards
from tests.support.naive.kept import Bought, Grant, Redemption
from tests.support.naive.ledger import LONG_AGO, NaiveLedger
from tests.support.naive.letters import (
    Answer,
    BeOne,
    Brought,
    Claim,
    Letter,
    Offered,
    Purse,
    Return,
    Rewarded,
    Undone,
)
from tests.support.naive.times import DAY, LocalTime

REFERRED, REFERRER = "referred", "referrer"


class SharedAwards(Awards):
    """Awards of which a budget pays a part."""

    def __init__(self, policy: Policy, time: LocalTime, purse: Purse) -> None:
        super().__init__(policy, time)
        self.purse = purse
        self.now = LONG_AGO

    def of(self, rule: EarningRule, action: Action, tier: str) -> Award | None:
        self.now = action.time
        return super().of(rule, action, tier)

    def added(self, campaign: Campaign, points: int) -> int:
        """What a campaign adds: within its cap, and as far as the purse goes."""
        key = (f"campaign {campaign.id}", self.time.period("ever", self.now))
        if campaign.cap_points is not None:
            points = max(0, min(points, campaign.cap_points - self.used[key]))
        if campaign.budget_points is not None:
            points = self.purse.spend(campaign, points, self.now)
        self.used[key] += points
        return points

    def paid(self, campaign: Campaign, added: int, cut: int) -> int:
        if campaign.budget_points is None:
            return 0
        back = min(cut, added)
        self.purse.held[campaign.id] += back
        return added - back

    def absorb(self, other: "SharedAwards") -> None:
        """What either has used is used; so are the periods of streaks that either has used up."""
        used_up = (self.seen - self.row) | (other.seen - other.row)
        self.used.update(other.used)
        self.seen |= other.seen
        self.offers += other.offers
        self.row = self.seen - used_up

    def give_back(self, rule_id: str, at: datetime, points: int) -> None:
        if rule_id not in {REFERRED, REFERRER}:
            super().give_back(rule_id, at, points)


class Person(NaiveLedger):
    """A member in a partition, whose purse is at hand; `out` are letters to send."""

    def __init__(self, policy: Policy, name: str, purse: Purse) -> None:
        super().__init__(policy, [], LONG_AGO)
        self.name = name
        self.purse = purse
        self.awards: SharedAwards = SharedAwards(policy, self.time, purse)
        self.out: list[Letter] = []
        self.is_member = False
        self.brought_by: str | None = None
        self.rewarded: dict[str, tuple[str, str]] = {}
        self.brought: dict[str, Bought] = {}
        self.alias_of = ""
        self.names = {name}
        self.newest_offer = -1

    def apply(self, action: Action, log: datetime) -> None:
        data: Any = action.data
        self.is_member |= action.name not in {"refund", "redeem_cancel"}
        super().apply(action, log)
        match action.name:
            case "redeem_cancel":
                self.return_claim(self.redeemed[data.redeem_id], action.time)
            case "refund" if self.orders[data.order_id].closed and data.order_id in self.rewarded:
                referrer, referred = self.rewarded[data.order_id]
                self.out.append(Letter(referrer, action.time, Undone(referred)))
            case "referral" if self.policy.referral is not None and data.referred != self.name:
                self.out.append(Letter(data.referred, action.time, Brought(self.name)))
            case "link_identity" if data.other > self.name:
                self.out.append(Letter(data.other, action.time, BeOne(self.name)))
            case "link_identity" if data.other < self.name:
                self.alias_of = data.other

    # Claims of a stock

    def redeem(self, action: Action, log: datetime) -> None:
        super().redeem(action, log)
        redemption = self.redeemed.get(action.id)
        if redemption is None:
            return
        reward = next(reward for reward in self.policy.rewards if reward.id == redemption.reward)
        if reward.stock is not None:
            redemption.answer = "pending"
            claim = Claim(self.name, action.id, redemption.quantity)
            self.out.append(Letter(f"reward/{reward.id}", action.time, claim))

    def return_claim(self, redemption: Redemption, at: datetime) -> None:
        if redemption.answer == "accepted":
            self.out.append(Letter(f"reward/{redemption.reward}", at, Return(redemption.quantity)))

    def answered(self, answer: Answer, at: datetime) -> None:
        redemption = self.redeemed[answer.redemption]
        redemption.answer = "accepted" if answer.accepted else "refused"
        if redemption.off:
            self.return_claim(redemption, at)
        elif not answer.accepted:
            self.call_off(redemption)

    # What a budget has paid

    def taken_back(self, grant: Grant, points: int) -> None:
        self.purse.held[grant.boost[0]] += grant.budget * points // grant.points

    # Referrals

    def told_of(self, brought: Brought) -> None:
        """The first one counts, as long as nothing is bought."""
        if self.brought_by is None and not self.has_bought and brought.referrer not in self.names:
            self.brought_by = brought.referrer

    @property
    def has_bought(self) -> bool:
        """Whether anything is bought; what is given back in full is not."""
        return sum(value for _, measure, value in self.tiers.counted if measure == "purchase_count") > 0

    def referral(self, action: Action, log: datetime) -> list[Grant]:
        data: Any = action.data
        terms = self.policy.referral
        if terms is None or self.brought_by is None or self.rewarded or data.amount < terms.min_amount_minor:
            return []
        self.rewarded[data.order_id] = (self.brought_by, self.name)
        self.out.append(Letter(self.brought_by, action.time, Rewarded(self.name)))
        return self.reward(REFERRED, terms.referred_points, action.time, log)

    def reward(self, rule: str, points: int, at: datetime, log: datetime) -> list[Grant]:
        if not points:
            return []
        days = self.policy.points.pending_days
        expires = self.time.expires(self.policy.points.expiry, at)
        return [self.grant(Grant(rule, points, [], at + days * DAY if days else None, expires), log)]

    def share(self, order: Bought, grant: Grant) -> Any:  # noqa: ANN401 - a fraction
        return 0 if grant.rule == REFERRED and not order.closed else super().share(order, grant)

    def has_brought(self, rewarded: Rewarded, at: datetime, log: datetime) -> None:
        terms = self.policy.referral
        if terms is not None and rewarded.referred not in self.brought:
            grants = self.reward(REFERRER, terms.referrer_points, at, log)
            self.brought[rewarded.referred] = Bought(at, 0, [], grants)

    def has_not_brought(self, undone: Undone) -> None:
        order = self.brought.setdefault(undone.referred, Bought(LONG_AGO, 0, []))
        if not order.closed:
            order.closed = True
            for grant in order.grants:
                self.take_back(order, grant, grant.points - grant.taken)

    # Offers

    def offered(self, offer: Offered, now: datetime) -> None:
        """One at a time, each once, none that is a day old, and none for whom nothing is to be offered."""
        if offer.number <= self.newest_offer:
            return
        self.newest_offer = offer.number
        campaign = next(each for each in self.policy.campaigns if each.id == offer.campaign)
        until = now + (campaign.valid_days or 0) * DAY
        apart = in_holdout(self.name, f"offer:{self.policy.offers.id}", self.policy.offers.holdout_bp)
        late = now > offer.written + DAY or until > campaign.end
        if apart or late or any(now < end for _, _, end in self.awards.offers):
            return
        self.awards.offers.append((campaign.id, now, until))
        self.awards.used[f"campaign {campaign.id}", date.min] = 0

    # Being one with another id

    def be_one_with(self, other: str, at: datetime) -> None:
        if other < self.name:
            self.alias_of = other
        elif other > self.name:
            self.out.append(Letter(other, at, BeOne(self.name)))

    def absorb(self, other: "Person", at: datetime, log: datetime) -> None:
        """Have everything that another id had; what was granted stays, and from here on both are counted together."""
        self.absorb_referral(other)
        self.is_member |= other.is_member
        for expires in sorted(other.pools):
            self.add(other.pools[expires], expires)
        self.debit(other.debt, owe=True)
        self.pending += other.pending
        self.ended += other.ended
        self.orders |= other.orders
        self.redeemed |= other.redeemed
        self.brought |= other.brought
        self.held = max(self.held, other.held)
        self.idle = max(self.idle, other.idle)
        self.reached.update(other.reached)
        self.awards.absorb(other.awards)
        self.newest_offer = max(self.newest_offer, other.newest_offer)
        self.tiers.counted += other.tiers.counted
        self.award_milestones(at, log)

    def absorb_referral(self, other: "Person") -> None:
        """Who has brought either still has, unless the other one has bought already, or is the one who has brought."""
        self.names |= other.names
        mine = None if other.has_bought else self.brought_by
        theirs = None if self.has_bought else other.brought_by
        known = [name for name in (mine, theirs) if name is not None and name not in self.names]
        self.rewarded |= other.rewarded
        self.brought_by = known[0] if known else None
