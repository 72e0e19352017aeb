"""The budget and the price of a point, by hand."""

from features.vector import feature_index
from online_models.issuance import Issuance, IssuanceBook
from tests.support.outcomes import AWARDS, World, outcomes

SPEND_30D = feature_index("spend_minor_30d")


def test_points_per_action_are_those_of_the_static_rule() -> None:
    book = IssuanceBook(tuple(AWARDS))
    for outcome in outcomes(World(members=60)):
        book.observe(outcome)

    for action, issuance in book.issuances().items():
        assert abs(issuance.points_per_action - AWARDS[action]) < 1e-9


def test_spend_per_point_is_a_months_spend_over_a_months_points() -> None:
    book = IssuanceBook(tuple(AWARDS))
    rows = list(outcomes(World(members=60)))
    for outcome in rows:
        book.observe(outcome)

    spend = sum(outcome.features_after[SPEND_30D] for outcome in rows)
    points = sum(points for outcome in rows for _, points in outcome.issued)
    assert abs(book.spend_per_point() - spend / points) < 1e-9


def test_fading_keeps_the_prices() -> None:
    book = IssuanceBook(tuple(AWARDS))
    for outcome in outcomes(World(members=60)):
        book.observe(outcome)
    before, price = book.issuances(), book.spend_per_point()

    book.fade()

    assert abs(book.spend_per_point() / price - 1.0) < 0.01
    for action, issuance in book.issuances().items():
        assert abs(issuance.points - 0.9 * before[action].points) <= 1
        assert abs(issuance.points_per_action / before[action].points_per_action - 1.0) < 0.01


def test_where_nothing_was_seen_nothing_is_issued() -> None:
    book = IssuanceBook(("purchase",))

    assert book.issuances() == {"purchase": Issuance(0, 0.0)}
    assert book.spend_per_point() == 0.0
