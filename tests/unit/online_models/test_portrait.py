"""Clusters of members: found where they are, the same ones from day to day, named for what sets them apart."""

import random

from features.event_time import DAY_MS
from features.table import FEATURES
from features.vector import feature_index
from online_models.portrait import CLUSTERS, TRAITS, Portrait, cluster_of, explain_portrait, traits_of

VECTOR = (0,) * len(FEATURES)
KINDS = (
    {"purchase_count_30d": 1, "spend_minor_90d": 3_000, "recency_purchase_ms": 40 * DAY_MS},
    {"purchase_count_30d": 4, "spend_minor_90d": 30_000, "weekend_share_bp": 9_000},
    {"purchase_count_30d": 12, "spend_minor_90d": 300_000, "evening_share_bp": 9_000},
)


def member(number: int, rng: random.Random) -> tuple[int, ...]:
    """Features of one of three kinds of members, a little different each time."""
    vector = list(VECTOR)
    for name, value in KINDS[number % len(KINDS)].items():
        vector[feature_index(name)] = round(value * rng.uniform(0.8, 1.2))
    return tuple(vector)


def learned(examples: int, portrait: Portrait | None = None, seed: int = 3) -> Portrait:
    rng = random.Random(seed)
    portrait = portrait or Portrait()
    for number in range(examples):
        portrait.learn(member(number, rng))
    return portrait


def test_members_of_a_kind_share_clusters_and_kinds_do_not() -> None:
    portrait = learned(3_000).publish()
    assert portrait is not None
    rng = random.Random(9)
    found = [{cluster_of(portrait, member(kind + 3 * i, rng)).id for i in range(50)} for kind in range(3)]

    assert not found[0] & found[1] | found[1] & found[2] | found[0] & found[2]


def test_names_say_what_sets_a_cluster_apart() -> None:
    portrait = learned(3_000).publish()
    assert portrait is not None
    names = [cluster_of(portrait, member(kind, random.Random(9))).name for kind in range(3)]

    assert "weekends" in names[1]
    assert "evenings" in names[2]
    assert "weekends" not in names[0] + names[2]
    assert all(len(name.split(", ")) == 2 for name in names)


def test_identities_and_names_stay_while_members_do() -> None:
    """What was published holds for ten times as many examples: nothing is published again."""
    portrait = learned(3_000)
    first = portrait.publish()
    learned(30_000, portrait, seed=4)

    assert first is not None
    assert [cluster.id for cluster in first.clusters] == list(range(1, CLUSTERS + 1))
    assert portrait.publish() is None


def test_before_there_are_members_enough_there_is_no_portrait() -> None:
    assert learned(100).publish() is None
    assert explain_portrait(None, VECTOR, ()) == "Portrait: no cluster yet"


def test_a_member_is_told_the_cluster_the_interests_and_the_habits() -> None:
    portrait = learned(3_000).publish()
    told = explain_portrait(portrait, member(1, random.Random(1)), (("dairy", 6_000), ("wine", 4_000)))

    assert "cluster" in told
    assert "interests: dairy 60%, wine 40%" in told
    assert "at weekends" in told


def test_traits_are_shares_whatever_the_features() -> None:
    for value in (0, 1, 10**12):
        assert all(0.0 <= trait <= 1.0 for trait in traits_of([min(value, 10_000)] * len(FEATURES)))
    assert len(traits_of(VECTOR)) == len(TRAITS)
