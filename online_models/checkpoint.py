"""Checkpoints of a learning state: stamped, verified, and read by the very code and libraries that wrote them.

river's models have no format of their own but pickle, and a pickle does not say which river wrote it. So a checkpoint
begins with a stamp (format, river, numpy, scipy, Python) and a digest, a foreign one is refused in words, and only
classes of this package, river and numpy are let in. A lost or refused checkpoint costs time, not truth: the trainer's
state is a function of the examples topic and can be learned again from its start.
"""

import io
import pickle
import platform
from hashlib import blake2b
from importlib.metadata import version

import msgspec

from features.errors import LoyaltyError

FORMAT = 3
_MAGIC = b"tierstream-checkpoint"
_DIGEST_BYTES = 16
_CURE = "learn again from the start of the examples topic"

_PACKAGES = frozenset({"collections", "copyreg", "features", "loyalty", "numpy", "online_models", "river"})
# How a frozen struct is unpickled; what river's trees are made with.
_FUNCTIONS = frozenset({("msgspec._utils", "rebuild"), ("functools", "partial"), ("random", "Random")})
_BUILTINS = frozenset({"dict", "float", "getattr", "int", "list", "set", "tuple", "slice", "complex", "bytearray"})


class CheckpointError(LoyaltyError):
    """A checkpoint cannot be read by this code. The message says which part does not fit."""


class Stamp(msgspec.Struct, frozen=True):
    """What wrote a checkpoint. Python by minor version: pickles of one are good for all its patches."""

    format: int
    river: str
    numpy: str
    python: str
    scipy: str = ""


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    magic: bytes
    stamp: Stamp
    digest: bytes
    payload: bytes


def stamp_now() -> Stamp:
    """The stamp of the running code."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = {name: version(name) for name in ("river", "numpy", "scipy")}
    return Stamp(format=FORMAT, python=python, **versions)


def stamp_of(raw: bytes) -> Stamp:
    """What wrote a checkpoint.

    Raises:
        CheckpointError: the bytes are no checkpoint.
    """
    return _open(raw).stamp


class _Unpickler(pickle.Unpickler):
    """Loads only what a trainer is made of."""

    def find_class(self, module: str, name: str) -> object:
        package = module.partition(".")[0]
        if package in _PACKAGES or (module, name) in _FUNCTIONS or (package == "builtins" and name in _BUILTINS):
            return super().find_class(module, name)
        raise CheckpointError(f"the checkpoint asks for {module}.{name}, which no trainer contains: do not trust it")


def pack(state: object) -> bytes:
    """Write a state with its stamp."""
    payload = pickle.dumps(state, protocol=5)
    digest = blake2b(payload, digest_size=_DIGEST_BYTES).digest()
    return msgspec.msgpack.encode(_Envelope(_MAGIC, stamp_now(), digest, payload))


def unpack(raw: bytes) -> object:
    """Read a state.

    Raises:
        CheckpointError: the bytes are no checkpoint, are damaged, or were written by another format, river, numpy,
            scipy or Python.

    Example:
        >>> unpack(pack({"learned": 3}))
        {'learned': 3}
        >>> unpack(b"garbage")
        Traceback (most recent call last):
        ...
        online_models.checkpoint.CheckpointError: not a checkpoint: learn again from the start of the examples topic
    """
    envelope = _open(raw)
    if envelope.stamp != (now := stamp_now()):
        raise CheckpointError(f"the checkpoint was written by {envelope.stamp}, this is {now}: {_CURE}")
    if blake2b(envelope.payload, digest_size=_DIGEST_BYTES).digest() != envelope.digest:
        raise CheckpointError(f"the checkpoint is damaged: {_CURE}")
    return _Unpickler(io.BytesIO(envelope.payload)).load()


def _open(raw: bytes) -> _Envelope:
    try:
        envelope = msgspec.msgpack.decode(raw, type=_Envelope)
    except msgspec.DecodeError:
        raise CheckpointError(f"not a checkpoint: {_CURE}") from None
    if envelope.magic != _MAGIC:
        raise CheckpointError(f"not a checkpoint: {_CURE}")
    return envelope
