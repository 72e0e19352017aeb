"""Offers with known truth: the right one is found for each segment, a harmful one given up, and chances are honest."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.policy import parse_policy
from online_models import checkpoint
from online_models.chances import Belief, chances_bp, drawn
from online_models.examples import PolicyNotice, pseudonym
from online_models.findings import OfferFinding
from online_models.offer_findings import Chosen, OfferFigures
from online_models.offers import KEPT_SEGMENTS, OfferChooser
from online_models.sightings import Occasion, OccasionSighting, sighting_of
from online_models.training import Trainer
from tests.support.offered_world import (
    EVERYWHERE,
    MONTH_MS,
    TRUTH,
    Answer,
    OfferedWorld,
    policy_with,
    text_with,
    worth_milli,
)

ONE_OFFER = text_with({"bad": 15_000})
BELIEFS = st.lists(
    st.none() | st.builds(Belief, st.floats(-1_000, 1_000), st.floats(0.001, 1_000)), min_size=1, max_size=6
)


@pytest.fixture(scope="module")
def world() -> OfferedWorld:
    world = OfferedWorld(TRUTH, members=3_000)
    world.run(8)
    return world


def figures(world: OfferedWorld, offer: str) -> OfferFigures:
    return next(each for each in world.reports[-1].offers if each.offer == offer)


def restored(chooser: OfferChooser) -> OfferChooser:
    """The chooser as a checkpoint has it."""
    again = checkpoint.unpack(checkpoint.pack(chooser))
    assert isinstance(again, OfferChooser)
    return again


# What is learned


@pytest.mark.parametrize(("segment", "best"), [("member/few", "new"), ("member/many", "good")])
def test_each_segment_is_offered_what_is_best_for_it(world: OfferedWorld, segment: str, best: str) -> None:
    last = world.made[-1]
    of_segment = {offer: made for (where, offer), made in last.items() if where == segment}
    assert of_segment[best] > 0.8 * sum(of_segment.values())


def test_an_offer_that_costs_more_than_it_brings_is_given_up_and_made_no_more(world: OfferedWorld) -> None:
    assert not figures(world, "bad").is_on
    assert not any(offer == "bad" for _, offer in world.made[-1])
    assert figures(world, "good").is_on
    assert figures(world, "new").is_on


@pytest.mark.parametrize("offer", TRUTH)
def test_spend_points_and_value_are_the_truth_over_all_members_whoever_was_chosen(
    world: OfferedWorld, offer: str
) -> None:
    found = figures(world, offer)
    few, many = (TRUTH[offer][segment] for segment in EVERYWHERE)
    truths = ((few.spend_minor + many.spend_minor) / 2, (few.points + many.points) / 2)
    for truth, (effect, error) in zip(truths, (found.spend_milli, found.points_milli), strict=True):
        assert abs(effect / 1_000 - truth) < 4 * error / 1_000
    value, error = found.value_milli
    assert abs(value - worth_milli(offer)) < 4 * error


def test_it_is_worth_more_than_dealing_evenly(world: OfferedWorld) -> None:
    evenly = sum(worth_milli(offer) for offer in TRUTH) / 1_000 / (len(TRUTH) + 1)
    assert world.value_minor / len(world.chosen) > 3 * evenly


def test_what_does_no_harm_is_hardly_ever_given_up() -> None:
    worlds = [OfferedWorld({"nothing": dict.fromkeys(EVERYWHERE, Answer(0, 0))}, 500, seed) for seed in range(8)]
    for world in worlds:
        world.run(6)
    assert sum(figures(world, "nothing").is_on for world in worlds) >= 7


# Chances and draws


@given(BELIEFS, st.integers(100, 10_000))
def test_chances_add_up_to_one_and_none_is_below_its_floor(beliefs: list[Belief | None], explore_bp: int) -> None:
    chances = chances_bp(beliefs, explore_bp)
    assert sum(chances) == 10_000
    assert len(chances) == len(beliefs) + 1
    assert min(chances) >= explore_bp // (len(beliefs) + 1)


@given(st.floats(-100, 100), st.floats(0.1, 100), st.floats(0.1, 100))
def test_of_two_alike_but_for_their_mean_the_better_one_is_as_likely_at_least(
    mean: float, more: float, deviation: float
) -> None:
    _, worse, better = chances_bp([Belief(mean, deviation), Belief(mean + more, deviation)], 1_000)
    assert better >= worse


def test_draws_come_as_often_as_their_chance_says() -> None:
    chances = (1_000, 2_500, 6_500)
    counts = Counter(drawn(chances, f"{offset}/cc46") for offset in range(20_000))
    for place, chance in enumerate(chances):
        assert abs(counts[place] / 20_000 - chance / 10_000) < 0.01


def test_each_choice_is_logged_with_the_chances_it_was_drawn_by(world: OfferedWorld) -> None:
    late = [chosen for chosen in world.chosen if chosen.time_ms >= 6 * MONTH_MS]
    for segment in EVERYWHERE:
        own = [chosen for chosen in late if chosen.segment == segment]
        for offer, chance in own[-1].chances_bp:
            made = sum(chosen.offer == offer for chosen in own)
            assert abs(made / len(own) - chance / 10_000) < 0.04
    assert all(sum(dict(chosen.chances_bp).values()) == 10_000 for chosen in world.chosen)
    assert all(dict(chosen.chances_bp)[chosen.offer] > 0 for chosen in world.chosen)


def test_members_of_the_hold_out_are_never_offered_anything(world: OfferedWorld) -> None:
    held_out = {pseudonym(f"m-{number}") for number in range(3_000) if world.held_out(number)}
    assert held_out.isdisjoint(chosen.member for chosen in world.chosen)
    assert figures(world, "good").held_out == 600 * 8


# Guards


def test_while_learning_is_frozen_nobody_is_offered_anything_and_nothing_is_learned_of_it() -> None:
    other = OfferedWorld(TRUTH, members=100)
    other.run(2, frozen=True)
    assert other.chosen == []
    assert all((each.made, each.held_out) == (0, 0) for each in other.reports[-1].offers)


def test_what_was_given_up_comes_back_only_when_the_policy_changes_it() -> None:
    world = OfferedWorld({"bad": dict.fromkeys(EVERYWHERE, Answer(0, 500))}, members=1_500)
    world.run(4)
    assert not figures(world, "bad").is_on

    def after(old: str, new: str) -> OfferFigures:
        chooser = restored(world.chooser)
        assert old in ONE_OFFER
        policy = parse_policy(ONE_OFFER.replace(old, new), "edited.toml")
        chooser.adopt(policy)
        judged = chooser.end_epoch(policy)
        assert judged is not None
        return judged.offers[0]

    for old, new in (("1_000_000", "2_000_000"), ("2019-01-01", "2020-01-01"), ("Corner shop", "Corner store")):
        assert not after(old, new).is_on
    for old, new in (("15_000", "12_000"), ("margin_bp = 5_000", "margin_bp = 6_000")):
        fresh = after(old, new)
        assert (fresh.is_on, fresh.made, fresh.is_known) == (True, 0, False)


def test_a_policy_without_offers_has_nothing_to_say_of_them() -> None:
    world = OfferedWorld(TRUTH, members=10)
    policy = parse_policy(ONE_OFFER.split("[offers]", maxsplit=1)[0], "none.toml")
    world.chooser.adopt(policy)
    assert world.chooser.end_epoch(policy) is None
    assert world.chooser.choose(world.occasion("m-1", 1, 0), 0, policy, frozen=False) is None


# Memory, and going on


def test_what_is_remembered_is_bounded_and_a_sample_of_members_is_measured_still() -> None:
    policy = policy_with(dict.fromkeys(TRUTH, 15_000))
    chooser = OfferChooser(kept_choices=100)
    chooser.adopt(policy)
    world = OfferedWorld(TRUTH, members=1)
    for number in range(2_000):
        chooser.choose(world.occasion(f"m-{number}", number, number), number, policy, frozen=False)
        assert len(chooser._choices) <= 100
    assert len(chooser._choices) >= 10
    judged = chooser.end_epoch(policy)
    assert judged is not None
    assert judged.measured_share_bp < 1_000
    assert {each.made > 300 for each in judged.offers} == {True}


def test_outcomes_that_never_come_do_not_take_the_room_of_those_that_will() -> None:
    policy = policy_with(dict.fromkeys(TRUTH, 15_000))
    chooser = OfferChooser(kept_choices=100)
    chooser.adopt(policy)
    world = OfferedWorld(TRUTH, members=1)
    for number in range(600):
        time_ms = number * MONTH_MS // 20
        chooser.choose(world.occasion(f"m-{number}", number, time_ms), number, policy, frozen=False)
    assert chooser._halvings == 0


def test_segments_are_bounded() -> None:
    policy = policy_with(dict.fromkeys(TRUTH, 15_000))
    chooser = OfferChooser()
    chooser.adopt(policy)
    chosen = []
    for number in range(2 * KEPT_SEGMENTS):
        seen = Occasion(member="cc46", time_ms=number, tier=f"tier-{number}", purchases=0, offers=("good",))
        sighting = sighting_of(seen, 0, number, number)
        assert isinstance(sighting, OccasionSighting)
        chosen.append(chooser.choose(sighting, number, policy, frozen=False))
    assert len({each.segment for each in chosen if each is not None}) == KEPT_SEGMENTS + 1


def test_restored_half_way_it_goes_on_to_the_same_choices() -> None:
    def run(*, stops: bool) -> list[Chosen]:
        world = OfferedWorld(TRUTH, members=300)
        world.run(2)
        if stops:
            world.chooser = restored(world.chooser)
        world.run(3)
        return world.chosen

    assert run(stops=True) == run(stops=False)


@pytest.mark.parametrize(("frozen", "calm_epochs", "found"), [("false", 0, 1), ("true", 0, 0), ("false", 2, 0)])
def test_the_trainer_chooses_unless_it_is_frozen_by_the_operator_or_after_a_drift(
    frozen: str, calm_epochs: int, found: int
) -> None:
    trainer = Trainer()
    trainer._calm_epochs = calm_epochs
    trainer.learn(PolicyNotice(version=1, text=ONE_OFFER.replace("[offers]", f"frozen = {frozen}\n[offers]")), 0)
    seen = Occasion(member=pseudonym("m-1"), time_ms=0, tier="member", purchases=3, offers=("bad",))
    trainer.learn(sighting_of(seen, 0, 0, 5), 1)
    assert [type(finding) for finding in trainer.findings] == [OfferFinding] * found
