"""Secrets in files: one value each, as container platforms mount them."""

from pathlib import Path

from features.errors import SettingsError


def read_secret(path: Path | None) -> str:
    """The secret, without the line's end; empty where no file is named.

    Raises:
        SettingsError: the file cannot be read, or is empty.
    """
    if path is None:
        return ""
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise SettingsError(
            f"{path}: cannot be read ({type(failure).__name__}); name a file with the secret"
        ) from failure
    if not secret:
        raise SettingsError(f"{path}: is empty; put the secret into it")
    return secret
