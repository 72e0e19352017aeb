"""Burn rates and next categories: better than the member's own past where there is something to learn."""

from features.event_time import DAY_MS
from features.table import FEATURES
from features.vector import feature_index
from online_models.burn import BurnModel, burn_inputs, burn_rate
from online_models.examples import TABLE, Outcome, pseudonym
from online_models.next_category import NextCategory

HORIZON_MS = 30 * DAY_MS
HOUR_MS = DAY_MS // 24
REDEEMS = feature_index("redeem_count_90d")


def outcome(number: int, **changes: object) -> Outcome:
    """The n-th example, one an hour, of members in turn."""
    features = [0] * len(FEATURES)
    features[REDEEMS] = number % 4
    known: dict[str, object] = {
        "member": pseudonym(f"m-{number % 50}"),
        "predicted_at_ms": number * HOUR_MS - HORIZON_MS,
        "matured_at_ms": number * HOUR_MS,
        "table": TABLE,
        "features": tuple(features),
        "features_after": tuple(features),
        "label_spend_minor": 1_000,
        "label_week_minor": 0,
        "issued_from_ms": 0,
    }
    return Outcome(**(known | changes))  # type: ignore[arg-type]  # the changes are those of the fields


def burning(number: int, *, since: int = 10**9) -> Outcome:
    """Who redeemed often burns a quarter per redemption; from `since` on, everybody burns all."""
    redeemed = 100 if number >= since else 25 * (number % 4)
    return outcome(
        number, label_earned_points=100, label_redeemed_points=redeemed, earned_points=1_000, redeemed_points=500
    )


def test_the_rate_is_learned_where_a_members_past_does_not_tell_it() -> None:
    model = BurnModel(30)
    for number in range(6_000):
        model.learn(burning(number), number * HOUR_MS)
    figures = model.figures()

    assert not figures.falls_back
    assert figures.loss_micro < figures.static_loss_micro / 2  # the first month, when the rule answers alone, is in it
    assert abs(figures.predicted_share_ppm - figures.realised_share_ppm) < 50_000


def test_a_change_of_everybodys_rate_is_followed() -> None:
    model = BurnModel(30)
    for number in range(3_000):
        model.learn(burning(number), number * HOUR_MS)
    for number in range(3_000, 9_000):
        model.learn(burning(number, since=3_000), number * HOUR_MS)

    answer = model.learn(burning(9_000, since=3_000), 9_000 * HOUR_MS)
    assert answer is not None
    assert abs(answer - 1.0) < 0.1


def test_who_earned_and_redeemed_nothing_has_no_rate() -> None:
    assert BurnModel(30).learn(outcome(1), HOUR_MS) is None


def test_nothing_of_the_label_is_among_the_inputs() -> None:
    """The leak test: whatever comes of it, the inputs of a prediction moment are the same."""
    without = burn_inputs(outcome(7))

    assert burn_inputs(outcome(7, label_earned_points=9, label_redeemed_points=5, label_spend_minor=1)) == without
    assert burn_rate(5, 9) > 0


def bought(number: int) -> Outcome:
    """Members know wine and dairy; what comes next is what they like less, and popular is neither."""
    likes = (("wine", 7_000), ("dairy", 3_000)) if number % 2 else (("dairy", 7_000), ("wine", 3_000))
    return outcome(number, interests=likes, label_category=likes[1][0] if number % 3 else "bread")


def test_the_next_category_is_learned_where_it_is_not_the_favourite() -> None:
    model = NextCategory(30)
    for number in range(6_000):
        model.learn(bought(number + number // 3), number * HOUR_MS)
    figures = model.figures()

    assert not figures.falls_back
    assert figures.loss_micro < figures.own_loss_micro
    assert figures.hits_bp > figures.own_hits_bp


def test_the_category_is_named_by_the_sheet_of_the_examples_own_time() -> None:
    """The leak test: before anything was written down a horizon ago, nothing is named and nothing judged."""
    model = NextCategory(30)
    for number in range(30 * 24 - 1):
        assert model.learn(bought(number), number * HOUR_MS) is None

    assert model.figures().examples == 0
