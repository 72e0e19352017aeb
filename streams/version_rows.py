"""The rows of policy and weights versions: `Y` + version and `W` + version."""

import msgspec

from streams.controls import PolicyData, WeightsData

POLICY_KEYS = b"Y"
_WEIGHTS = b"W"


class AdoptedWeights(msgspec.Struct, frozen=True, array_like=True):
    """A weights version and the log time from which it decides."""

    from_log_time_ms: int
    data: WeightsData


def policy_key(version: int) -> bytes:
    """Key of a policy version's row."""
    return POLICY_KEYS + version.to_bytes(4, "big")


def weights_key(version: int) -> bytes:
    """Key of a weights version's row."""
    return _WEIGHTS + version.to_bytes(4, "big")


def encode_version(data: PolicyData | AdoptedWeights) -> bytes:
    """Payload of a policy or weights row."""
    return msgspec.msgpack.encode(data)


def decode_policy(payload: bytes) -> PolicyData:
    """Inverse of `encode_version` for a policy."""
    return msgspec.msgpack.decode(payload, type=PolicyData)


def decode_weights(payload: bytes) -> AdoptedWeights:
    """Inverse of `encode_version` for weights."""
    return msgspec.msgpack.decode(payload, type=AdoptedWeights)
