"""Recommendations as they are published on `loyalty.recommendations`, newest per member; all numbers are integers."""

import msgspec

from online_models.mixing import Mixture

RECOMMENDATION_TYPE = "loyalty.recommendation"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An item or category: its score in millionths of a basket, and how much of it is the member's own habit."""

    id: str
    score_micro: int
    own_micro: int


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the member's recommendation before: its NDCG in the basket that followed, in millionths."""

    example_offset: int
    mixture: Mixture
    propensity_bp: int
    reward_micro: int


class Recommended(msgspec.Struct, frozen=True, kw_only=True):
    """A recommendation: best first, the mixture it was made by, and the chance that this mixture had."""

    member: str
    segment: str
    mixture: Mixture
    propensity_bp: int
    items: tuple[Line, ...]
    categories: tuple[Line, ...]
    settled: Settled | None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A recommendation with its place in the log: the basket that led to it, and its partition."""

    example_offset: int
    log_time_ms: int
    partition: int
    recommended: Recommended


class RecommendationEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=RECOMMENDATION_TYPE):
    """A recommendation on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: Recommendation


def encode_recommendation(recommendation: Recommendation) -> bytes:
    """Encode a recommendation; the same one always gives the same bytes."""
    event = RecommendationEvent(id=f"recommendation-{recommendation.example_offset}", data=recommendation)
    return msgspec.json.encode(event)
