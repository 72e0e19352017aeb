"""Virtual members with known truth: outcomes whose effects, selection and seasons are put in by hand.

Each member has a level of its own that drives spend and all its actions, each month has a factor of its own, and a busy
month of a member tends to be followed by another. On top of that:

* `share`: done at random; each one adds `share_effect` to the next month's spend. A true effect.
* `review`: done at random, adds nothing.
* `login`: follows the member's level and mood, adds nothing. Confounded.
* `campaign_received`: sent to members whose last month was good, adds nothing. Selected.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from features.event_time import DAY_MS
from features.table import FEATURES
from features.vector import feature_index
from online_models.examples import TABLE, Outcome, pseudonym

ACTIONS = ("purchase", "share", "review", "login", "campaign_received")
MONTH_DAYS = 30
BASKET_MINOR = 2_000

# points per action under the static rule, in `issued`
AWARDS = {"purchase": 20, "share": 10, "review": 10, "login": 1, "campaign_received": 1}
_POLICY = """
format = 1
[programme]
name = "Virtual"
currency = "USD"
[tiers]
basis = "score"
ladder = [{{id = "member", threshold = 0}}, {{id = "silver", threshold = 300}}]
score = [{{measure = "spend_minor", weight = 500, cap = 500000}}, {{measure = "review_count", weight = 300, cap = 40}}]
[learning]
enabled = true
epoch_examples = {epoch}
min_examples = {least}
"""


def policy_text(*, epoch_examples: int, min_examples: int) -> str:
    """The policy file of these members' programme, which learns from them."""
    rules = (f'[[earning]]\nid = "{a}"\naction = "{a}"\npoints = {points}\n' for a, points in AWARDS.items())
    return _POLICY.format(epoch=epoch_examples, least=min_examples) + "".join(rules)


@dataclass
class World:
    """How virtual members behave."""

    members: int = 240
    months: int = 14
    share_effect_minor: int = 2_000
    seed: int = 11
    shift_month: int | None = None  # from this month on, everybody spends thrice as much
    levels: list[float] = field(default_factory=list)


def _count(rng: random.Random, rate: float) -> int:
    """A Poisson count."""
    total, clock = 0, rng.expovariate(1.0)
    while clock < rate:
        total += 1
        clock += rng.expovariate(1.0)
    return total


def _life(rng: random.Random, world: World, season: list[float]) -> list[dict[str, int]]:
    """The months of one member: counts by action, and spend."""
    level, mood = rng.uniform(0.3, 3.0), 1.0
    months: list[dict[str, int]] = []
    for month in range(world.months):
        mood = 0.5 + 0.5 * mood + rng.uniform(-0.4, 0.4)
        last = months[-1] if months else {"share": 0, "spend": 0}
        busy = level * mood * season[month]
        good = last["spend"] > BASKET_MINOR * level * 3
        shift = 3.0 if world.shift_month is not None and month >= world.shift_month else 1.0
        counts = {
            "purchase": _count(rng, 3.0 * busy),
            "share": _count(rng, 1.0),
            "review": _count(rng, 1.0),
            "login": _count(rng, 4.0 * busy),
            "campaign_received": _count(rng, 2.0 if good else 0.2),
        }
        counts["spend"] = round(counts["purchase"] * BASKET_MINOR * shift) + world.share_effect_minor * last["share"]
        months.append(counts)
    return months


def outcomes(world: World) -> Iterator[Outcome]:
    """One outcome per member and month, in order of maturity."""
    rng = random.Random(world.seed)
    season = [rng.uniform(0.6, 1.6) for _ in range(world.months)]
    lives = [_life(rng, world, season) for _ in range(world.members)]
    for month in range(2, world.months - 1):
        for member, life in enumerate(lives):
            moment_ms = (month + 1) * MONTH_DAYS * DAY_MS + member * 60_000
            yield Outcome(
                member=pseudonym(f"m-{member}"),
                predicted_at_ms=moment_ms,
                matured_at_ms=moment_ms + MONTH_DAYS * DAY_MS,
                table=TABLE,
                features=_vector(life, month),
                features_after=_vector(life, month + 1),
                label_spend_minor=life[month + 1]["spend"],
                label_week_minor=life[month + 1]["spend"] // 4,
                issued_from_ms=moment_ms,
                issued=tuple((action, AWARDS[action] * life[month + 1][action]) for action in ACTIONS),
            )


def _vector(life: list[dict[str, int]], month: int) -> tuple[int, ...]:
    """The feature vector at the end of a month; features that the world does not have are 0."""
    vector = [0] * len(FEATURES)
    for action in ACTIONS:
        vector[feature_index(f"{action}_count_30d")] = life[month][action]
        vector[feature_index(f"{action}_count_90d")] = sum(life[m][action] for m in range(month - 2, month + 1))
    vector[feature_index("spend_minor_30d")] = life[month]["spend"]
    vector[feature_index("spend_minor_90d")] = sum(life[m]["spend"] for m in range(month - 2, month + 1))
    vector[feature_index("spend_minor_all")] = sum(life[m]["spend"] for m in range(month + 1))
    vector[feature_index("purchase_count_all")] = sum(life[m]["purchase"] for m in range(month + 1))
    vector[feature_index("tenure_days")] = (month + 1) * MONTH_DAYS
    return tuple(vector)
