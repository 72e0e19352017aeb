"""Bytes of the actions topic -> an action, a record of our own, or a reason why not.

Only invalid input becomes a dead letter, and nothing invalid is dropped: a dead letter carries a reason a machine can
count by, a sentence for a person, the original bytes and where they stood.
"""

from base64 import b64encode
from typing import Literal

import msgspec

from features.actions import TYPE_PREFIX, Action, decode_action
from streams.controls import CONTROL_PREFIX, Control, decode_control
from streams.effects import EFFECT_PREFIX, EffectRecord, decode_effect
from streams.records import LogRecord

MAX_VALUE_BYTES = 1024 * 1024
# The actions topic takes record batches of 4 MiB, but a batch may be compressed, and what is in it be of any size. A
# letter that the dead-letter topic does not take (8 MiB) would end the worker, and its successor, again and again.
LETTER_VALUE_BYTES = 4 * 1024 * 1024
LETTER_KEY_BYTES = 64 * 1024

Reason = Literal[
    "empty",
    "too_large",
    "malformed_json",
    "unknown_type",
    "invalid_field",
    "key_mismatch",
    "not_signed",
    "misrouted",
    "too_late",
    "ahead_of_log_time",
    "unknown_currency",
    "unknown_order",
    "unknown_member",
    "rejected",
]


class InvalidAction(msgspec.Struct, frozen=True, gc=False):
    """Why a record cannot be applied."""

    reason: str
    detail: str


class _TypeOnly(msgspec.Struct, gc=False):
    type: str = ""


_TYPE_DECODER = msgspec.json.Decoder(_TypeOnly)


def decode(record: LogRecord) -> Action | Control | EffectRecord | InvalidAction:
    """Decode one record of the actions topic.

    Example:
        >>> decode(LogRecord(0, 7, 0, None, b"{"))
        InvalidAction(reason='malformed_json', detail='Input data was truncated')
    """
    value = record.value
    if value is None:
        return InvalidAction("empty", "the record has no value")
    if len(value) > MAX_VALUE_BYTES:
        return InvalidAction("too_large", f"{len(value)} bytes, over the limit of {MAX_VALUE_BYTES}")
    try:
        action = decode_action(value)
    except msgspec.ValidationError as error:
        return _ours_or_invalid(value, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return InvalidAction("malformed_json", str(error))
    if record.key != action.subject.encode():
        return InvalidAction("key_mismatch", "the Kafka key must be the subject, or one member has two ledgers")
    return action


def _ours_or_invalid(value: bytes, problem: str) -> Control | EffectRecord | InvalidAction:
    try:
        type_name = _TYPE_DECODER.decode(value).type
        if type_name.startswith(CONTROL_PREFIX):
            return decode_control(value)
        if type_name.startswith(EFFECT_PREFIX):
            return decode_effect(value)
    except msgspec.ValidationError as error:
        return InvalidAction("invalid_field", str(error))
    if type_name and "`$.type`" in problem:
        return InvalidAction("unknown_type", f"{type_name!r} is not one of {TYPE_PREFIX}*")
    return InvalidAction("invalid_field", problem)


class DeadLetterData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What arrived, where it stood, and why it could not be applied.

    `*_base64` are the original bytes, or as many of them as a letter takes: then `*_bytes` says how many there were,
    and the whole record is in the log, at its offset.
    """

    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key_base64: str | None
    value_base64: str | None
    key_bytes: int | None = None
    value_bytes: int | None = None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="loyalty.deadletter"):
    """A CloudEvent on the dead-letter topic. The id is the position, so a redelivery has the same one."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "tierstream"
    data: DeadLetterData


def dead_letter(record: LogRecord, topic: str, invalid: InvalidAction) -> bytes:
    """Encode the dead letter for `record`."""
    key_base64, key_bytes = _original(record.key, LETTER_KEY_BYTES)
    value_base64, value_bytes = _original(record.value, LETTER_VALUE_BYTES)
    data = DeadLetterData(
        reason=invalid.reason,
        detail=invalid.detail,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        key_base64=key_base64,
        value_base64=value_base64,
        key_bytes=key_bytes,
        value_bytes=value_bytes,
    )
    return msgspec.json.encode(DeadLetter(id=f"{topic}/{record.partition}/{record.offset}", data=data))


def _original(raw: bytes | None, at_most: int) -> tuple[str | None, int | None]:
    """Bytes in base64, and how many there were where these are only the first of them."""
    if raw is None:
        return None, None
    return b64encode(raw[:at_most]).decode(), len(raw) if len(raw) > at_most else None
