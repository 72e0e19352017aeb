"""What the trainer reads: matured examples, sightings and policy notices, on the topic `loyalty.examples`.

The trainer's configuration travels in its own log, as a partition's does: a partition that adopts a policy sends a
notice into the same topic. So all that the trainer publishes is a function of the examples topic and nothing else.

Example:
    >>> raw = encode_record(PolicyNotice(version=2, text="[programme]"))
    >>> decode_record(raw)
    PolicyNotice(version=2, text='[programme]')
"""

from hashlib import blake2b

import msgspec

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES
from online_models.sightings import BasketEvent, ConductEvent, OccasionEvent, OpinionEvent, Sighting, event_of

EXAMPLE_TYPE = "loyalty.example.matured"
NOTICE_TYPE = "loyalty.example.policy"

# 64 bits: two of a hundred million members meet with a chance of 0.03%, and then they only share a jackknife group.
_PSEUDONYM_BYTES = 8

WEEK_MS = 7 * DAY_MS
"""The shorter of the two spans that a label looks ahead."""

TABLE = blake2b(",".join(FEATURE_NAMES).encode(), digest_size=4, person=b"ts-table").hexdigest()
"""Mark of the feature table in use: vectors mean something only beside it."""


class Outcome(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A prediction moment of one member, with what came of it.

    `features` is the whole feature vector as it stood at `predicted_at_ms`, `features_after` as it stood when the
    horizon had passed; both in the order of `features.table.FEATURES`, whose mark is `table`. `label_spend_minor` is
    the spend with event time in `(predicted_at_ms, matured_at_ms]`, refunds taken off, `label_week_minor` that of its
    first seven days (of all of it, where the horizon is shorter). `label_earned_points` and `label_redeemed_points` are
    what the member earned and spent on rewards in the span, `label_category` the main category of the first purchase in
    it, empty where there was none. `interests` (shares of categories), `earned_points` and `redeemed_points` (all since
    the first moment was drawn) stood beside the vector. `arm` is the member's in the trial, see `loyalty.trials`.
    `issued` tells, for each earning action, the points awarded before learned weights since `issued_from_ms`, the
    member's last outcome: over all outcomes each award counts once. `offer` is the newest offer that the
    member was made, where there is one, and the points that it has added to awards by `matured_at_ms`.
    """

    member: str
    predicted_at_ms: int
    matured_at_ms: int
    table: str
    features: tuple[int, ...]
    features_after: tuple[int, ...]
    label_spend_minor: int
    label_week_minor: int
    label_earned_points: int = 0
    label_redeemed_points: int = 0
    label_category: str = ""
    interests: tuple[tuple[str, int], ...] = ()
    earned_points: int = 0
    redeemed_points: int = 0
    arm: str = ""
    issued_from_ms: int
    issued: tuple[tuple[str, int], ...] = ()
    offer: tuple[str, int] | msgspec.UnsetType = msgspec.UNSET


class Example(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An outcome with its place in the log.

    `number` grows by one per example or sighting of a source partition, from 0.
    """

    partition: int
    number: int
    log_time_ms: int
    outcome: Outcome


class PolicyNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A partition has adopted this policy version. Every partition says so; only the first one counts."""

    version: int
    text: str


class ExampleEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=EXAMPLE_TYPE):
    """A matured example on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: Example


class NoticeEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=NOTICE_TYPE):
    """A policy notice on the wire."""

    specversion: str = "1.0"
    id: str
    source: str = "tierstream"
    data: PolicyNotice


EXAMPLE_EVENTS = (ExampleEvent, NoticeEvent, BasketEvent, OpinionEvent, ConductEvent, OccasionEvent)
"""The events of the examples topic."""

Record = Example | Sighting | PolicyNotice
"""What the trainer reads."""

_Event = ExampleEvent | NoticeEvent | BasketEvent | OpinionEvent | ConductEvent | OccasionEvent
_DECODER = msgspec.json.Decoder(_Event)


def pseudonym(member_id: str) -> str:
    """Stand-in for a member id in examples: the trainer must tell members apart, not know them.

    Example:
        >>> pseudonym("m-42")
        'cc4600b0c7d834b5'
    """
    return blake2b(member_id.encode(), digest_size=_PSEUDONYM_BYTES, person=b"ts-example").hexdigest()


def encode_record(record: Record) -> bytes:
    """Encode a record of the examples topic; the same record always gives the same bytes."""
    match record:
        case PolicyNotice():
            return msgspec.json.encode(NoticeEvent(id=f"policy-{record.version}", data=record))
        case Example():
            name = f"example-{record.partition}-{record.number}"
            return msgspec.json.encode(ExampleEvent(id=name, subject=record.outcome.member, data=record))
        case _:
            return msgspec.json.encode(event_of(record))


def decode_record(raw: bytes) -> Record:
    """Inverse of `encode_record`.

    Raises:
        msgspec.ValidationError: not a record of the examples topic.
    """
    event: _Event = _DECODER.decode(raw)
    return event.data
