"""What goes over the wire, and that a repetition can be told."""

import hmac
import json
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from streams.notify.messages import Message, email_of, webhook_body, webhook_headers
from streams.notify.texts import Text
from tests.support.post_office import NOON_MS, delivery_of, notification, record

SENDER = "Corner Shop Club <club@example.org>"


def message(address: str = "ann@example.org", channel: str = "email") -> Message:
    text = Text("Sie haben Gold erreicht", "Herzlichen Glückwunsch!")
    return Message(delivery_of(record(), channel), notification(), text, address, "de")


def test_a_mail_sent_again_has_the_same_id_and_another_channels_has_another() -> None:
    first, again, other = (email_of(message(channel=channel), SENDER) for channel in ("email", "email", "work"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first["Message-ID"] == again["Message-ID"] == f"<{notification().id}.email@example.org>"
    assert other["Message-ID"] != first["Message-ID"]
    assert first.as_bytes() == again.as_bytes()
    assert (first["To"], first["Subject"], first["Content-Language"]) == (
        "ann@example.org",
        "Sie haben Gold erreicht",
        "de",
    )
    assert first.get_content() == "Herzlichen Glückwunsch!\n"


BAD = (
    "",
    "ann",
    "ann@",
    "@example.org",
    "a@b@c",
    "ann@example.org\r\nBcc: all@example.org",
    "a b@c",
    "a@b, c@d",
    "a@b.",
)


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_makes_no_mail(address: str) -> None:
    assert email_of(message(address), SENDER) is None


def test_a_webhook_carries_the_event_as_it_is_and_beside_it_what_a_gateway_needs() -> None:
    event = json.loads(webhook_body(message("+49 151 1", "sms")))
    beside = {name: event.pop(name) for name in ("channel", "language", "title", "text", "to")}
    assert event == json.loads(record())
    assert beside == {
        "channel": "sms",
        "language": "de",
        "title": "Sie haben Gold erreicht",
        "text": "Herzlichen Glückwunsch!",
        "to": "+49 151 1",
    }
    assert "to" not in json.loads(webhook_body(message("", "app")))


def test_a_webhook_is_signed_as_standard_webhooks_has_it() -> None:
    key = bytes(range(32))
    sent = message(channel="app")
    body = webhook_body(sent)
    headers = webhook_headers(sent, body, "whsec_" + b64encode(key).decode(), NOON_MS)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert b64decode(signature) == hmac.new(key, signed, sha256).digest()
    assert headers["webhook-id"] == headers["Idempotency-Key"] == f"{notification().id}.app"
    assert headers["webhook-timestamp"] == str(NOON_MS // 1_000)
    assert "webhook-signature" not in webhook_headers(sent, body, "", NOON_MS)
