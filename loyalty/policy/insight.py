"""Policy sections on what else is learned from actions: recommendations, opinions, misconduct. All are off at first."""

from typing import Annotated

import msgspec

from loyalty.policy.fields import Days, Positive, Section, ShareBp


class Recommendations(Section, frozen=True):
    """What a member is likely to buy next. With `enabled` each purchase is also told to the trainer.

    `length`: how many items, and how many categories, a recommendation names (10). `explore_bp`: share of
    recommendations whose mixture is drawn evenly, which is what the others are judged against (1,000).
    """

    enabled: bool = False
    length: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    explore_bp: ShareBp = 1_000


class Opinions(Section, frozen=True):
    """What reviews and feedback say. With `enabled` each of them is also told to the trainer.

    An alert is raised when, within `wave_hours` (24), at least `wave_from` (8) opinions are negative and their number
    is over `wave_times_bp` (30,000: three times) of the usual rate by more than chance explains.
    """

    enabled: bool = False
    wave_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24
    wave_from: Annotated[int, msgspec.Meta(ge=2, le=100_000)] = 8
    wave_times_bp: Annotated[int, msgspec.Meta(ge=10_000, le=10_000_000)] = 30_000


class Misconduct(Section, frozen=True):
    """Whose behaviour is out of the ordinary. With `enabled` rates of busy members are also told to the trainer.

    A score from 0 to 1,000 is the higher of what rules and the learned anomaly say. From `hold_score_from` (900) on a
    verdict holds the member's pending points, for as long as a `[[holds]]` by anomaly says; below `release_score`
    (500) a later one lets them go. Limits of the rules, above which the score is 1,000: `actions_per_hour` (600),
    `reviews_per_day` (30), `shares_per_day` (100), `referrals_per_week` (100), or from which: `copies_from` (3) copied
    reviews in 30 days, where opinions are learned too. `young_days`: how long a member is new and half of these limits
    apply (7). `fade_days`: a score fades by half in so many (14). `pardon_days`: whom an operator has released is not
    held again for so long (30). `min_sightings`: the anomaly is silent before it has seen so many (2,000); after that
    250 points stand for each power of ten of its rarity, so 900 is one sighting in 4,000.
    """

    enabled: bool = False
    hold_score_from: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 900
    release_score: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 500
    actions_per_hour: Positive = 600
    reviews_per_day: Positive = 30
    shares_per_day: Positive = 100
    referrals_per_week: Positive = 100
    copies_from: Positive = 3
    young_days: Days = 7
    fade_days: Positive = 14
    pardon_days: Days = 30
    min_sightings: Positive = 2_000
