"""Real signatures, each made and checked once: Ed25519 gives a message the same one every time."""

from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streams import signatures
from streams.signatures import PublicKey, public_key_of

_REMEMBERED = 4_096

_verified = lru_cache(_REMEMBERED)(signatures._verifies)


class RememberingKey(Ed25519PrivateKey):
    """A private key that does not sign a message twice, and knows its own signatures again."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = public_key_of(key)
        self._made: dict[bytes, bytes] = {}

    def sign(self, data: Any) -> bytes:  # noqa: ANN401 - bytes, whatever their type
        """Sign it, or remember how."""
        signature = self._made.get(data)
        if signature is None:
            if len(self._made) == _REMEMBERED:
                self._made.clear()
            signature = self._made[data] = self._key.sign(data)
        return signature

    def verifies(self, key: PublicKey, signature: bytes, message: bytes) -> bool:
        """In place of `signatures._verifies`: what this key has just made is right, all else is looked at."""
        return (key == self._public and self._made.get(message) == signature) or _verified(key, signature, message)

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
