"""A delivery: one notification on its way to one channel, and what can become of a try."""

from hashlib import blake2b
from typing import Final, Literal

import msgspec

from loyalty.decisions import Notification

Reason = Literal[
    "unreadable",  # the record is no notification that this version knows
    "unknown_channel",  # no channel of that name is configured
    "unknown_member",  # the directory does not know the member
    "no_address",  # the directory has no address of the member for this channel
    "bad_address",  # the address is none
    "refused",  # the receiving side has refused it for good
    "not_reached",  # every try failed until there was no more time
    "too_old",  # it has lain in the log, or waited for the morning, for longer than it is worth
    "overdue",  # it speaks of a day that has passed
]
NO_CHANNEL: Final = ""
"""Channel of a record that is no notification: it goes to nobody, and is reported as undelivered."""

_DECODER = msgspec.json.Decoder(Notification)
_SCALE = 1 << 32


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One notification, one channel.

    `value` is the notification's record, byte for byte, `queued_ms` when it came into the log. `given_up` and `code`
    are set once nobody tries any more; what is left then is to report it. `key` is the outbox's own.
    """

    id: str
    channel: str
    member: str
    partition: int
    value: bytes
    queued_ms: int
    due_ms: int
    attempts: int = 0
    given_up: Reason | None = None
    code: str = ""
    key: int = 0

    @property
    def name(self) -> str:
        """What a receiver can recognise a repetition by; no two deliveries have the same.

        Example:
            >>> Delivery(id="ab", channel="sms", member="m", partition=0, value=b"", queued_ms=0, due_ms=0).name
            'ab.sms'
        """
        return f"{self.id}.{self.channel}"


class HandedOver(msgspec.Struct, frozen=True):
    """The receiving side has taken it."""


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A try has failed.

    `code` is for machines: `smtp 550 5.1.1`, `http 503`, `TimeoutError`; nothing that the other side has written.
    `reason` is what to report if it is never tried again, `for_good` where it need not be. `retry_after_ms` is how long
    the other side wants to be left alone.
    """

    code: str
    reason: Reason = "not_reached"
    for_good: bool = False
    retry_after_ms: int = 0


Outcome = HandedOver | Failed


def notification_of(delivery: Delivery) -> Notification | None:
    """The notification that is to be delivered; None where this version cannot read it."""
    try:
        return _DECODER.decode(delivery.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def chance(text: str) -> float:
    """A number from 0 to below 1 that follows from `text` alone.

    Example:
        >>> chance("ab.sms/1") == chance("ab.sms/1") != chance("ab.sms/2")
        True
    """
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") / _SCALE
