"""The contract as documents: a JSON Schema for each event type and one AsyncAPI document, made from the types.

`python -m streams.schemas docs/contract` writes them; tests hold the checked-in files, the types and real messages to
each other.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast, get_args

import msgspec
import orjson

from features.actions import ACTION_TYPES
from loyalty.decisions import (
    NOTIFICATION_TYPE,
    POINTS_TYPE,
    TIER_TYPE,
    EntryKind,
    LedgerEntry,
    Notification,
    NotificationKind,
    TierChange,
    TierChangeKind,
)
from loyalty.draw_records import DRAW_RECORDS
from loyalty.effects import EFFECT_KINDS
from loyalty.liability import DayLine
from online_models.examples import EXAMPLE_EVENTS
from online_models.finding_events import FINDING_EVENTS
from online_models.recommended import RecommendationEvent
from streams.codecs import DeadLetter
from streams.controls import OfferRecord, OpeningRecord, PolicyRecord, RevealRecord, Tick, VerdictRecord, WeightsRecord
from streams.effects import EFFECT_PREFIX, EffectRecord
from streams.liability_report import LiabilityReport
from streams.notify.undelivered import Undelivered

Json = dict[str, object]
Event = type[msgspec.Struct]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_VERSION = "3.0.0"

# The CloudEvents type of a decision, or of an effect, is its family and its kind.
FAMILIES: Mapping[Event, tuple[str, tuple[str, ...]]] = {
    LedgerEntry: (POINTS_TYPE, get_args(EntryKind)),
    TierChange: (TIER_TYPE, get_args(TierChangeKind)),
    Notification: (NOTIFICATION_TYPE, get_args(NotificationKind)),
    EffectRecord: (EFFECT_PREFIX, EFFECT_KINDS),
}

# Topic (without its prefix) -> what it is for, and the events on it.
CHANNELS: Mapping[str, tuple[str, Sequence[Event]]] = {
    "actions": (
        "Member actions, key = member id, and signed records of our own that decide with them.",
        (
            *ACTION_TYPES,
            Tick,
            WeightsRecord,
            PolicyRecord,
            VerdictRecord,
            OfferRecord,
            RevealRecord,
            OpeningRecord,
            EffectRecord,
        ),
    ),
    "points": ("Every ledger entry, numbered per member.", (LedgerEntry,)),
    "tier-changes": ("Every change of a member's tier or of its validity, numbered per member.", (TierChange,)),
    "notifications": ("What a member should be told, numbered per member.", (Notification,)),
    "deadletter": ("What could not be applied, why, and the original bytes.", (DeadLetter,)),
    "undelivered": ("Notifications that did not reach their member, and why.", (Undelivered,)),
    "draws": ("Terms, tickets and results of draws, to be checked by anyone.", DRAW_RECORDS),
    "examples": ("Matured examples, sightings and policy notices, one partition.", EXAMPLE_EVENTS),
    "findings": ("What the trainer found out: waves, copies, verdicts, offers; one partition.", FINDING_EVENTS),
    "recommendations": ("What a member may buy next; the newest per member holds.", (RecommendationEvent,)),
}


# What commands print as JSON, by the name of its schema.
REPORTS: Mapping[str, type[msgspec.Struct]] = {"report.liability": LiabilityReport, "report.liability-day": DayLine}


def event_name(event: Event) -> str:
    """Name of an event's schema: its CloudEvents type, or the family of types it stands for.

    Example:
        >>> event_name(ACTION_TYPES[0]), event_name(LedgerEntry)
        ('loyalty.action.enroll', 'loyalty.points')
    """
    if event in FAMILIES:
        return FAMILIES[event][0].removesuffix(".")
    return str(event.__struct_config__.tag)


def event_schema(event: Event) -> Json:
    """JSON Schema of an event."""
    schema = type_schema(event, event_name(event))
    if event in FAMILIES:
        family, kinds = FAMILIES[event]
        properties = {"type": {"enum": [family + kind for kind in kinds]}}
        schema["properties"] = {**cast("Json", schema["properties"]), **properties}
    return schema


def type_schema(kind: type[msgspec.Struct], called: str) -> Json:
    """JSON Schema of a type, in the 2020-12 dialect, references inside the document only."""
    (root,), components = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    name = str(root["$ref"]).rsplit("/", 1)[-1]
    schema: Json = {"$schema": DIALECT, "$id": f"{called}.json", **components.pop(name)}
    if components:
        schema["$defs"] = dict(sorted(components.items()))
    return schema


def asyncapi() -> Json:
    """The AsyncAPI document: one channel per topic, one message per event."""
    channels: Json = {}
    operations: Json = {}
    for topic, (description, events) in CHANNELS.items():
        messages = {event_name(event): _message(event) for event in events}
        channels[topic] = {"address": f"loyalty.{topic}", "description": description, "messages": messages}
        action = "receive" if topic == "actions" else "send"
        operations[topic] = {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Tierstream",
            "version": "1",
            "description": "CloudEvents 1.0 in structured JSON mode. Kafka key: the member id (murmur2 partitioner).",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
    }


def _message(event: Event) -> Json:
    summary = (event.__doc__ or "").strip().splitlines()[0]
    return {"summary": summary, "payload": {"$ref": f"schemas/{event_name(event)}.json"}}


def documents() -> dict[str, bytes]:
    """Every file of the contract, by its path below `docs/contract`."""
    events = [event for _, events in CHANNELS.values() for event in events]
    files = {f"schemas/{event_name(event)}.json": _pretty(event_schema(event)) for event in events}
    files |= {f"schemas/{name}.json": _pretty(type_schema(kind, name)) for name, kind in REPORTS.items()}
    files["asyncapi.json"] = _pretty(asyncapi())
    return files


def _pretty(document: Json) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_documents(folder: Path) -> None:
    """Write every file of the contract below `folder`."""
    for path, content in documents().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


if __name__ == "__main__":
    write_documents(Path(sys.argv[1]))
