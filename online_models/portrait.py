"""The member portrait: a few clusters of members, found online, with identities and names that stay.

Sequential k-means (MacQueen 1967, "Some methods for classification and analysis of multivariate observations"), each
centroid an average over about the last 700 examples it was given. The first ones are sorted by how much members buy
and cut into equal slices: these are the seeds, so cluster 1 begins as those who buy least. An identity is the place of
a centroid and never changes; a name says what sets the centroid apart from the mean of all members, and changes only
when its words no longer do.

A portrait decides nothing in the ledger. The trainer publishes it as a finding; whoever wants to know the cluster of a
member takes the published centroid nearest to that member's own features.
"""

from collections.abc import Sequence
from operator import mul

import numpy as np

from features.event_time import DAY_MS
from features.vector import feature_index
from online_models.findings import Cluster, Portrayed
from online_models.moments import Floats

CLUSTERS = 6

# Words for a trait that is higher, or lower, than that of most members.
TRAITS: tuple[tuple[str, str], ...] = (
    ("frequent", "seldom"),
    ("high spend", "low spend"),
    ("large baskets", "small baskets"),
    ("lately active", "silent"),
    ("many interests", "one interest"),
    ("weekends", "weekdays"),
    ("mornings", "not mornings"),
    ("evenings", "not evenings"),
    ("coupons", "no coupons"),
    ("regular", "irregular"),
    ("browsing", "not browsing"),
)

# The trainer gives every third example: seeds and memory reach as far back as 64 and 2,000 of all of them would.
_SEEDS = 22 * CLUSTERS
_MEMORY = 700
_WORDS = 2
_STILL_SALIENT = 4
_MILLI = 1_000
_BP = 10_000

# A published portrait holds until a coordinate has moved by this much of its range, in thousandths.
_MOVED_MILLI = 20

_VISITS = feature_index("purchase_count_30d")
_SPEND = feature_index("spend_minor_90d")
_BASKET = feature_index("basket_minor_90d")
_RECENCY = feature_index("recency_purchase_ms")
_ENTROPY = feature_index("category_entropy_millibits")
_WEEKEND = feature_index("weekend_share_bp")
_MORNING = feature_index("morning_share_bp")
_EVENING = feature_index("evening_share_bp")
_COUPONS = feature_index("coupon_redeem_count_90d")
_IRREGULAR = feature_index("gap_irregularity_bp")
_VIEWS = feature_index("browse_count_30d")


def _share(value: float, middle: float) -> float:
    """From 0 to 1, a half at `middle`."""
    return value / (value + middle) if value > 0 else 0.0


def traits_of(features: Sequence[int]) -> list[float]:
    """A member's traits, each from 0 to 1, in the order of `TRAITS`."""
    return [
        _share(features[_VISITS], 4.0),
        _share(features[_SPEND], 30_000.0),
        _share(features[_BASKET], 3_000.0),
        1.0 - _share(features[_RECENCY] / DAY_MS, 14.0),
        _share(features[_ENTROPY], 1_500.0),
        features[_WEEKEND] / _BP,
        features[_MORNING] / _BP,
        features[_EVENING] / _BP,
        _share(features[_COUPONS], 2.0),
        1.0 - _share(features[_IRREGULAR], 10_000.0),
        _share(features[_VIEWS], 20.0),
    ]


class Portrait:
    """Clusters of members, learned from vectors as they come."""

    def __init__(self) -> None:
        self._first: list[list[float]] = []
        self._centroids: Floats = np.zeros((0, len(TRAITS)))
        self._halves: Floats = np.zeros(0)  # of the centroids' squared lengths
        self._counts = [0] * CLUSTERS
        self._means: Floats = np.zeros(2 * len(TRAITS))  # of all traits, then of their squares
        self._names = [""] * CLUSTERS
        self._published: Portrayed | None = None
        self.examples = 0

    def learn(self, features: Sequence[int]) -> None:
        """Learn from a member's vector."""
        self.examples += 1
        traits = traits_of(features)
        if not len(self._centroids):
            self._first.append(traits)
            if len(self._first) == _SEEDS:
                self._seed()
            return
        both = np.array(traits + list(map(mul, traits, traits)))
        row = both[: len(traits)]
        # The nearest centroid, by squares of distances without what they have in common: |c - row|^2 / 2 - |row|^2 / 2.
        nearest = int((self._halves - self._centroids.dot(row)).argmin())
        self._counts[nearest] += 1
        centroid = self._centroids[nearest]
        centroid -= (centroid - row) / min(self._counts[nearest], _MEMORY)
        self._halves[nearest] = centroid.dot(centroid) / 2
        self._means += (both - self._means) * (1.0 / min(self.examples, _MEMORY * CLUSTERS))

    def _seed(self) -> None:
        rows = np.array(sorted(self._first))
        self._first = []
        slices = np.split(rows, CLUSTERS)
        self._centroids = np.stack([part.mean(axis=0) for part in slices])
        self._counts = [len(part) for part in slices]
        self._halves = (self._centroids * self._centroids).sum(axis=1) / 2
        self._means = np.concatenate((rows.mean(axis=0), (rows * rows).mean(axis=0)))

    def publish(self) -> Portrayed | None:
        """The portrait, if it is another one than that published last."""
        if not len(self._centroids):
            return None
        mean, square = np.split(self._means, 2)
        spread = np.sqrt(np.maximum(square - mean * mean, 1e-6))
        salience = ((self._centroids - mean) / spread).tolist()
        self._names = [_name(each, before) for each, before in zip(salience, self._names, strict=True)]
        total = sum(self._counts)
        portrait = Portrayed(
            examples=self.examples,
            clusters=tuple(
                Cluster(
                    id=place + 1,
                    name=self._names[place],
                    share_bp=self._counts[place] * _BP // total,
                    centroid_milli=tuple(round(value * _MILLI) for value in centroid),
                )
                for place, centroid in enumerate(self._centroids.tolist())
            ),
        )
        if self._published is not None and _is_near(self._published, portrait):
            return None
        self._published = portrait
        return portrait


def _name(salience: Sequence[float], before: str) -> str:
    """The words that set a centroid apart; those it had, while they are among the first ones that do."""
    order = sorted(range(len(salience)), key=lambda trait: (-abs(salience[trait]), trait))
    words = [TRAITS[trait][salience[trait] < 0.0] for trait in order]
    if before and set(before.split(", ")) <= set(words[:_STILL_SALIENT]):
        return before
    return ", ".join(words[:_WORDS])


def _is_near(old: Portrayed, new: Portrayed) -> bool:
    return all(
        mine.name == other.name
        and all(abs(a - b) < _MOVED_MILLI for a, b in zip(mine.centroid_milli, other.centroid_milli, strict=True))
        for mine, other in zip(old.clusters, new.clusters, strict=True)
    )


def cluster_of(portrait: Portrayed, features: Sequence[int]) -> Cluster:
    """The cluster whose centroid is nearest to a member, in whole numbers: the same on every machine."""
    traits = [round(trait * _MILLI) for trait in traits_of(features)]

    def away(cluster: Cluster) -> tuple[int, int]:
        return sum((a - b) * (a - b) for a, b in zip(traits, cluster.centroid_milli, strict=True)), cluster.id

    return min(portrait.clusters, key=away)


def explain_portrait(portrait: Portrayed | None, features: Sequence[int], interests: Sequence[tuple[str, int]]) -> str:
    """A member's cluster, interests and habits in words.

    Example:
        >>> from features.vector import FEATURE_NAMES
        >>> print(explain_portrait(None, [0] * len(FEATURE_NAMES), [("dairy", 7_500), ("wine", 2_500)]))
        Portrait: no cluster yet
          interests: dairy 75%, wine 25%
    """
    lines = ["Portrait: no cluster yet"]
    if portrait is not None:
        cluster = cluster_of(portrait, features)
        lines = [f"Portrait: cluster {cluster.id} ({cluster.name}), {cluster.share_bp // 100}% of members"]
    if interests:
        lines.append("  interests: " + ", ".join(f"{name} {share_bp // 100}%" for name, share_bp in interests[:4]))
    habits = (("at weekends", _WEEKEND), ("in the morning", _MORNING), ("in the evening", _EVENING))
    shown = [f"{features[place] // 100}% {words}" for words, place in habits if features[place]]
    if shown:
        lines.append("  buys " + ", ".join(shown))
    return "\n".join(lines)
