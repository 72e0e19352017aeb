"""Records of our own in a partition's log: ticks, weights, policies, verdicts and offers, signed.

Whatever can change a decision travels in the log. These records can, so only our processes may write them: the topic's
access list says who, and an Ed25519 signature (RFC 8032) proves it to whoever replays the log later. A policy record
carries the public keys that the records after it must be signed with; the first policy of a partition vouches for
itself, because the operator wrote it when the topic was made.
"""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty.draw_sales import Reveal
from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict
from loyalty.weights import Weights
from streams.signatures import PublicKey, SignedRecord, is_signed_by, public_key_of, sign

__all__ = [
    "CONTROL_PREFIX",
    "MAX_WEIGHTS_BYTES",
    "Control",
    "OfferRecord",
    "OpeningData",
    "OpeningRecord",
    "PolicyData",
    "PolicyRecord",
    "PublicKey",
    "RevealRecord",
    "Tick",
    "TickData",
    "VerdictRecord",
    "WeightsData",
    "WeightsRecord",
    "addressed_record",
    "decode_control",
    "is_signed",
    "offer_record",
    "opening_record",
    "policy_record",
    "public_key_of",
    "reveal_record",
    "sign",
    "tick_record",
    "verdict_record",
    "weights_record",
]

CONTROL_PREFIX = "loyalty.control."

# A weights record is read by every partition of every worker; what does not fit here does not belong in the log.
MAX_WEIGHTS_BYTES = 256 * 1024


class TickData(msgspec.Struct, frozen=True):
    """Log time has reached `time_ms`, whether or not anyone acted."""

    time_ms: int


class WeightsData(msgspec.Struct, frozen=True):
    """The learned numbers from here on. `example_offset` is the example that completed them."""

    weights: Weights
    example_offset: int
    log_time_ms: int


class PolicyData(msgspec.Struct, frozen=True):
    """A policy version: the full text, what it needs of the outside world, and the event time it applies from."""

    version: int
    effective_from_ms: int
    engine: int
    text: str
    zone: str
    public_keys: tuple[PublicKey, ...]


class Tick(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "tick"):
    """Moves log time and starts a sweep."""

    data: TickData


class WeightsRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "weights"):
    """Brings a new weights version."""

    data: WeightsData


class PolicyRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "policy"):
    """Brings a new policy version."""

    data: PolicyData


class VerdictRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "verdict"):
    """Brings a verdict of the misconduct score on one member, whose id is the record's key."""

    data: Verdict


class OfferRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "offer"):
    """Brings an offer to one member, whose id is the record's key."""

    data: Offer


class RevealRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "reveal"):
    """Reveals the seed of a draw, in the partition of its owner."""

    data: Reveal


class OpeningData(msgspec.Struct, frozen=True):
    """A part of the state that a generation starts from: record `number` of `of`, from 0.

    `rows` are stored rows with their keys; those of record 0 belong to the partition as a whole. `public_keys` are
    those of the newest policy among them: the first record vouches for itself, as a first policy does.
    """

    number: int
    of: int
    public_keys: tuple[PublicKey, ...]
    rows: tuple[tuple[bytes, bytes], ...]


class OpeningRecord(SignedRecord, frozen=True, kw_only=True, tag_field="type", tag=CONTROL_PREFIX + "opening"):
    """Brings the state of an earlier generation into the head of a new one's log."""

    data: OpeningData


Control = Tick | WeightsRecord | PolicyRecord | VerdictRecord | OfferRecord | RevealRecord | OpeningRecord

_DECODER = msgspec.json.Decoder(Control)


def decode_control(raw: bytes) -> Control:
    """Decode a control record; msgspec's errors say what is wrong with it."""
    control: Control = _DECODER.decode(raw)
    return control


def is_signed(record: SignedRecord, keys: tuple[PublicKey, ...]) -> bool:
    """Whether one of `keys` whose role allows it has signed `record`.

    Example:
        >>> key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        >>> raw = tick_record(1_000, key)
        >>> is_signed(decode_control(raw), (public_key_of(key),))
        True
        >>> is_signed(decode_control(raw.replace(b"1000", b"1001")), (public_key_of(key),))
        False
    """
    return is_signed_by(record, (key for key in keys if key.role == "control" or isinstance(record, Tick)))


def tick_record(time_ms: int, key: Ed25519PrivateKey) -> bytes:
    """A signed tick."""
    return sign(Tick(id=f"tick-{time_ms}", data=TickData(time_ms)), key)


def weights_record(data: WeightsData, key: Ed25519PrivateKey) -> bytes:
    """A signed weights record.

    Raises:
        ValueError: it would be larger than `MAX_WEIGHTS_BYTES`.
    """
    raw = sign(WeightsRecord(id=f"weights-{data.weights.version}", data=data), key)
    if len(raw) > MAX_WEIGHTS_BYTES:
        raise ValueError(f"weights version {data.weights.version} takes {len(raw)} bytes, over {MAX_WEIGHTS_BYTES}")
    return raw


def policy_record(data: PolicyData, key: Ed25519PrivateKey) -> bytes:
    """A signed policy record."""
    return sign(PolicyRecord(id=f"policy-{data.version}", data=data), key)


def verdict_record(verdict: Verdict, key: Ed25519PrivateKey) -> bytes:
    """A signed verdict, for the partition of the member's actions, under the member's id as key."""
    return sign(VerdictRecord(id=verdict.id, data=verdict), key)


def offer_record(offer: Offer, key: Ed25519PrivateKey) -> bytes:
    """A signed offer, for the partition of the member's actions, under the member's id as key."""
    return sign(OfferRecord(id=offer.id, data=offer), key)


def addressed_record(body: Verdict | Offer, key: Ed25519PrivateKey) -> bytes:
    """What the trainer has to say to one member, signed, under the member's id as key."""
    return offer_record(body, key) if isinstance(body, Offer) else verdict_record(body, key)


def reveal_record(revealed: Reveal, key: Ed25519PrivateKey) -> bytes:
    """A signed seed, for the partition of the draw's owner, under the owner's subject as key."""
    return sign(RevealRecord(id=f"reveal-{revealed.draw}", data=revealed), key)


def opening_record(data: OpeningData, key: Ed25519PrivateKey) -> bytes:
    """A signed part of an opening."""
    return sign(OpeningRecord(id=f"opening-{data.number}", data=data), key)
