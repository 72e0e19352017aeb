"""Signatures that cost a hash: one of Ed25519 takes a hundred times as long, and is not what is tested here."""

from hashlib import blake2b
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streams.signatures import PublicKey, public_key_of

_SIGNATURE_BYTES = 64


class HashingKey(Ed25519PrivateKey):
    """A private key whose signature of a message is a keyed hash; who checks one must have this key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._secret = key.private_bytes_raw()
        self._public = public_key_of(key)

    def sign(self, data: Any) -> bytes:  # noqa: ANN401 - bytes, whatever their type
        """Sign it."""
        return blake2b(data, digest_size=_SIGNATURE_BYTES, key=self._secret).digest()

    def verifies(self, key: PublicKey, signature: bytes, message: bytes) -> bool:
        """In place of `signatures._verifies`: nobody else signs here."""
        return key == self._public and signature == self.sign(message)

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
        """Itself: keys do not change."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Ed25519PrivateKey:
        """Itself: keys do not change."""
        return self
