"""What the trainer finds out beside weights: waves, copies, verdicts, portraits, offers.

A finding is a function of the examples topic up to its `example_offset`, findings are numbered from 0 without gaps, and
each carries what it rests on: whoever has the examples can check it. All numbers are integers.
"""

from typing import Literal

import msgspec

from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict
from online_models.offer_findings import Chosen, OffersJudged

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
    """The clusters of members, learned from so many examples, every third. It decides nothing."""

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


class OfferFinding(_Numbered, frozen=True, kw_only=True):
    """A choice of an offer with its place."""

    chosen: Chosen


class OffersFinding(_Numbered, frozen=True, kw_only=True):
    """What offers are worth, with its place."""

    judged: OffersJudged


Finding = WaveFinding | CopyFinding | VerdictFinding | PortraitFinding | OfferFinding | OffersFinding
Found = Wave | Copied | Judged | Portrayed | Chosen | OffersJudged


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
        case Chosen():
            return OfferFinding(number=number, example_offset=example_offset, log_time_ms=log_time_ms, chosen=found)
        case OffersJudged():
            return OffersFinding(number=number, example_offset=example_offset, log_time_ms=log_time_ms, judged=found)


def addressed_of(finding: Finding, member: str) -> Verdict | Offer | None:
    """The control record's content that a finding leads to, addressed to the member behind the pseudonym, if any."""
    match finding:
        case VerdictFinding(judged=judged):
            return Verdict(
                member=member,
                verdict=judged.verdict,
                score=judged.score,
                reason=judged.reason,
                example_offset=finding.example_offset,
                log_time_ms=finding.log_time_ms,
            )
        case OfferFinding(chosen=chosen) if chosen.offer:
            return Offer(member, chosen.offer, finding.example_offset, finding.log_time_ms)
        case _:
            return None
