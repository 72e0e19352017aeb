"""Recommendations: what stands first, what is left out, and how the mixture is chosen."""

from features.event_time import DAY_MS
from loyalty.policy import Recommendations
from online_models.mixing import MIXTURES, Mixer
from online_models.recommended import Recommended
from online_models.recommending import Recommender
from online_models.sightings import Basket, BasketLine

RULES = Recommendations(enabled=True, length=5)
CROWD = ("milk", "bread", "eggs", "bananas")


def bought(member: str, day: int, *items: str, tier: str = "member") -> Basket:
    lines = tuple(BasketLine(item, item[0]) for item in items)
    return Basket(member=member, time_ms=day * DAY_MS, tier=tier, lines=lines)


def taught(days: int = 60) -> Recommender:
    """A crowd that buys the same, and one member who buys tea every week and once bought a kettle."""
    recommender = Recommender()
    for day in range(days):
        for number in range(5):
            recommender.learn(bought(f"crowd-{number}", day, *CROWD), 10 * day + number, RULES)
        if day % 7 == 0:
            extra = ("kettle",) if day == 0 else ()
            recommender.learn(bought("anne", day, "tea", *extra), 10 * day + 9, RULES)
    return recommender


def ids(recommended: Recommended) -> list[str]:
    return [line.id for line in recommended.items]


def test_what_a_member_buys_again_and_again_stands_before_what_was_bought_once_and_what_others_buy() -> None:
    found = ids(taught().recommend("anne", 6))
    assert found[0] == "tea"
    assert set(found) == {"tea", "kettle", *CROWD}


def test_a_member_nobody_knows_gets_what_is_popular() -> None:
    recommended = taught().recommend("stranger", 4)
    assert set(ids(recommended)) == set(CROWD)
    assert {line.own_micro for line in recommended.items} == {0}


def test_only_what_is_available_is_recommended_even_if_it_is_not_popular() -> None:
    recommender = taught()
    assert ids(recommender.recommend("anne", 5, ["milk", "tea", "saffron"])) == ["tea", "milk", "saffron"]
    assert ids(recommender.recommend("anne", 5, [])) == []


def test_what_is_popular_fades() -> None:
    recommender = taught(30)
    for day in range(200, 230):
        for number in range(5):
            recommender.learn(bought(f"crowd-{number}", day, "ice"), 10 * day + number, RULES)
    assert ids(recommender.recommend("stranger", 1)) == ["ice"]


def test_categories_follow_the_members_taste() -> None:
    categories = [line.id for line in taught().recommend("anne", 3).categories]
    assert categories[0] == "t"


def test_each_recommendation_says_what_became_of_the_one_before() -> None:
    recommender = Recommender()
    first = recommender.learn(bought("anne", 0, "tea"), 5, RULES)
    second = recommender.learn(bought("anne", 7, "tea"), 9, RULES)
    third = recommender.learn(bought("anne", 14, "salt"), 12, RULES)
    assert first.settled is None
    assert second.settled is not None
    assert third.settled is not None
    assert (second.settled.example_offset, second.settled.mixture) == (5, first.mixture)
    assert (second.settled.reward_micro, third.settled.reward_micro) == (1_000_000, 0)


def test_the_propensities_of_a_segments_mixtures_are_those_they_are_drawn_with() -> None:
    mixer = Mixer()
    for _ in range(50):
        mixer.learn("gold/few", "content", 0.9)
    draws = [mixer.draw("gold/few", f"{number}/anne", 4_000) for number in range(4_000)]
    chances = dict(draws)
    assert sum(chances[mixture] for mixture in MIXTURES) == 10_000
    for mixture, chance_bp in chances.items():
        drawn = sum(name == mixture for name, _ in draws)
        assert abs(drawn / len(draws) - chance_bp / 10_000) < 0.03


def test_segments_learn_apart() -> None:
    mixer = Mixer()
    for _ in range(50):
        mixer.learn("gold/few", "content", 0.9)
        mixer.learn("gold/many", "habit", 0.9)
    assert (mixer.best("gold/few"), mixer.best("gold/many")) == ("content", "habit")


def test_the_tier_and_the_experience_make_the_segment() -> None:
    recommender = Recommender()
    made = [recommender.learn(bought("anne", day, "tea", tier="gold"), day, RULES) for day in range(30)]
    assert [recommended.segment for recommended in made][::10] == ["gold/few", "gold/some", "gold/many"]
