"""What goes over the wire: the e-mail, the webhook's body and signature, the console's line. Pure.

A receiver can recognise a repetition: by the e-mail's `Message-ID`, by the webhook's `Idempotency-Key` and
`webhook-id`. All three are made from the notification's id and the channel's name, so two channels that end at one
gateway differ.
"""

import hmac
import re
from base64 import b64decode, b64encode
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from loyalty.decisions import Notification, instant
from streams.notify.deliveries import Delivery
from streams.notify.texts import Text

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks mark a secret in base64, not a secret
_MS_PER_S: Final = 1_000
# One box at one domain: no blanks, lists, comments or quotes, all of which a header could be made of.
_ADDRESS: Final = re.compile(r"""[^\s@<>()\[\],;:\\"]+@[^\s@<>()\[\],;:\\"]*[^\s@<>()\[\],;:\\".]""")


class Message(NamedTuple):
    """One thing to hand over: `address` is empty where the channel needs none; `language` is that of the text."""

    delivery: Delivery
    notification: Notification
    text: Text
    address: str
    language: str


def domain_of(sender: str) -> str:
    """The domain of a From line.

    Example:
        >>> domain_of("Corner Shop Club <club@example.org>")
        'example.org'
    """
    return parseaddr(sender)[1].rpartition("@")[2]


def email_of(message: Message, sender: str) -> EmailMessage | None:
    """The e-mail; None where the address is none.

    `Date` is the notification's, so a repetition says the same; `Auto-Submitted` keeps other machines from answering.
    """
    if not _ADDRESS.fullmatch(message.address):
        return None
    mail = EmailMessage()
    try:
        mail["To"] = Address(addr_spec=message.address)
    except (ValueError, MessageError):  # what else email.headerregistry finds wrong
        return None
    mail["From"] = sender
    mail["Subject"] = message.text.subject
    mail["Date"] = format_datetime(message.notification.time)
    mail["Message-ID"] = f"<{message.delivery.name}@{domain_of(sender)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text.body + "\n")
    mail["Content-Language"] = message.language
    return mail


def webhook_body(message: Message) -> bytes:
    """The notification's own CloudEvent, and what a gateway needs beside it as extension attributes."""
    event: dict[str, object] = msgspec.json.decode(message.delivery.value)
    title, text = message.text
    event |= {"channel": message.delivery.channel, "language": message.language, "title": title, "text": text}
    if message.address:
        event["to"] = message.address
    return msgspec.json.encode(event)


def webhook_headers(message: Message, body: bytes, secret: str, now_ms: int) -> dict[str, str]:
    """The headers of a webhook; signed as Standard Webhooks has it where there is a secret.

    The signature is HMAC-SHA256 over `id.timestamp.body`; a secret that begins with `whsec_` is base64.
    """
    name, at_s = message.delivery.name, str(now_ms // _MS_PER_S)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "Idempotency-Key": name,
        "webhook-id": name,
        "webhook-timestamp": at_s,
    }
    if secret:
        digest = hmac.new(secret_key(secret), f"{name}.{at_s}.".encode() + body, sha256).digest()
        headers["webhook-signature"] = f"v1,{b64encode(digest).decode()}"
    return headers


def secret_key(secret: str) -> bytes:
    """The bytes that sign.

    Raises:
        ValueError: it begins with `whsec_`, and the rest is not base64.

    Example:
        >>> secret_key("whsec_a2V5"), secret_key("key")
        (b'key', b'key')
    """
    if secret.startswith(_SECRET_PREFIX):
        return b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    return secret.encode()


def console_line(message: Message, now_ms: int) -> bytes:
    """One line of JSON."""
    said = {
        "time": instant(now_ms).isoformat(timespec="milliseconds"),
        "id": message.delivery.name,
        "kind": message.notification.data.kind,
        "member": message.delivery.member,
        "subject": message.text.subject,
        "text": message.text.body,
    }
    return msgspec.json.encode(said) + b"\n"
