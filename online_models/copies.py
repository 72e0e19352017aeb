"""Copied texts: which of the recent ones a text nearly repeats.

MinHash (Broder 1997, "On the resemblance and containment of documents") over runs of characters: two texts agree in a
place of their signatures with a chance that is the share of runs they have in common. Signatures are looked up by bands
(Leskovec, Rajaraman and Ullman, "Mining of massive datasets", 3.4), so that a look-up does not depend on how many are
kept. The newest are kept, so memory is bounded.
"""

import re
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

# 16 bands of 4 places: texts with nine tenths of their runs in common meet in a band all but surely, those with a
# third of them once in six times, and then the whole signature says that they are no copies.
_BANDS = 16
_BAND_PLACES = 4
_PLACES = _BANDS * _BAND_PLACES

# Runs of characters that are compared, and how many a text must have to be anybody's: "very good" is everybody's.
_RUN = 4
_LEAST_RUNS = 20

LEAST_SIMILARITY = 0.8
"""Share of runs in common from which a text counts as a copy."""

KEPT_TEXTS = 20_000
"""How many of the newest texts are remembered; about 20 MB."""

_PRIME = (1 << 31) - 1


def _draws(what: bytes) -> Integers:
    """One number below the prime per place, the same in every process."""
    drawn = [blake2b(bytes((place,)), digest_size=4, person=what).digest() for place in range(_PLACES)]
    return np.array([[int.from_bytes(digest, "big") % (_PRIME - 1) + 1] for digest in drawn], dtype=np.int64)


_FACTORS, _TERMS = _draws(b"ts-factor"), _draws(b"ts-term")
_LETTERS = re.compile(r"[\W_]+")


class Original(NamedTuple):
    """A text that was there before: its writer, the key it is kept under, and the share of it that is repeated."""

    member: str
    key: str
    similarity: float


class _Kept(NamedTuple):
    member: str
    places: tuple[int, ...]


class CopyIndex:
    """The newest texts by what they have in common.

    Example:
        >>> index = CopyIndex()
        >>> text = "The best memory card that I have ever bought, and so cheap"
        >>> index.add("anne", "1", text), index.add("bert", "2", text.upper() + "!").key
        (None, '1')
        >>> index.add("carl", "3", "Stopped working after a week and they would not take it back")
    """

    def __init__(self, kept_texts: int = KEPT_TEXTS) -> None:
        self._kept_texts = kept_texts
        self._kept: dict[str, _Kept] = {}
        self._bands: dict[tuple[int, ...], str] = {}

    def add(self, member: str, key: str, text: str) -> Original | None:
        """Remember a text; returns the one it repeats, if any. A text that is too short to be anybody's is left out."""
        places = _signature(text)
        if places is None:
            return None
        original = self._nearest(places)
        bands = _bands(places)
        self._kept[key] = _Kept(member, places)
        for band in bands:
            self._bands[band] = key
        if len(self._kept) > self._kept_texts:
            self._forget(next(iter(self._kept)))
        return original

    def _nearest(self, places: tuple[int, ...]) -> Original | None:
        best: Original | None = None
        for key in dict.fromkeys([self._bands[band] for band in _bands(places) if band in self._bands]):
            kept = self._kept[key]
            alike = sum(map(int.__eq__, places, kept.places)) / _PLACES
            if alike >= LEAST_SIMILARITY and (best is None or alike > best.similarity):
                best = Original(kept.member, key, alike)
        return best

    def _forget(self, key: str) -> None:
        for band in _bands(self._kept.pop(key).places):
            if self._bands.get(band) == key:
                del self._bands[band]


def _signature(text: str) -> tuple[int, ...] | None:
    letters = _LETTERS.sub("", text.lower())
    runs = {crc32(letters[at : at + _RUN].encode()) % _PRIME for at in range(len(letters) - _RUN + 1)}
    if len(runs) < _LEAST_RUNS:
        return None
    hashed = (_FACTORS * np.array(sorted(runs), dtype=np.int64) + _TERMS) % _PRIME
    return tuple(hashed.min(axis=1).tolist())


def _bands(places: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Each band with its number, so that equal places of different bands do not meet."""
    return [(band, *places[band * _BAND_PLACES : (band + 1) * _BAND_PLACES]) for band in range(_BANDS)]
