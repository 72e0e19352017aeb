"""Signing keys in files: made once, readable by their owner only."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import SettingsError

_OWNER_ONLY = 0o600


def load_signing_key(path: Path | None) -> Ed25519PrivateKey:
    """Read a private key in PEM.

    Raises:
        SettingsError: there is no such file, or it holds no Ed25519 key.
    """
    if path is None:
        raise SettingsError("signing_key_file is not set: name the key that signs our own records (--key FILE)")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise SettingsError(f"{path}: no such signing key; `tierstream topics --key {path}` makes one") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: not a private key in PEM without a password ({error})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(f"{path}: holds another kind of key; ticks, weights and policies are signed with Ed25519")
    return key


def make_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the key, or make one where there is no file."""
    if path.exists():
        return load_signing_key(path)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as file:
        file.write(pem)
    return key
