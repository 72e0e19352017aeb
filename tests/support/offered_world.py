"""Members with known answers to offers, for what learns from them: occasions, and outcomes a month later.

A member has a usual spend, its own for ever, and every month something around it. An offer changes the month after it
by what the truth says of the offer and the member's segment: spend in minor units, and points that it costs.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import UNSET

from features.event_time import DAY_MS
from features.table import FEATURES
from features.vector import feature_index
from loyalty.policy import Policy, parse_policy
from online_models.examples import TABLE, Outcome, pseudonym
from online_models.offer_findings import Chosen, OffersJudged
from online_models.offers import OfferChooser
from online_models.sightings import Occasion, OccasionSighting, sighting_of
from tests.support.corner_shop import corner_shop

MONTH_MS = 30 * DAY_MS
_BEFORE = feature_index("spend_minor_30d")

_SECTIONS = """
[learning]
enabled = true
[offers]
enabled = true
holdout_bp = 2_000
explore_bp = 2_000
margin_bp = 5_000
point_cost_milli = 1_000
"""
_OFFER = """
[[campaigns]]
id = "{name}"
start = 2017-01-01T00:00:00Z
end = 2019-01-01T00:00:00Z
multiplier_bp = {multiplier:_}
cap_points = 5_000
budget_points = 1_000_000
valid_days = 14
"""


class Answer(NamedTuple):
    """What an offer does to a month: spend, and points that it costs. Worth half of the one, less the other."""

    spend_minor: int
    points: int

    @property
    def value_minor(self) -> float:
        """What it is worth."""
        return self.spend_minor / 2 - self.points


Truth = Mapping[str, Mapping[str, Answer]]
"""Offer -> segment -> what it does there."""


def text_with(offers: Mapping[str, int]) -> str:
    """The policy file with these offers, each by its multiplier."""
    return corner_shop(_SECTIONS, *(_OFFER.format(name=name, multiplier=bp) for name, bp in offers.items()))


def policy_with(offers: Mapping[str, int]) -> Policy:
    """The same as a policy."""
    return parse_policy(text_with(offers), "test.toml")


class OfferedWorld:
    """So many members, the chooser that makes them offers, and what came of it. `purchases` sets the segments apart."""

    def __init__(self, truth: Truth, members: int, seed: int = 7) -> None:
        self.truth = truth
        self.policy = policy_with(dict.fromkeys(truth, 15_000))
        self.chooser = OfferChooser()
        self.chooser.adopt(self.policy)
        self.chosen: list[Chosen] = []
        self.reports: list[OffersJudged] = []
        self.made: list[Counter[tuple[str, str]]] = []
        self.value_minor = 0.0
        self._rng = random.Random(seed)
        self._members = [(f"m-{number}", number, self._rng.uniform(4_000, 16_000)) for number in range(members)]
        self._before = {name: usual for name, _, usual in self._members}
        self._offset = 0
        self._months = 0

    @staticmethod
    def held_out(number: int) -> bool:
        """A fifth of the members, as evenly as can be."""
        return number % 5 == 0

    def run(self, months: int, *, frozen: bool = False) -> None:
        """Months go by; the end of each is the end of an epoch."""
        for _ in range(months):
            month_ms = self._months * MONTH_MS
            answers = [self._meet(member, month_ms, frozen=frozen) for member in self._members]
            for outcome in answers:
                self.chooser.observe(outcome, self.policy)
            self._months += 1
            judged = self.chooser.end_epoch(self.policy)
            assert judged is not None
            self.reports.append(judged)

    def occasion(self, name: str, number: int, time_ms: int) -> OccasionSighting:
        """A member could be offered anything."""
        seen = Occasion(
            member=pseudonym(name),
            time_ms=time_ms,
            tier="member",
            purchases=2 if number % 2 else 40,
            offers=tuple(self.truth),
            held_out=self.held_out(number),
        )
        sighting = sighting_of(seen, 0, self._offset, time_ms)
        assert isinstance(sighting, OccasionSighting)
        return sighting

    def _meet(self, member: tuple[str, int, float], month_ms: int, *, frozen: bool) -> Outcome:
        """Choose for a member, and let the month go by."""
        name, number, usual = member
        if number == 0:
            self.made.append(Counter())
        time_ms = month_ms + number * 1_000
        chosen = self.chooser.choose(self.occasion(name, number, time_ms), self._offset, self.policy, frozen=frozen)
        self._offset += 1
        answer = Answer(0, 0)
        if chosen is not None:
            self.chosen.append(chosen)
            self.made[-1][chosen.segment, chosen.offer] += 1
            if chosen.offer:
                answer = self.truth[chosen.offer][chosen.segment]
        self.value_minor += answer.value_minor
        before, spend = self._before[name], round(usual * self._rng.uniform(0.4, 1.6))
        self._before[name] = spend  # what an offer brings is gone after the month
        vector = [0] * len(FEATURES)
        vector[_BEFORE] = round(before)
        return Outcome(
            member=pseudonym(name),
            predicted_at_ms=time_ms,
            matured_at_ms=time_ms + MONTH_MS,
            table=TABLE,
            features=tuple(vector),
            features_after=tuple(vector),
            label_spend_minor=spend + answer.spend_minor,
            label_week_minor=0,
            label_earned_points=spend // 100 + answer.points,
            issued_from_ms=time_ms,
            offer=(chosen.offer, answer.points) if chosen is not None and chosen.offer else UNSET,
        )


EVERYWHERE = ("member/few", "member/many")
TRUTH: Truth = {
    "good": dict.fromkeys(EVERYWHERE, Answer(1_500, 100)),
    "bad": dict.fromkeys(EVERYWHERE, Answer(0, 500)),
    "new": {"member/few": Answer(3_000, 200), "member/many": Answer(0, 400)},
}
"""One offer that is good for all, one that only costs, and one that is good for those who have bought little so far."""


def worth_milli(offer: str) -> float:
    """What an offer is really worth over all members, in thousandths of a minor unit."""
    return 1_000 * sum(TRUTH[offer][segment].value_minor for segment in EVERYWHERE) / len(EVERYWHERE)


def report(programmes: int, members: int, months: int) -> str:
    """What the chooser comes to in so many programmes of their own: `python -m tests.support.offered_world`."""
    gained, given_up, within, judged = 0.0, Counter[str](), 0, 0
    last: Counter[tuple[str, str]] = Counter()
    for seed in range(programmes):
        world = OfferedWorld(TRUTH, members, seed)
        world.run(months)
        gained += world.value_minor / len(world.chosen) / programmes
        last.update(world.made[-1])
        for each in world.reports[-1].offers:
            given_up[each.offer] += not each.is_on
            judged += 1
            within += abs(each.value_milli[0] - worth_milli(each.offer)) <= _T95 * each.value_milli[1]
    evenly = sum(worth_milli(offer) for offer in TRUTH) / 1_000 / (len(TRUTH) + 1)
    best = sum(max(TRUTH[offer][where].value_minor for offer in TRUTH) for where in EVERYWHERE) / len(EVERYWHERE)
    lines = [
        f"{programmes} programmes of {members} members, {months} months; worth of a choice in minor units",
        f"  dealt evenly {evenly:.0f}, chosen {gained:.0f}, the best for each segment, had it been known, {best:.0f}",
        f"  given up: {', '.join(f'{offer} {given_up[offer]} of {programmes}' for offer in TRUTH)}",
        f"  truth within the 95% interval: {within} of {judged} estimates",
    ]
    for where in EVERYWHERE:
        total = sum(made for (segment, _), made in last.items() if segment == where)
        shares = (f"{offer or 'nothing'} {last[where, offer] / total:.0%}" for offer in ("", *TRUTH))
        lines.append(f"  {where} in the last month: {', '.join(shares)}")
    return "\n".join(lines)


# The middle 95% of Student's t with as many degrees of freedom as there are groups of members, less one.
_T95 = 2.2


if __name__ == "__main__":
    sys.stdout.write(report(programmes=20, members=3_000, months=12) + "\n")
