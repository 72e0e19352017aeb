"""Ed25519 signatures (RFC 8032) on records of our own, inside the record: it is signed as it reads without one."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

Role = Literal["control", "history"]


class PublicKey(msgspec.Struct, frozen=True):
    """Who may sign. `control` signs everything; `history`, the key of a history's producer, signs ticks only."""

    role: Role
    ed25519: str


class SignedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """CloudEvents attributes of a record of our own, and its signature in base64."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "tierstream"
    signature: str = ""


def public_key_of(key: Ed25519PrivateKey, role: Role = "control") -> PublicKey:
    """The public half of `key` as a policy record lists it."""
    return PublicKey(role=role, ed25519=b64encode(key.public_key().public_bytes_raw()).decode())


def sign(record: SignedRecord, key: Ed25519PrivateKey) -> bytes:
    """Encode `record` with its signature."""
    unsigned = msgspec.structs.replace(record, signature="")
    signature = b64encode(key.sign(msgspec.json.encode(unsigned))).decode()
    return msgspec.json.encode(msgspec.structs.replace(record, signature=signature))


def is_signed_by(record: SignedRecord, keys: Iterable[PublicKey]) -> bool:
    """Whether one of `keys` has signed `record`, whatever the keys' roles.

    Example:
        >>> key = Ed25519PrivateKey.from_private_bytes(bytes(32))
        >>> signed = msgspec.json.decode(sign(SignedRecord(id="r-1"), key), type=SignedRecord)
        >>> is_signed_by(signed, [public_key_of(key)])
        True
        >>> is_signed_by(msgspec.structs.replace(signed, id="r-2"), [public_key_of(key)])
        False
    """
    message = msgspec.json.encode(msgspec.structs.replace(record, signature=""))
    try:
        signature = b64decode(record.signature, validate=True)
    except ValueError:
        return False
    return any(_verifies(key, signature, message) for key in keys)


def _verifies(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(b64decode(key.ed25519)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
