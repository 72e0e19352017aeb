"""A policy file and what it needs of the outside world, made into the record that travels in the log."""

from pathlib import Path

from features.errors import PolicyError
from loyalty.policy import Policy, parse_policy
from streams.controls import PolicyData, PublicKey
from streams.versions import ENGINES
from streams.zones import zone_rules


def read_policy(path: Path) -> tuple[str, Policy]:
    """Text and meaning of a policy file.

    Raises:
        PolicyError: it cannot be read, or has problems; all of them are listed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(str(path), [f"cannot be read ({error}); presets are in deploy/policies/"]) from error
    return text, parse_policy(text, str(path))


def first_policy(path: Path, public_keys: tuple[PublicKey, ...]) -> PolicyData:
    """Version 1 of a partition's policy: it applies to all event times until a later version does."""
    return later_policy(path, 1, 0, public_keys)


def later_policy(path: Path, version: int, effective_from_ms: int, public_keys: tuple[PublicKey, ...]) -> PolicyData:
    """A version of a partition's policy: it applies to event times from `effective_from_ms` on."""
    text, policy = read_policy(path)
    return PolicyData(
        version=version,
        effective_from_ms=effective_from_ms,
        engine=max(ENGINES),
        text=text,
        zone=zone_rules(policy.programme.time_zone).to_text(),
        public_keys=public_keys,
    )
