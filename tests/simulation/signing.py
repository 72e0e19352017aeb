"""Real signatures, each made and checked once: Ed25519 gives a message the same one every time."""

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streams import signatures

_REMEMBERED = 4_096

verifies = lru_cache(_REMEMBERED)(signatures._verifies)
"""In place of `signatures._verifies`: a worker, the next one and the oracle ask for the same records."""


class RememberingKey(Ed25519PrivateKey):
    """A private key that does not sign a message twice."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._sign = lru_cache(_REMEMBERED)(key.sign)

    def sign(self, data: Any) -> bytes:  # noqa: ANN401 - bytes, whatever their type
        """Sign it, or remember how."""
        return self._sign(data)

    def public_key(self) -> Ed25519PublicKey:
        """Of the key itself."""
        return self._key.public_key()

    def private_bytes(self, *how: Any) -> bytes:  # noqa: ANN401 - as the key's own
        """Of the key itself."""
        return self._key.private_bytes(*how)

    def private_bytes_raw(self) -> bytes:
        """Of the key itself."""
        return self._key.private_bytes_raw()

    def __copy__(self) -> Ed25519PrivateKey:
        """The key itself."""
        return self._key

    def __deepcopy__(self, memo: dict[int, Any]) -> Ed25519PrivateKey:
        """The key itself."""
        return self._key
