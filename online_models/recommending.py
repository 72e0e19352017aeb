"""Recommendations: what a member is likely to have in the next basket, from what members had in theirs.

A score is a number of the member's recent baskets with the item in them, plus a prior of about half a basket. Where the
prior comes from is the mixture:

* `habit`: no prior, the member's own repeat purchases only;
* `popular`: the share of all recent baskets that hold the item;
* `content`: that share, times how much more the member buys of the category than others do;
* `factors`: that share, times what matrix factorisation makes of member and item (`online_models.factors`).

Per segment (tier and experience) a bandit chooses the mixture: mostly the one whose lists hit best, now and then any,
so that the others stay known (`online_models.mixing`). The draw follows from the example's offset.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from features.event_time import DAY_MS
from loyalty.policy import Recommendations
from online_models.factors import Factors
from online_models.fading import Fading
from online_models.mixing import Mixer, Mixture
from online_models.ranking import ndcg
from online_models.recommended import Line, Recommended, Settled
from online_models.sightings import Basket

# Half-lives of a member's habit, of popularity and of tastes for categories; tried on the first half of the Complete
# Journey year: 30 and 120 days for the habit are 2% worse.
HABIT_HALF_LIFE_MS: Final = 45 * DAY_MS
POPULAR_HALF_LIFE_MS: Final = 28 * DAY_MS
TASTE_HALF_LIFE_MS: Final = 60 * DAY_MS

KEPT_MEMBERS: Final = 20_000
KEPT_ITEMS: Final = 20_000
KEPT_ITEMS_OF_MEMBER: Final = 300
KEPT_CATEGORIES: Final = 500

# Items that are looked at beside the member's own.
_POPULAR_ITEMS = 100
_LISTED_EVERY = 256

# The prior, in baskets, and for categories: at 0.5 to 1 the lists are best, at 3 they are worse than none.
_PRIOR_BASKETS = 0.5
_CATEGORY_PRIOR_BASKETS = 3.0
_HIGHEST_LIFT = 5.0

_MICRO = 1_000_000
_BP = 10_000


class _Shown(NamedTuple):
    """A list that has not been settled yet."""

    offset: int
    segment: str
    mixture: Mixture
    propensity_bp: int
    items: tuple[str, ...]


class _Profile:
    """What is remembered of a member."""

    def __init__(self) -> None:
        self.items = Fading(HABIT_HALF_LIFE_MS, KEPT_ITEMS_OF_MEMBER)
        self.categories = Fading(TASTE_HALF_LIFE_MS, KEPT_CATEGORIES)
        self.baskets = 0
        self.tier = ""
        self.shown: _Shown | None = None


class Recommender:
    """Learns from baskets and answers from memory."""

    def __init__(self, kept_members: int = KEPT_MEMBERS, kept_items: int = KEPT_ITEMS) -> None:
        self._kept_members = kept_members
        self._profiles: dict[str, _Profile] = {}
        self._popular = Fading(POPULAR_HALF_LIFE_MS, kept_items)
        self._categories = Fading(POPULAR_HALF_LIFE_MS, KEPT_CATEGORIES)
        self._baskets = Fading(POPULAR_HALF_LIFE_MS, 1)
        self._category_of: dict[str, str] = {}
        self._kept_items = kept_items
        self._factors = Factors(kept_members, kept_items)
        self._listed: tuple[str, ...] = ()
        self._learned = 0
        self.mixer = Mixer()

    def learn(self, basket: Basket, offset: int, rules: Recommendations) -> Recommended:
        """Settle what was recommended, learn from the basket, and recommend anew."""
        profile = self._profiles.pop(basket.member, None) or _Profile()
        self._profiles[basket.member] = profile
        if len(self._profiles) > self._kept_members:
            del self._profiles[next(iter(self._profiles))]
        settled = self._settle(profile, basket)
        self._take_in(profile, basket)
        segment = segment_of(profile.tier, profile.baskets)
        mixture, propensity_bp = self.mixer.draw(segment, f"{offset}/{basket.member}", rules.explore_bp)
        lines = self.items_for(basket.member, mixture, rules.length, None)
        items = tuple(line.id for line in lines)
        profile.shown = _Shown(offset, segment, mixture, propensity_bp, items)
        return Recommended(
            member=basket.member,
            segment=segment,
            mixture=mixture,
            propensity_bp=propensity_bp,
            items=lines,
            categories=self.categories_for(basket.member, rules.length),
            settled=settled,
        )

    def recommend(self, member: str, length: int, available: Collection[str] | None = None) -> Recommended:
        """The best list for a member as things stand, of the `available` items only (None: of all)."""
        profile = self._profiles.get(member)
        segment = segment_of("", 0) if profile is None else segment_of(profile.tier, profile.baskets)
        mixture = self.mixer.best(segment)
        return Recommended(
            member=member,
            segment=segment,
            mixture=mixture,
            propensity_bp=_BP,
            items=self.items_for(member, mixture, length, available),
            categories=self.categories_for(member, length),
            settled=None,
        )

    def items_for(
        self, member: str, mixture: Mixture, length: int, available: Collection[str] | None
    ) -> tuple[Line, ...]:
        """The items with the highest scores under a mixture."""
        profile = self._profiles.get(member)
        own = {} if profile is None else profile.items.values()
        candidates = list(dict.fromkeys([*own, *self._listed] if available is None else sorted(available)))
        priors = self._priors(member, candidates, mixture)
        scores = [own.get(item, 0.0) + prior for item, prior in zip(candidates, priors, strict=True)]
        best = sorted(range(len(candidates)), key=lambda at: (-scores[at], candidates[at]))[:length]
        return tuple(_line(candidates[at], scores[at], own.get(candidates[at], 0.0)) for at in best)

    def categories_for(self, member: str, length: int) -> tuple[Line, ...]:
        """The categories with the highest scores: the member's taste, and popularity as a prior."""
        profile = self._profiles.get(member)
        own = {} if profile is None else profile.categories.values()
        baskets = max(1.0, self._baskets.get(""))
        scores = {
            category: own.get(category, 0.0) + _CATEGORY_PRIOR_BASKETS * weight / baskets
            for category, weight in self._categories.values().items()
        }
        best = sorted(scores, key=lambda category: (-scores[category], category))[:length]
        return tuple(_line(name, scores[name], own.get(name, 0.0)) for name in best)

    def _priors(self, member: str, items: list[str], mixture: Mixture) -> list[float]:
        if mixture == "habit":
            return [0.0] * len(items)
        baskets = max(1.0, self._baskets.get(""))
        popular = [_PRIOR_BASKETS * self._popular.get(item) / baskets for item in items]
        match mixture:
            case "popular":
                return popular
            case "content":
                lifts = self._lifts(member)
                return [
                    share * lifts.get(self._category_of.get(item, ""), 1.0)
                    for item, share in zip(items, popular, strict=True)
                ]
            case "factors":
                lifts_of = self._factors.lifts(member, items, _HIGHEST_LIFT)
                return [share * lift for share, lift in zip(popular, lifts_of, strict=True)]

    def _lifts(self, member: str) -> dict[str, float]:
        """How many times the average share of its baskets a member gives to each category."""
        profile = self._profiles.get(member)
        own = {} if profile is None else profile.categories.values()
        everyone = self._categories.values()
        mine, total = sum(own.values()), sum(everyone.values())
        usual = {category: weight / total for category, weight in everyone.items() if weight > 0.0}
        # One line of the average member's is put to the member's own, so that a first basket does not decide all.
        return {
            category: min(_HIGHEST_LIFT, (own.get(category, 0.0) + share) / (mine + 1.0) / share)
            for category, share in usual.items()
        }

    def _settle(self, profile: _Profile, basket: Basket) -> Settled | None:
        shown, profile.shown = profile.shown, None
        if shown is None:
            return None
        reward = ndcg(shown.items, {line.item_id for line in basket.lines})
        self.mixer.learn(shown.segment, shown.mixture, reward)
        return Settled(
            example_offset=shown.offset,
            mixture=shown.mixture,
            propensity_bp=shown.propensity_bp,
            reward_micro=round(reward * _MICRO),
        )

    def _take_in(self, profile: _Profile, basket: Basket) -> None:
        time_ms = basket.time_ms
        profile.tier = basket.tier
        profile.baskets += 1
        items = [line.item_id for line in basket.lines]
        categories = sorted({line.category for line in basket.lines if line.category})
        profile.items.add(items, time_ms)
        profile.categories.add(categories, time_ms)
        self._popular.add(items, time_ms)
        self._categories.add(categories, time_ms)
        self._baskets.add([""], time_ms)
        for line in basket.lines:
            if line.category and (line.item_id in self._category_of or len(self._category_of) < self._kept_items):
                self._category_of[line.item_id] = line.category
        self._factors.learn(basket.member, items, self._listed)
        if self._learned % _LISTED_EVERY == 0:
            self._listed = self._popular.largest(_POPULAR_ITEMS)
            self._category_of = {item: name for item, name in self._category_of.items() if item in self._popular}
        self._learned += 1


def _line(name: str, score: float, own: float) -> Line:
    return Line(id=name, score_micro=round(score * _MICRO), own_micro=round(own * _MICRO))


def segment_of(tier: str, baskets: int) -> str:
    """A member's segment: the tier, and whether there were few, some or many baskets.

    Example:
        >>> segment_of("gold", 2), segment_of("gold", 7), segment_of("", 40)
        ('gold/few', 'gold/some', '/many')
    """
    experience = "few" if baskets <= 3 else "some" if baskets <= 20 else "many"  # noqa: PLR2004 - names of spans
    return f"{tier}/{experience}"
