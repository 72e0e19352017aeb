"""Several members in several partitions, and what they share: everything anew from all that has happened so far."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from features.actions import Action
from loyalty.policy import Policy
from tests.support.naive.ledger import LONG_AGO
from tests.support.naive.letters import (
    Answer,
    Ask,
    BeOne,
    Brought,
    Claim,
    Everything,
    Give,
    Letter,
    Offered,
    Onward,
    Purse,
    Return,
    Rewarded,
    Undone,
)
from tests.support.naive.person import Person
from tests.support.naive.times import DAY


class Acted(NamedTuple):
    """A member's action has come into the log of the member's partition."""

    log: datetime
    action: Action


class Came(NamedTuple):
    """The next letter from one partition to another has come."""

    sender: int
    receiver: int


class Told(NamedTuple):
    """An offer has come into the log of the partition of whom it is for."""

    log: datetime
    name: str
    offer: Offered


class Ticked(NamedTuple):
    """It is that time, in all partitions."""

    log: datetime


Happened = Acted | Came | Told | Ticked


class NaiveWorld:
    """What everyone has after all that happened; `place` says in which partition a subject lives."""

    def __init__(
        self, policy: Policy, partitions: int, place: Callable[[str], int], history: Sequence[Happened]
    ) -> None:
        self.policy = policy
        self.place = place
        self.now = [LONG_AGO] * partitions
        self.purses = [Purse(number, partitions) for number in range(partitions)]
        self.mail: dict[tuple[int, int], deque[tuple[datetime, Letter]]] = {}
        self.people: dict[str, Person] = {}
        self.claimed: Counter[str] = Counter()
        self.given: Counter[str] = Counter()
        self.refused: list[str] = []
        for happened in history:
            match happened:
                case Acted(log, action):
                    self.act(log, action)
                case Came(sender, receiver):
                    self.deliver(sender, receiver)
                case Told(log, name, offer):
                    self.offer(log, name, offer)
                case Ticked(log):
                    self.tick(log)
        for name, person in self.people.items():
            person.run_until(self.now[place(name)])

    def person(self, name: str) -> Person:
        """Somebody, up to date."""
        partition = self.place(name)
        if name not in self.people:
            self.people[name] = Person(self.policy, name, self.purses[partition])
        person = self.people[name]
        person.run_until(self.now[partition])
        return person

    def act(self, log: datetime, action: Action) -> None:
        partition = self.place(action.subject)
        self.now[partition] = max(self.now[partition], log)
        if action.time < self.now[partition] - self.policy.input.lateness_days * DAY:
            self.refused.append(action.id)
        else:
            self.enter(self.person(action.subject), action)

    def offer(self, log: datetime, name: str, offer: Offered) -> None:
        partition = self.place(name)
        self.now[partition] = max(self.now[partition], log)
        person = self.person(name)
        if person.alias_of or person.is_member:
            self.tell(person, Letter(name, self.now[partition], offer))
        else:
            self.refused.append(name)

    def enter(self, person: Person, action: Action) -> None:
        """Let a member act, or whoever the member is one with."""
        partition = self.place(person.name)
        if person.alias_of:
            self.send(partition, Letter(person.alias_of, action.time, Onward(action)))
            return
        person.take(action, self.now[partition])
        self.refused += person.refused
        person.refused.clear()
        self.post(person)
        self.leave(person, action.time)

    def post(self, person: Person) -> None:
        """Send what somebody has to say, and what their purse has."""
        for out in (person.purse.out, person.out):
            for letter in out:
                self.send(self.place(person.name), letter)
            out.clear()

    def leave(self, person: Person, at: datetime) -> None:
        """Let somebody who has become an alias send all that there is, and have nothing."""
        if not person.alias_of:
            return
        shell = self.people[person.name] = Person(self.policy, person.name, person.purse)
        shell.alias_of, person.alias_of = person.alias_of, ""
        if person.is_member or person.brought_by is not None:
            self.send(self.place(person.name), Letter(shell.alias_of, at, Everything(person)))

    def send(self, sender: int, letter: Letter) -> None:
        receiver = letter.to if isinstance(letter.to, int) else self.place(letter.to)
        self.mail.setdefault((sender, receiver), deque()).append((self.now[sender], letter))

    def deliver(self, sender: int, receiver: int) -> None:
        sent, letter = self.mail[sender, receiver].popleft()
        self.now[receiver] = max(self.now[receiver], sent)
        match letter.says:
            case Claim() as claim:
                name = str(letter.to)
                accepted = self.claimed[name] + claim.quantity <= self.stock(name)
                self.claimed[name] += claim.quantity if accepted else 0
                self.send(receiver, Letter(claim.holder, letter.time, Answer(claim.redemption, accepted)))
            case Return(quantity):
                name = str(letter.to)
                if name.startswith("budget/"):
                    self.given[name.removeprefix("budget/")] -= quantity
                else:
                    self.claimed[name] -= quantity
            case Ask(partition, points):
                name = str(letter.to).removeprefix("budget/")
                left = self.budget(name) - self.given[name]
                gift = Give(name, min(points, left), last=points >= left)
                self.given[name] += gift.points
                self.send(receiver, Letter(partition, letter.time, gift))
            case Give() as gift:
                self.purses[receiver].take(gift)
            case _:
                self.tell(self.person(str(letter.to)), letter)

    def tell(self, person: Person, letter: Letter) -> None:
        """Let somebody read a letter, or whoever they are one with."""
        now = self.now[self.place(person.name)]
        if person.alias_of:
            self.send(self.place(person.name), letter._replace(to=person.alias_of))
            return
        match letter.says:
            case Answer() as answer:
                person.answered(answer, letter.time)
            case Brought() as brought:
                person.told_of(brought)
            case Rewarded() as rewarded:
                person.has_brought(rewarded, letter.time, now)
            case Undone() as undone:
                person.has_not_brought(undone)
            case BeOne(smaller):
                person.be_one_with(smaller, letter.time)
            case Everything(other) if isinstance(other, Person):
                person.absorb(other, letter.time, now)
            case Onward(action):
                self.enter(person, action)
            case Offered() as offer:
                person.offered(offer, now)
        self.post(person)
        self.leave(person, letter.time)

    def tick(self, log: datetime) -> None:
        """Time goes by, and purses are filled."""
        for number in range(len(self.now)):
            self.now[number] = max(self.now[number], log)
            for campaign in self.policy.campaigns:
                if campaign.budget_points is not None and self.now[number] < campaign.end:
                    self.purses[number].fill(campaign, self.now[number])
                if self.now[number] >= campaign.end + self.policy.input.lateness_days * DAY:
                    self.purses[number].empty(campaign, self.now[number])
            for letter in self.purses[number].out:
                self.send(number, letter)
            self.purses[number].out.clear()

    def stock(self, name: str) -> int:
        return next(reward.stock or 0 for reward in self.policy.rewards if f"reward/{reward.id}" == name)

    def budget(self, name: str) -> int:
        return next(each.budget_points or 0 for each in self.policy.campaigns if each.id == name)
