"""The feature vector: plain integers in the order of `table.FEATURES`, from window totals and first and last times."""

from collections.abc import Sequence
from typing import Final

from features.event_time import DAY_MS
from features.table import (
    ACTIVITY,
    ALL_TIME,
    BROWSE_MS,
    BROWSES,
    CAMPAIGNS,
    CART_ADDS,
    COUPONS,
    FEATURES,
    HELPFUL_VOTES,
    LOGINS,
    MONTH_WINDOW,
    PURCHASES,
    QUARTER_WINDOW,
    RATINGS,
    REFUNDED,
    REFUNDS,
    REVIEWS,
    SPEND,
)
from features.totals import WINDOWED_COUNT, total_at

FeatureVector = tuple[int, ...]
"""One value per entry of `table.FEATURES`, in its order."""

NEVER_MS: Final = 3_650 * DAY_MS
"""Recencies end here, ten years; it also stands for what never happened, so that longer ago is always more."""

NOT_YET_MS: Final = -(2**62)
"""The first or last time of something that has not happened: before every instant."""

BASIS_POINTS: Final = 10_000
HUNDREDTHS: Final = 100

FEATURE_NAMES: Final = tuple(feature.name for feature in FEATURES)

# What most members have, who view and review nothing where the programme sees it.
_NO_VIEWS: Final = (0, 0, 0)
_NO_REVIEWS: Final = (0, 0)

_INDEX: Final = {name: index for index, name in enumerate(FEATURE_NAMES)}
_PURCHASES_EVER: Final = total_at(ALL_TIME, PURCHASES)
_PURCHASES_90D: Final = total_at(QUARTER_WINDOW, PURCHASES)
_SPEND_90D: Final = total_at(QUARTER_WINDOW, SPEND)
_REFUNDED_90D: Final = total_at(QUARTER_WINDOW, REFUNDED)
_REFUNDS_EVER: Final = total_at(ALL_TIME, REFUNDS)
_COUPONS_90D: Final = total_at(QUARTER_WINDOW, COUPONS)
_CAMPAIGNS_90D: Final = total_at(QUARTER_WINDOW, CAMPAIGNS)
_VIEWS_30D: Final = total_at(MONTH_WINDOW, BROWSES)
_VIEW_MS_30D: Final = total_at(MONTH_WINDOW, BROWSE_MS)
_LOGINS_30D: Final = total_at(MONTH_WINDOW, LOGINS)
_CART_ADDS_30D: Final = total_at(MONTH_WINDOW, CART_ADDS)
_REVIEWS_EVER: Final = total_at(ALL_TIME, REVIEWS)
_RATINGS_EVER: Final = total_at(ALL_TIME, RATINGS)
_VOTES_EVER: Final = total_at(ALL_TIME, HELPFUL_VOTES)


def feature_index(name: str) -> int:
    """The place of a feature in the vector.

    Raises:
        KeyError: there is no such feature.

    >>> FEATURE_NAMES[feature_index("spend_minor_30d")]
    'spend_minor_30d'
    """
    return _INDEX[name]


def feature_vector(
    totals: Sequence[int],
    as_of_ms: int,
    first_ms: Sequence[int],
    last_ms: Sequence[int],
    fading: tuple[int, ...],
) -> FeatureVector:
    """All features at one instant.

    Args:
        totals: the sums, in the order of `features.totals`.
        as_of_ms: the instant; the totals are those of the windows that end there.
        first_ms: first times of the timed measures, `NOT_YET_MS` where there is none.
        last_ms: last times of the timed measures, likewise.
        fading: the last features, those of `features.interests`.
    """
    purchases_ever = totals[_PURCHASES_EVER]
    purchases_90d = totals[_PURCHASES_90D]
    spend_90d = totals[_SPEND_90D]
    refunded_90d = totals[_REFUNDED_90D]
    first_activity_ms = first_ms[ACTIVITY]
    silent_ms, unbought_ms = as_of_ms - last_ms[ACTIVITY], as_of_ms - last_ms[PURCHASES]
    refunds_ever = totals[_REFUNDS_EVER]
    campaigns_90d = totals[_CAMPAIGNS_90D]
    views_30d = totals[_VIEWS_30D]
    reviews_ever = totals[_REVIEWS_EVER]
    return (
        *totals[:WINDOWED_COUNT],
        silent_ms if silent_ms < NEVER_MS else NEVER_MS,  # noqa: FURB136 - a third of the time of a call
        unbought_ms if unbought_ms < NEVER_MS else NEVER_MS,  # noqa: FURB136 - likewise
        (as_of_ms - first_activity_ms) // DAY_MS if first_activity_ms != NOT_YET_MS else 0,
        (last_ms[PURCHASES] - first_ms[PURCHASES]) // (purchases_ever - 1) if purchases_ever > 1 else 0,
        spend_90d // purchases_90d if purchases_90d else 0,
        refunded_90d * BASIS_POINTS // (spend_90d + refunded_90d) if refunded_90d else 0,
        refunds_ever * BASIS_POINTS // (purchases_ever + refunds_ever) if refunds_ever else 0,
        min(BASIS_POINTS, totals[_COUPONS_90D] * BASIS_POINTS // campaigns_90d) if campaigns_90d else 0,
        *(_of_views(totals, views_30d) if views_30d else _NO_VIEWS),
        *(_of_reviews(totals, reviews_ever) if reviews_ever else _NO_REVIEWS),
        *fading,
    )


def _of_views(totals: Sequence[int], views_30d: int) -> tuple[int, int, int]:
    return (
        totals[_VIEW_MS_30D] // views_30d,
        views_30d * HUNDREDTHS // max(1, totals[_LOGINS_30D]),
        totals[_CART_ADDS_30D] * BASIS_POINTS // views_30d,
    )


def _of_reviews(totals: Sequence[int], reviews_ever: int) -> tuple[int, int]:
    return totals[_RATINGS_EVER] * HUNDREDTHS // reviews_ever, totals[_VOTES_EVER] * HUNDREDTHS // reviews_ever
