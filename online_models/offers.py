"""Which offer a member is made, if any: a bandit per segment of members, with a hold-out, logged chances and guards.

    occasion    what could be offered, to whom; members of the hold-out are noted and left alone
    choice      nothing, or an offer, each with its chance (`online_models.chances`); the draw follows from the offset
    outcome     a horizon later: what the member spent and earned, put to the choice's account (`offer_values`)
    epoch       what each offer is worth against the hold-out; one that surely costs more than it brings is given up

What is given up stays so until the policy changes the offer. While learning is frozen nobody is offered anything, and
nothing is learned of those moments.
"""

from typing import Final, NamedTuple

import msgspec

from features.event_time import DAY_MS
from features.vector import feature_index
from loyalty.policy import Campaign, Policy
from online_models.chances import Belief, chances_bp, drawn
from online_models.examples import Outcome
from online_models.offer_findings import Chosen, OfferFigures, OffersJudged
from online_models.offer_values import Contrast, Result, beliefs_of
from online_models.recommending import segment_of
from online_models.sightings import OccasionSighting

KEPT_CHOICES: Final = 20_000
"""Choices whose outcome is still to come; about 8 MB. Where there are more, a sample of members is measured."""

KEPT_SEGMENTS: Final = 50

# An offer is given up where its worth is below zero by so many standard errors. They have eleven degrees of freedom and
# are looked at every epoch: at three, 3 of 80 simulated programmes lost an offer that did nothing, at four one did.
_SURE_ERRORS = 4.0

# Few members make most of the spend: what one spends counts up to so many times the mean.
_CUT = 8

_OTHERS = "other"
_BEFORE = feature_index("spend_minor_30d")
_MILLI = 1_000
_BP = 10_000

# A draw's group of members is by the low digits of the pseudonym, so a sample of members is by higher ones.
_SAMPLE_SHIFT = 16


class _Choice(NamedTuple):
    """What was chosen at a moment; `offers` are those that a member of the hold-out could have had."""

    segment: str
    offer: str
    chance_bp: int
    offers: tuple[str, ...]


class _Arm:
    """What is known of one offer, as the policy has it by `basis`."""

    def __init__(self, basis: str) -> None:
        self.basis = basis
        self.is_on = True
        self.made = 0
        self.taken = 0
        self.added_points = 0
        self.overall = Contrast()
        self.segments: dict[str, Contrast] = {}
        self.beliefs: dict[str, Belief] = {}

    def belief(self, segment: str) -> Belief | None:
        """What the offer is worth in a segment; None before that is known."""
        return self.beliefs.get(segment, self.beliefs.get(""))

    def add(self, segment: str, result: Result, chance_bp: int | None) -> None:
        """Add what came of the offer, or, without a chance, of the hold-out."""
        self.overall.add(result, chance_bp)
        self.segments.setdefault(segment, Contrast()).add(result, chance_bp)


class OfferChooser:
    """Chooses offers and learns what they are worth."""

    def __init__(self, kept_choices: int = KEPT_CHOICES) -> None:
        self._kept_choices = kept_choices
        self._arms: dict[str, _Arm] = {}
        self._segments: set[str] = set()
        self._choices: dict[tuple[str, int], _Choice] = {}
        self._halvings = 0
        self._spend_minor = 0
        self._seen = 0

    def adopt(self, policy: Policy) -> None:
        """Go on under another policy: an offer that it brings or changes starts anew, one that it drops is gone."""
        offered = [campaign for campaign in policy.campaigns if campaign.valid_days is not None]
        arms = {campaign.id: _Arm(_basis(campaign, policy)) for campaign in offered if policy.offers.enabled}
        for name, arm in arms.items():
            known = self._arms.get(name)
            if known is not None and known.basis == arm.basis:
                arms[name] = known
        self._arms = arms

    def choose(self, sighting: OccasionSighting, offset: int, policy: Policy, *, frozen: bool) -> Chosen | None:
        """Choose for an occasion, at an offset; None where there is nothing to choose."""
        occasion = sighting.occasion
        options = tuple(name for name in occasion.offers if name in self._arms and self._arms[name].is_on)
        if frozen or not options:
            return None
        segment = self._segment(segment_of(occasion.tier, occasion.purchases))
        if occasion.held_out:
            self._note(occasion.member, occasion.time_ms, _Choice(segment, "", 0, options), policy)
            return None
        chances = chances_bp([self._arms[name].belief(segment) for name in options], policy.offers.explore_bp)
        place = drawn(chances, f"{offset}/{occasion.member}")
        offer = "" if place == 0 else options[place - 1]
        if offer:
            self._arms[offer].made += 1
            self._note(occasion.member, occasion.time_ms, _Choice(segment, offer, chances[place], ()), policy)
        return Chosen(
            member=occasion.member,
            partition=sighting.partition,
            time_ms=occasion.time_ms,
            segment=segment,
            chances_bp=tuple(zip(("", *options), chances, strict=True)),
            offer=offer,
        )

    def observe(self, outcome: Outcome, policy: Policy) -> None:
        """Put what came of a moment to the account of what was chosen then."""
        choice = self._choices.pop((outcome.member, outcome.predicted_at_ms), None)
        if choice is None:
            return
        result = self._result(outcome, policy)
        for name in choice.offers or (choice.offer,):
            arm = self._arms.get(name)
            if arm is not None:
                arm.add(choice.segment, result, choice.chance_bp or None)
                if outcome.offer is not msgspec.UNSET and outcome.offer[0] == choice.offer:
                    arm.taken += outcome.offer[1] > 0
                    arm.added_points += max(0, outcome.offer[1])

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned, as after a drift."""
        for arm in self._arms.values():
            for contrast in (arm.overall, *arm.segments.values()):
                contrast.forget(share)

    def end_epoch(self, policy: Policy) -> OffersJudged | None:
        """Judge all offers, give up those that cost more than they bring, and say so; None where there are none."""
        for arm in self._arms.values():
            arm.beliefs = beliefs_of(arm.overall, sorted(arm.segments.items()))
            if arm.beliefs and arm.overall.value().reaches(_SURE_ERRORS)[1] < 0.0:
                arm.is_on = False
        if not self._arms:
            return None
        return OffersJudged(
            measured_share_bp=_BP >> self._halvings,
            offers=tuple(_figures(name, arm) for name, arm in self._arms.items()),
            segments=tuple((segment, self._chances(segment, policy)) for segment in sorted(self._segments)),
        )

    def _chances(self, segment: str, policy: Policy) -> tuple[tuple[str, int], ...]:
        """The chances from here on in a segment, of a member who could be made all offers."""
        options = [name for name, arm in self._arms.items() if arm.is_on]
        chances = chances_bp([self._arms[name].belief(segment) for name in options], policy.offers.explore_bp)
        return tuple(zip(("", *options), chances, strict=True))

    def _result(self, outcome: Outcome, policy: Policy) -> Result:
        """What came of a moment, in the policy's terms; of a large spend, and of its points, only a part counts."""
        self._seen += 1
        spend_minor = float(max(0, outcome.label_spend_minor))
        self._spend_minor += int(spend_minor)
        cut_minor = float(max(1, _CUT * self._spend_minor // self._seen))
        kept = min(1.0, cut_minor / spend_minor) if spend_minor else 1.0
        spend_minor, points = spend_minor * kept, outcome.label_earned_points * kept
        terms = policy.offers
        value_minor = spend_minor * terms.margin_bp / _BP - points * terms.point_cost_milli / _MILLI
        before_minor = min(float(outcome.features[_BEFORE]), cut_minor)
        return Result(outcome.member, outcome.predicted_at_ms, before_minor, spend_minor, points, value_minor)

    def _segment(self, segment: str) -> str:
        if segment not in self._segments and len(self._segments) >= KEPT_SEGMENTS:
            return _OTHERS
        self._segments.add(segment)
        return segment

    def _note(self, member: str, time_ms: int, choice: _Choice, policy: Policy) -> None:
        """Remember a choice until its outcome comes, of as many members as there is room for."""
        if not self._is_measured(member):
            return
        self._choices[member, time_ms] = choice
        if len(self._choices) > self._kept_choices:
            oldest_ms = time_ms - 2 * policy.learning.horizon_days * DAY_MS
            self._choices = {key: noted for key, noted in self._choices.items() if key[1] > oldest_ms}
        while len(self._choices) > self._kept_choices:
            self._halvings += 1
            self._choices = {key: noted for key, noted in self._choices.items() if self._is_measured(key[0])}

    def _is_measured(self, member: str) -> bool:
        return (int(member, 16) >> _SAMPLE_SHIFT) % (1 << self._halvings) == 0


def _basis(campaign: Campaign, policy: Policy) -> str:
    """What makes an offer another one, as text: not its dates, nor how much of it there is."""
    terms = policy.offers
    lasting = msgspec.structs.asdict(campaign)
    for word in ("start", "end", "budget_points", "budget_slice_points"):
        del lasting[word]
    return repr((lasting, terms.id, terms.margin_bp, terms.point_cost_milli, policy.learning.horizon_days))


def _figures(name: str, arm: _Arm) -> OfferFigures:
    known = bool(arm.beliefs)
    effects = (arm.overall.spend(), arm.overall.points(), arm.overall.value()) if known else ()
    milli = [(round(each.effect * _MILLI), round(each.error * _MILLI)) for each in effects]
    spend, points, value = milli if known else [(0, 0)] * 3
    return OfferFigures(
        offer=name,
        is_on=arm.is_on,
        made=arm.made,
        settled=arm.overall.made,
        taken=arm.taken,
        held_out=arm.overall.held_out,
        added_points=arm.added_points,
        is_known=known,
        spend_milli=spend,
        points_milli=points,
        value_milli=value,
    )
