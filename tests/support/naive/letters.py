"""What members and owners say to each other, and what a partition has of the budgets."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from features.actions import Action
from loyalty.policy import Campaign


class Claim(NamedTuple):
    holder: str
    redemption: str
    quantity: int


class Answer(NamedTuple):
    redemption: str
    accepted: bool


class Return(NamedTuple):
    quantity: int


class Ask(NamedTuple):
    partition: int
    points: int


class Give(NamedTuple):
    campaign: str
    points: int
    last: bool


class Brought(NamedTuple):
    referrer: str


class Rewarded(NamedTuple):
    referred: str


class Undone(NamedTuple):
    referred: str


class BeOne(NamedTuple):
    """To the larger id: be one with the smaller."""

    smaller: str


class Everything(NamedTuple):
    """All that an alias had: a `tests.support.naive.person.Person`."""

    person: object


class Onward(NamedTuple):
    """An action for an alias."""

    action: Action


class Offered(NamedTuple):
    """To a member: a campaign is theirs for some days, as the letter of this number says."""

    campaign: str
    number: int
    written: datetime


Says = Claim | Answer | Return | Ask | Give | Brought | Rewarded | Undone | BeOne | Everything | Onward | Offered


class Letter(NamedTuple):
    """Something said to a member or an owner, or to a partition, at the event time of its cause."""

    to: str | int
    time: datetime
    says: Says


@dataclass
class Purse:
    """What a partition holds of the campaigns' budgets; `out` are letters that it wants to send."""

    partition: int
    partitions: int
    held: Counter[str] = field(default_factory=Counter)
    asked: set[str] = field(default_factory=set)
    dry: set[str] = field(default_factory=set)
    out: list[Letter] = field(default_factory=list)

    def spend(self, campaign: Campaign, points: int, at: datetime) -> int:
        """Spend up to `points`, and see to it that there is more."""
        points = min(points, self.held[campaign.id])
        self.held[campaign.id] -= points
        self.fill(campaign, at)
        return points

    def fill(self, campaign: Campaign, at: datetime) -> None:
        """Ask for a slice when less than half of one is left."""
        slice_points = campaign.budget_slice_points or (campaign.budget_points or 0) // (8 * self.partitions) or 1
        if 2 * self.held[campaign.id] < slice_points and campaign.id not in self.asked | self.dry:
            self.asked.add(campaign.id)
            self.out.append(Letter(f"budget/{campaign.id}", at, Ask(self.partition, slice_points)))

    def empty(self, campaign: Campaign, at: datetime) -> None:
        """Give back what is left for a campaign that is over."""
        if self.held[campaign.id] and campaign.id not in self.asked:
            self.out.append(Letter(f"budget/{campaign.id}", at, Return(self.held.pop(campaign.id))))

    def take(self, gift: Give) -> None:
        """Take what the budget's owner gives."""
        self.held[gift.campaign] += gift.points
        self.asked.discard(gift.campaign)
        if gift.last:
            self.dry.add(gift.campaign)
