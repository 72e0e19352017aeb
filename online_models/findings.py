"""What the trainer finds out beside weights: waves, copied texts, verdicts, portraits. Events of `loyalty.findings`.

A finding is a function of the examples topic up to its `example_offset`, findings are numbered from 0 without gaps, and
each carries what it rests on: whoever has the examples can check it. All numbers are integers.
"""

from typing import Literal

import msgspec

from loyalty.verdicts import Verdict

WAVE_TYPE = "loyalty.finding.wave"
COPY_TYPE = "loyalty.finding.copy"
VERDICT_TYPE = "loyalty.finding.verdict"
PORTRAIT_TYPE = "loyalty.finding.portrait"

MICRO = 1_000_000


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint: the example that carried it, its stars, and how its text begins."""

    example: str
    stars: int
    excerpt: str


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """More discontent than usual in `(from_ms, until_ms]`; `about` is empty for opinions of all kinds.

    `count` complaints, where `usual_micro` / 1,000,000 are to be expected. `examples` names all that were counted, the
    newest 200 of them, and `quotes` the newest few.
    """

    about: str
    from_ms: int
    until_ms: int
    count: int
    members: int
    usual_micro: int
    examples: tuple[str, ...]
    quotes: tuple[Quote, ...]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """A text that repeats another: the examples that carried both, their writers, the share in common."""

    member: str
    example: str
    of_member: str
    of_example: str
    similarity_bp: int


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict on a member's conduct, and the rates that it rests on, by name."""

    member: str
    partition: int
    verdict: Literal["hold", "release"]
    score: int
    reason: str
    rates: tuple[tuple[str, int], ...]


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of members. `id` stays, `name` says what sets it apart, `centroid_milli` is by `portrait.TRAITS`."""

    id: int
    name: str
    share_bp: int
    centroid_milli: tuple[int, ...]


class Portrayed(msgspec.Struct, frozen=True, kw_only=True):
    """The clusters of members, learned from so many examples. It decides nothing."""

    examples: int
    clusters: tuple[Cluster, ...]


class _Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """Place of a finding among the findings, and the example that completed it."""

    number: int
    example_offset: int
    log_time_ms: int


class WaveFinding(_Numbered, frozen=True, kw_only=True):
    """A wave with its place."""

    wave: Wave


class CopyFinding(_Numbered, frozen=True, kw_only=True):
    """A copied text with its place."""

    copied: Copied


class VerdictFinding(_Numbered, frozen=True, kw_only=True):
    """A verdict with its place."""

    judged: Judged


class PortraitFinding(_Numbered, frozen=True, kw_only=True):
    """A portrait with its place."""

    portrait: Portrayed


Finding = WaveFinding | CopyFinding | VerdictFinding | PortraitFinding
Found = Wave | Copied | Judged | Portrayed


class WaveEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=WAVE_TYPE):
    """A wave of discontent, on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: WaveFinding


class CopyEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=COPY_TYPE):
    """A copied text, on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: CopyFinding


class VerdictEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=VERDICT_TYPE):
    """A verdict on conduct, on the wire; what decides is the control record that follows from it."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: VerdictFinding


class PortraitEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=PORTRAIT_TYPE):
    """A portrait of the members, on the wire; the newest one holds."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: PortraitFinding


FINDING_EVENTS = (WaveEvent, CopyEvent, VerdictEvent, PortraitEvent)
"""The events of the findings topic."""

_Event = WaveEvent | CopyEvent | VerdictEvent | PortraitEvent
_DECODER = msgspec.json.Decoder(_Event)


def finding_of(found: Found, number: int, example_offset: int, log_time_ms: int) -> Finding:
    """Give what was found its place."""
    match found:
        case Wave():
            return WaveFinding(number=number, example_offset=example_offset, log_time_ms=log_time_ms, wave=found)
        case Copied():
            return CopyFinding(number=number, example_offset=example_offset, log_time_ms=log_time_ms, copied=found)
        case Judged():
            return VerdictFinding(number=number, example_offset=example_offset, log_time_ms=log_time_ms, judged=found)
        case Portrayed():
            return PortraitFinding(
                number=number, example_offset=example_offset, log_time_ms=log_time_ms, portrait=found
            )


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


def decode_finding(raw: bytes) -> Finding:
    """Inverse of `encode_finding`.

    Raises:
        msgspec.ValidationError: not a finding.

    Example:
        >>> judged = Judged(member="cc46", partition=0, verdict="hold", score=990, reason="busy", rates=())
        >>> finding = finding_of(judged, number=4, example_offset=17, log_time_ms=5)
        >>> decode_finding(encode_finding(finding)) == finding
        True
    """
    event: _Event = _DECODER.decode(raw)
    return event.data


def verdict_of(finding: VerdictFinding, member: str) -> Verdict:
    """The control record's content that a finding leads to, addressed to the member behind the pseudonym."""
    return Verdict(
        member=member,
        verdict=finding.judged.verdict,
        score=finding.judged.score,
        reason=finding.judged.reason,
        example_offset=finding.example_offset,
        log_time_ms=finding.log_time_ms,
    )
