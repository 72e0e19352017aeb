"""Effects as records: what one partition says to another, numbered and signed.

Per sending and receiving partition the numbers have no gap, and the receiver takes only the next one: so an effect is
applied once and in order, whatever is sent again after a crash at either end. The fold writes an effect unsigned, since
it knows no secret; the shell signs it as it sends it. Ed25519 signatures are a function of key and message (RFC 8032),
so what is sent again is the same bytes.
"""

from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.actions import to_ms
from loyalty.decisions import instant
from loyalty.effects import Effect, EffectBody, kind_of
from streams.signatures import SignedRecord, sign

EFFECT_PREFIX = "loyalty.effect."


class EffectData(msgspec.Struct, frozen=True, gc=False):
    """From which partition to which, the how-manyth between the two (from 0), and what it says.

    `log_time_ms` is the sender's log time; where producers stamp records (a history), the record has it as its own.
    """

    sender: int
    receiver: int
    number: int
    log_time_ms: int
    effect: EffectBody


class EffectRecord(SignedRecord, frozen=True, kw_only=True):
    """An effect between partitions, signed. `time` is the event time of what caused it."""

    type: str
    time: datetime
    subject: str
    data: EffectData

    @property
    def time_ms(self) -> int:
        """`time` in milliseconds since the Unix epoch."""
        return to_ms(self.time)


class Sealed(NamedTuple):
    """A signed effect, the partition it goes to, and the timestamp it carries."""

    receiver: int
    timestamp_ms: int
    value: bytes


_DECODER = msgspec.json.Decoder(EffectRecord)


def encode_effect(effect: Effect, data: EffectData) -> bytes:
    """The record without its signature.

    Example:
        >>> from loyalty.effects import ClaimReturn
        >>> body = ClaimReturn(quantity=2)
        >>> raw = encode_effect(Effect("reward/r1", 0, body), EffectData(3, 1, 0, 0, body))
        >>> decode_effect(raw).id, decode_effect(raw).type
        ('3/1/0', 'loyalty.effect.claim_return')
    """
    record = EffectRecord(
        id=f"{data.sender}/{data.receiver}/{data.number}",
        type=EFFECT_PREFIX + kind_of(data.effect),
        time=instant(effect.time_ms),
        subject=effect.subject,
        data=data,
    )
    return msgspec.json.encode(record)


def decode_effect(raw: bytes) -> EffectRecord:
    """Decode an effect; msgspec's errors say what is wrong with it."""
    record = _DECODER.decode(raw)
    if record.type != EFFECT_PREFIX + kind_of(record.data.effect):
        raise msgspec.ValidationError(f"an effect of kind {kind_of(record.data.effect)} - at `$.type`")
    return record


def seal(raw: bytes, key: Ed25519PrivateKey) -> Sealed:
    """Sign what `encode_effect` has made."""
    record = decode_effect(raw)
    return Sealed(record.data.receiver, record.data.log_time_ms, sign(record, key))
