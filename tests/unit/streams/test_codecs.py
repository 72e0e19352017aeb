"""Bytes become an action, a record of ours, or a reason; nothing else and nothing less."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.actions import Purchase
from streams.codecs import LETTER_KEY_BYTES, LETTER_VALUE_BYTES, MAX_VALUE_BYTES, InvalidAction, dead_letter, decode
from streams.controls import Tick, tick_record
from streams.records import LogRecord
from streams.topics import TOPICS

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def event(**changes: object) -> dict[str, object]:
    purchase: dict[str, object] = {
        "specversion": "1.0",
        "id": "o-1",
        "source": "shop/web",
        "type": "loyalty.action.purchase",
        "time": "2017-03-04T18:22:05Z",
        "subject": "m-42",
        "data": {"amount": 2599, "currency": "USD", "order_id": "o-1"},
    }
    purchase.update(changes)
    return purchase


def record(value: bytes | None, key: bytes | None = b"m-42") -> LogRecord:
    return LogRecord(partition=3, offset=7, timestamp_ms=1_000, key=key, value=value)


def reason(value: bytes | None, key: bytes | None = b"m-42") -> str:
    invalid = decode(record(value, key))
    assert isinstance(invalid, InvalidAction)
    return invalid.reason


def test_a_valid_action_is_decoded_and_unknown_fields_are_ignored() -> None:
    action = decode(record(json.dumps(event(extra=1, datacontenttype="application/json")).encode()))
    assert isinstance(action, Purchase)
    assert (action.subject, action.data.amount, action.time_ms) == ("m-42", 2599, 1_488_651_725_000)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"type": "loyalty.action.teleport"}, "unknown_type"),
        ({"type": "shop.order.created"}, "unknown_type"),
        ({"data": {"amount": -1, "currency": "USD", "order_id": "o"}}, "invalid_field"),
        ({"data": {"amount": 1.5, "currency": "USD", "order_id": "o"}}, "invalid_field"),
        ({"data": {"amount": "12", "currency": "USD", "order_id": "o"}}, "invalid_field"),
        ({"data": {"amount": 1, "currency": "usd", "order_id": "o"}}, "invalid_field"),
        ({"data": {"currency": "USD", "order_id": "o"}}, "invalid_field"),
        ({"time": "2017-03-04T18:22:05"}, "invalid_field"),
        ({"time": "yesterday"}, "invalid_field"),
        ({"time": 1488651725}, "invalid_field"),
        ({"specversion": "0.3"}, "invalid_field"),
        ({"id": ""}, "invalid_field"),
        ({"subject": "x" * 257}, "invalid_field"),
        ({"type": None}, "invalid_field"),
        ({"type": "loyalty.control.tick", "data": {"time_ms": "soon"}}, "invalid_field"),
    ],
)
def test_an_invalid_action_says_what_is_wrong(changes: dict[str, object], expected: str) -> None:
    assert reason(json.dumps(event(**changes)).encode()) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b"not json", "malformed_json"),
        (b'{"a": NaN}', "malformed_json"),
        (b"\xff\xfe\x00", "malformed_json"),
        (b'{"subject": "\xff"}', "invalid_field"),
        (b"[1, 2]", "invalid_field"),
        (b"null", "invalid_field"),
        (b"[" * 100_000, "invalid_field"),
        (b" " * (MAX_VALUE_BYTES + 1), "too_large"),
    ],
)
def test_bytes_that_are_no_event_are_told_apart(value: bytes | None, expected: str) -> None:
    assert reason(value) == expected


@pytest.mark.parametrize("key", [None, b"", b"m-43", b"\xff"])
def test_the_key_must_be_the_subject(key: bytes | None) -> None:
    assert reason(json.dumps(event()).encode(), key) == "key_mismatch"


def test_a_record_of_ours_is_decoded() -> None:
    assert isinstance(decode(record(tick_record(5, KEY), None)), Tick)


def test_a_dead_letter_carries_reason_position_and_original_bytes() -> None:
    value = b"\x00\xffnot json"
    letter = json.loads(dead_letter(record(value), "loyalty.actions", InvalidAction("malformed_json", "why")))
    assert letter["type"] == "loyalty.deadletter"
    assert letter["id"] == "loyalty.actions/3/7"
    data = letter["data"]
    assert (data["reason"], data["topic"], data["partition"], data["offset"]) == (
        "malformed_json",
        "loyalty.actions",
        3,
        7,
    )
    assert base64.b64decode(data["value_base64"]) == value
    assert base64.b64decode(data["key_base64"]) == b"m-42"


def test_a_dead_letter_of_an_empty_record_says_so() -> None:
    letter = json.loads(dead_letter(record(None, None), "t", InvalidAction("empty", "")))
    assert letter["data"]["value_base64"] is None
    assert letter["data"]["key_base64"] is None


@pytest.mark.parametrize("times", [1, 20])
def test_a_dead_letter_is_never_larger_than_its_topic_takes(times: int) -> None:
    """A compressed batch of the actions topic may hold a record of any size."""
    value, key = b"v" * LETTER_VALUE_BYTES * times, b"k" * LETTER_KEY_BYTES * times
    (limit,) = (spec.max_message_bytes for spec in TOPICS if spec.kind == "deadletter")
    letter = dead_letter(record(value, key), "loyalty.actions", InvalidAction("too_large", ""))
    assert len(letter) + LETTER_KEY_BYTES < limit - 1_000_000
    data = json.loads(letter)["data"]
    assert base64.b64decode(data["value_base64"]) == value[:LETTER_VALUE_BYTES]
    assert base64.b64decode(data["key_base64"]) == key[:LETTER_KEY_BYTES]
    told = (data.get("key_bytes"), data.get("value_bytes"))
    assert told == ((None, None) if times == 1 else (len(key), len(value)))
