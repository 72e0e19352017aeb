"""The whole policy as one immutable value."""

from functools import cached_property
from typing import Literal

from loyalty.policy.compiled import Compiled
from loyalty.policy.earning import EarningRule, Hold, Milestone, Penalty, Points, Referral
from loyalty.policy.fields import Section
from loyalty.policy.insight import Misconduct, Opinions, Recommendations
from loyalty.policy.offers import Benefit, Campaign, Offers, Reward, Segment
from loyalty.policy.programme import Input, Learning, Notifications, Programme
from loyalty.policy.tiers import Tiers
from loyalty.policy.trial import Trial


class Policy(Section, frozen=True, dict=True):
    """What the programme's owner has decided. Made by `parse_policy`, which has checked it as a whole."""

    format: Literal[1]
    programme: Programme
    tiers: Tiers
    input: Input = Input()
    points: Points = Points()
    earning: tuple[EarningRule, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    referral: Referral | None = None
    penalties: tuple[Penalty, ...] = ()
    holds: tuple[Hold, ...] = ()
    segments: tuple[Segment, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    offers: Offers = Offers()
    rewards: tuple[Reward, ...] = ()
    benefits: tuple[Benefit, ...] = ()
    learning: Learning = Learning()
    trial: Trial = Trial()
    recommendations: Recommendations = Recommendations()
    opinions: Opinions = Opinions()
    misconduct: Misconduct = Misconduct()
    notifications: Notifications = Notifications()

    @cached_property
    def compiled(self) -> Compiled:
        """The policy as look-up tables for the hot path."""
        return Compiled(self)

    @cached_property
    def purposes(self) -> frozenset[str]:
        """What a member can withdraw consent for."""
        named = (self.notifications.purpose, self.offers.purpose)
        return frozenset(purpose for purpose in named if purpose is not None)

    @cached_property
    def observes(self) -> bool:
        """Whether the trainer is told of any actions, beside examples."""
        return self.recommendations.enabled or self.opinions.enabled or self.misconduct.enabled
