"""What learns and is no linear model keeps the same promises as every learner."""

from typing import Any

import pytest

from features.event_time import DAY_MS
from features.table import FEATURES
from loyalty.policy import Misconduct, Opinions, Recommendations
from online_models.burn import BurnModel
from online_models.conduct import ConductWatch
from online_models.copies import CopyIndex
from online_models.examples import TABLE, Outcome, pseudonym
from online_models.habits import habit_row
from online_models.inputs import model_row
from online_models.model_checks import Subject, model_problems_of
from online_models.next_category import NextCategory
from online_models.odds_model import OddsModel
from online_models.opinions import OpinionDesk
from online_models.portrait import Portrait
from online_models.recommending import Recommender
from online_models.sightings import CONDUCT_SUMS, CONDUCT_TABLE, Basket, BasketLine, Conduct, Opinion
from online_models.stack import ValueStack
from online_models.waves import EVERYTHING, Complaint, WaveWatch, limits_of

HOUR_MS = 3_600_000
WORDS = ("good", "bad", "cheap", "broken", "fast", "slow", "很好", "太差", "card", "phone", "never", "again")


def text_of(number: int) -> str:
    """A made-up text; its words follow from its number."""
    return " ".join(WORDS[(number * step + step * step) % len(WORDS)] + str(number % 7) for step in range(1, 12))


def teach_copies(index: CopyIndex, number: int) -> object:
    return index.add(f"m-{number % 9}", str(number), text_of(number) + f" and then {number * 7919 % 10_007}")


def teach_waves(watch: WaveWatch, number: int) -> object:
    complaint = Complaint(number, f"m-{number % 50}", str(number), 1, "bad") if number % 3 == 0 else None
    return watch.update(f"p-{number % 40}", complaint, number * HOUR_MS // 4, limits_of(24, 8, 30_000))


def teach_opinions(desk: OpinionDesk, number: int) -> object:
    opinion = Opinion(
        member=f"m-{number % 50}",
        time_ms=number * HOUR_MS,
        kind="review",
        stars=1 + number % 5,
        text=text_of(number % 60),
        helpful_votes=number % 2,
        about=f"p-{number % 5}",
    )
    return list(desk.read(opinion, str(number), number * HOUR_MS, Opinions()))


def teach_conduct(watch: ConductWatch, number: int) -> object:
    sums = tuple(
        (number * (place + 3)) % (7 + place) * (100 if number % 97 == 0 else 1) for place in range(len(CONDUCT_SUMS))
    )
    conduct = Conduct(
        member=f"m-{number % 300}",
        time_ms=number * HOUR_MS,
        table=CONDUCT_TABLE,
        sums=sums,
        joined_ms=0,
        pending_points=1,
        pardoned=number % 101 == 0,
    )
    return list(watch.judge(conduct, 0, number * HOUR_MS, Misconduct(min_sightings=100)))


def teach_baskets(recommender: Recommender, number: int) -> object:
    items = {(number * step * step + step) % 97 for step in range(1, 6)}
    lines = tuple(BasketLine(f"p-{item}", f"c-{item % 9}") for item in sorted(items))
    basket = Basket(member=f"m-{number * 7 % 60}", time_ms=number * HOUR_MS, tier="gold", lines=lines)
    return recommender.learn(basket, number, Recommendations(enabled=True, explore_bp=5_000))


def matured(number: int) -> Outcome:
    """The n-th outcome, one an hour: features, interests and labels follow from its number."""
    features = tuple((number * step) % 997 * (step % 5) for step in range(1, len(FEATURES) + 1))
    return Outcome(
        member=pseudonym(f"m-{number % 50}"),
        predicted_at_ms=number * HOUR_MS - 30 * DAY_MS,
        matured_at_ms=number * HOUR_MS,
        table=TABLE,
        features=features,
        features_after=features,
        label_spend_minor=number % 5_000,
        label_week_minor=number % 3,
        label_earned_points=number % 70,
        label_redeemed_points=number % 30,
        label_category=WORDS[number % 11],
        interests=((WORDS[number % 5], 6_000), (WORDS[5 + number % 6], 4_000)),
        issued_from_ms=0,
    )


def teach_value(stack: ValueStack, number: int) -> object:
    outcome = matured(number)
    row = model_row(outcome.features)
    return stack.learn(row, outcome.label_spend_minor, outcome.predicted_at_ms, outcome.matured_at_ms)


def teach_chance(model: OddsModel, number: int) -> object:
    outcome = matured(number)
    row = habit_row(outcome.features)
    return model.learn(row, number % 3 % 2, outcome.predicted_at_ms, outcome.matured_at_ms)


MODELS: dict[str, Subject[Any]] = {
    "value": Subject(
        make=lambda: ValueStack(30),
        teach=teach_value,
        ask=lambda stack: stack.sheet_now(0).flat(),
        examples=1_000,
    ),
    "chances": Subject(
        make=lambda: OddsModel(7, 30), teach=teach_chance, ask=lambda model: model.figures(), examples=1_000
    ),
    "burn": Subject(
        make=lambda: BurnModel(30),
        teach=lambda model, number: model.learn(matured(number), number * HOUR_MS),
        ask=lambda model: model.figures(),
        examples=1_000,
    ),
    "next category": Subject(
        make=lambda: NextCategory(30),
        teach=lambda model, number: model.learn(matured(number), number * HOUR_MS),
        ask=lambda model: model.figures(),
        examples=3_000,
    ),
    "portrait": Subject(
        make=Portrait,
        teach=lambda portrait, number: portrait.learn(matured(number).features),
        ask=lambda portrait: portrait._centroids.tolist(),
        examples=500,
    ),
    "copies": Subject(
        make=lambda: CopyIndex(kept_texts=50),
        teach=teach_copies,
        ask=lambda index: len(index._kept),
        examples=200,
    ),
    "waves": Subject(
        make=WaveWatch,
        teach=teach_waves,
        ask=lambda watch: [
            watch._subjects[name].usual(HOUR_MS) for name in sorted(watch._subjects) if name != EVERYTHING
        ],
        examples=600,
    ),
    "conduct": Subject(
        make=lambda: ConductWatch(kept_members=100),
        teach=teach_conduct,
        ask=lambda watch: (watch.seen, sorted(watch._cases.items())),
        examples=500,
    ),
    "recommender": Subject(
        make=lambda: Recommender(kept_members=40, kept_items=60),
        teach=teach_baskets,
        ask=lambda recommender: [recommender.recommend(f"m-{member}", 5) for member in range(60)],
        examples=300,
    ),
    "opinions": Subject(
        make=lambda: OpinionDesk(kept_texts=50),
        teach=teach_opinions,
        ask=lambda desk: [(desk.texts.content(word), desk.texts.quality(word)) for word in WORDS],
        examples=120,
    ),
}


@pytest.mark.parametrize("subject", MODELS.values(), ids=MODELS.keys())
def test_every_model_keeps_every_promise(subject: Subject[Any]) -> None:
    assert model_problems_of(subject) == []
