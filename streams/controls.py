"""Records of our own in a partition's log: ticks, weights, policies and verdicts, signed.

Whatever can change a decision travels in the log. These records can, so only our processes may write them: the topic's
access list says who, and an Ed25519 signature (RFC 8032) proves it to whoever replays the log later. A policy record
carries the public keys that the records after it must be signed with; the first policy of a partition vouches for
itself, because the operator wrote it when the topic was made.
"""

from base64 import b64decode, b64encode
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from loyalty.verdicts import Verdict
from loyalty.weights import Weights

CONTROL_PREFIX = "loyalty.control."

# A weights record is read by every partition of every worker; what does not fit here does not belong in the log.
MAX_WEIGHTS_BYTES = 256 * 1024

Role = Literal["control", "history"]


class PublicKey(msgspec.Struct, frozen=True):
    """Who may sign. `control` signs everything; `history`, the key of a history's producer, signs ticks only."""

    role: Role
    ed25519: str


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


class _Control(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """CloudEvents attributes of a control record."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "tierstream"
    signature: str = ""


class Tick(_Control, frozen=True, kw_only=True, tag=CONTROL_PREFIX + "tick"):
    """Moves log time and starts a sweep."""

    data: TickData


class WeightsRecord(_Control, frozen=True, kw_only=True, tag=CONTROL_PREFIX + "weights"):
    """Brings a new weights version."""

    data: WeightsData


class PolicyRecord(_Control, frozen=True, kw_only=True, tag=CONTROL_PREFIX + "policy"):
    """Brings a new policy version."""

    data: PolicyData


class VerdictRecord(_Control, frozen=True, kw_only=True, tag=CONTROL_PREFIX + "verdict"):
    """Brings a verdict of the misconduct score on one member, whose id is the record's key."""

    data: Verdict


Control = Tick | WeightsRecord | PolicyRecord | VerdictRecord

_DECODER = msgspec.json.Decoder(Control)


def decode_control(raw: bytes) -> Control:
    """Decode a control record; msgspec's errors say what is wrong with it."""
    control: Control = _DECODER.decode(raw)
    return control


def public_key_of(key: Ed25519PrivateKey, role: Role = "control") -> PublicKey:
    """The public half of `key` as a policy record lists it."""
    return PublicKey(role=role, ed25519=b64encode(key.public_key().public_bytes_raw()).decode())


def sign(control: Control, key: Ed25519PrivateKey) -> bytes:
    """Encode `control` with its signature.

    Example:
        >>> key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        >>> raw = tick_record(1_000, key)
        >>> is_signed(decode_control(raw), (public_key_of(key),))
        True
        >>> is_signed(decode_control(raw.replace(b"1000", b"1001")), (public_key_of(key),))
        False
    """
    unsigned = msgspec.structs.replace(control, signature="")
    signature = b64encode(key.sign(msgspec.json.encode(unsigned))).decode()
    return msgspec.json.encode(msgspec.structs.replace(control, signature=signature))


def is_signed(control: Control, keys: tuple[PublicKey, ...]) -> bool:
    """Whether one of `keys` whose role allows it has signed `control`."""
    message = msgspec.json.encode(msgspec.structs.replace(control, signature=""))
    try:
        signature = b64decode(control.signature, validate=True)
    except ValueError:
        return False
    return any(_verifies(key, signature, message) for key in keys if key.role == "control" or isinstance(control, Tick))


def _verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(key.ed25519)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


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
