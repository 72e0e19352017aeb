"""Deliveries that came to nothing, for the platform to see: on a topic of their own, with reason and original."""

from base64 import b64encode
from typing import Literal

import msgspec

from streams.notify.deliveries import Delivery, Reason


class UndeliveredData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was not delivered, on which channel, and why.

    `code` is what the last try ended with: `smtp 550 5.1.1`, `http 404`, `TimeoutError`. `attempts` counts the tries
    that failed and were followed by another one. `notification_base64` is the original record.
    """

    notification: str
    channel: str
    reason: Reason
    code: str = ""
    attempts: int = 0
    queued_ms: int
    notification_base64: str


class Undelivered(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="loyalty.undelivered"):
    """A notification that did not reach its member on one channel. A repetition has the same id, the delivery's."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "tierstream"
    subject: str
    data: UndeliveredData


def undelivered(delivery: Delivery, reason: Reason) -> bytes:
    """Encode what is to be reported of a delivery that was given up."""
    data = UndeliveredData(
        notification=delivery.id,
        channel=delivery.channel,
        reason=reason,
        code=delivery.code,
        attempts=delivery.attempts,
        queued_ms=delivery.queued_ms,
        notification_base64=b64encode(delivery.value).decode(),
    )
    return msgspec.json.encode(Undelivered(id=delivery.name, subject=delivery.member, data=data))
