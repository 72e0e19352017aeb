"""What the trainer publishes: a weights version with the evidence for it."""

import msgspec

from loyalty.weights import Weights
from online_models.figures import ValueFigures
from online_models.tier_score import TermEvidence
from online_models.weights import ActionEvidence


class Evidence(msgspec.Struct, frozen=True):
    """All that a weights version rests on. All numbers are integers; units end the names.

    `examples` were learned from in all, `compared_examples` of them had a baseline to compare with. `from_ms` and
    `until_ms` are the first and last prediction moments among them.
    """

    policy_version: int
    epoch: int
    examples: int
    compared_examples: int
    from_ms: int
    until_ms: int
    spend_per_point_micro: int
    drift_alarms: int
    value: ValueFigures
    actions: tuple[ActionEvidence, ...]
    terms: tuple[TermEvidence, ...]


class PublishedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """A weights version; `example_offset` is the record of the examples topic that completed it."""

    example_offset: int
    log_time_ms: int
    weights: Weights
    evidence: Evidence

    @property
    def version(self) -> int:
        """The version of the weights."""
        return self.weights.version


class _PublishedEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="loyalty.weights.published"):
    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: PublishedWeights


_DECODER = msgspec.json.Decoder(_PublishedEvent)


def encode_published(published: PublishedWeights) -> bytes:
    """Encode for the weights topic; the same version always gives the same bytes.

    Example:
        >>> from loyalty.weights import STATIC
        >>> nothing = Evidence(1, 0, 0, 0, 0, 0, 0, 0, ValueFigures(0, 0, 0, 0, 0, 0), (), ())
        >>> published = PublishedWeights(example_offset=7, log_time_ms=0, weights=STATIC, evidence=nothing)
        >>> decode_published(encode_published(published)) == published
        True
    """
    return msgspec.json.encode(_PublishedEvent(id=f"weights-{published.version}", data=published))


def decode_published(raw: bytes) -> PublishedWeights:
    """Inverse of `encode_published`.

    Raises:
        msgspec.ValidationError: not a record of the weights topic.
    """
    return _DECODER.decode(raw).data
