"""What a judge has found: counts of what is wrong and of what was looked at."""

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b

_DIGEST_BYTES = 16
SHOWN = 3
"""So many of each kind of mistake are shown."""


@dataclass
class Findings:
    """Counts of what is wrong and of what was looked at, and the first few mistakes in words."""

    wrong: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    examples: list[bytes] = field(default_factory=list)
    weights_version: int = 0

    def mistake(self, kind: str, text: str) -> None:
        """One thing that should not be."""
        self.wrong[kind] += 1
        if self.wrong[kind] <= SHOWN:
            self.shown.append(f"{kind}: {text}")

    def add(self, other: "Findings") -> None:
        """Take in what was found elsewhere."""
        self.wrong.update(other.wrong)
        self.seen.update(other.seen)
        self.shown += other.shown
        self.examples += other.examples


def digest_of(value: bytes) -> bytes:
    """Stands for a long value.

    Example:
        >>> len(digest_of(b"x" * 1_000))
        16
    """
    return blake2b(value, digest_size=_DIGEST_BYTES).digest()
