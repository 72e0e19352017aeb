"""Findings on the wire: the events of `loyalty.findings`."""

import msgspec

from online_models.findings import (
    CopyFinding,
    Finding,
    OfferFinding,
    OffersFinding,
    PortraitFinding,
    VerdictFinding,
    WaveFinding,
)

WAVE_TYPE = "loyalty.finding.wave"
COPY_TYPE = "loyalty.finding.copy"
VERDICT_TYPE = "loyalty.finding.verdict"
PORTRAIT_TYPE = "loyalty.finding.portrait"
OFFER_TYPE = "loyalty.finding.offer"
OFFERS_TYPE = "loyalty.finding.offers"


class _OnTheWire(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """CloudEvents attributes of a finding."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"


class WaveEvent(_OnTheWire, frozen=True, kw_only=True, tag=WAVE_TYPE):
    """A wave of discontent, on the wire."""

    data: WaveFinding


class CopyEvent(_OnTheWire, frozen=True, kw_only=True, tag=COPY_TYPE):
    """A copied text, on the wire."""

    data: CopyFinding


class VerdictEvent(_OnTheWire, frozen=True, kw_only=True, tag=VERDICT_TYPE):
    """A verdict on conduct, on the wire; what decides is the control record that follows from it."""

    data: VerdictFinding


class PortraitEvent(_OnTheWire, frozen=True, kw_only=True, tag=PORTRAIT_TYPE):
    """A portrait of the members, on the wire; the newest one holds."""

    data: PortraitFinding


class OfferEvent(_OnTheWire, frozen=True, kw_only=True, tag=OFFER_TYPE):
    """What a member is offered, on the wire; what decides is the control record that follows from it."""

    data: OfferFinding


class OffersEvent(_OnTheWire, frozen=True, kw_only=True, tag=OFFERS_TYPE):
    """What offers are worth, on the wire; the newest one holds."""

    data: OffersFinding


FINDING_EVENTS = (WaveEvent, CopyEvent, VerdictEvent, PortraitEvent, OfferEvent, OffersEvent)
"""The events of the findings topic."""

_Event = WaveEvent | CopyEvent | VerdictEvent | PortraitEvent | OfferEvent | OffersEvent
_DECODER = msgspec.json.Decoder(_Event)


def encode_finding(finding: Finding) -> bytes:
    """Encode a finding; the same finding always gives the same bytes."""
    name = f"finding-{finding.number}"
    match finding:
        case WaveFinding():
            return msgspec.json.encode(WaveEvent(id=name, data=finding))
        case CopyFinding():
            return msgspec.json.encode(CopyEvent(id=name, data=finding))
        case VerdictFinding():
            return msgspec.json.encode(VerdictEvent(id=name, data=finding))
        case PortraitFinding():
            return msgspec.json.encode(PortraitEvent(id=name, data=finding))
        case OfferFinding():
            return msgspec.json.encode(OfferEvent(id=name, data=finding))
        case OffersFinding():
            return msgspec.json.encode(OffersEvent(id=name, data=finding))


def decode_finding(raw: bytes) -> Finding:
    """Inverse of `encode_finding`.

    Raises:
        msgspec.ValidationError: not a finding.

    Example:
        >>> from online_models.findings import Judged, finding_of
        >>> judged = Judged(member="cc46", partition=0, verdict="hold", score=990, reason="busy", rates=())
        >>> finding = finding_of(judged, number=4, example_offset=17, log_time_ms=5)
        >>> decode_finding(encode_finding(finding)) == finding
        True
    """
    event: _Event = _DECODER.decode(raw)
    return event.data
