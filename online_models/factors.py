"""Online matrix factorisation of who buys what: Bayesian personalised ranking, one pair of items at a time.

Rendle et al. 2009, "BPR: Bayesian personalized ranking from implicit feedback" (UAI): what was bought is to rank above
what was not. The other item of a pair is drawn from the popular ones by hash, so a vector of a member says how the
member differs from the crowd. In numpy: river's factorisation machines are for ratings and take explicit targets.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIZE: Final = 16
_RATE = 0.05
_PENALTY = 0.01
_START = 0.1
_MOST_PAIRS = 20


class Factors:
    """A vector per member and per item, the latest ones kept."""

    def __init__(self, kept_members: int, kept_items: int) -> None:
        self._kept_members = kept_members
        self._kept_items = kept_items
        self._members: dict[str, Floats] = {}
        self._items: dict[str, Floats] = {}

    def learn(self, member: str, items: Sequence[str], popular: Sequence[str]) -> None:
        """Let each item of a basket rank above a popular one that is not in it."""
        others = [item for item in popular if item not in set(items)]
        mine = _vector(self._members, member, self._kept_members)
        if not others:
            return
        bought = list(items[:_MOST_PAIRS])
        start = int.from_bytes(blake2b(f"{member}/{items[0]}".encode(), digest_size=4).digest(), "big")
        drawn = [others[(start + 7 * place) % len(others)] for place in range(len(bought))]
        liked = np.array([_vector(self._items, item, self._kept_items) for item in bought])
        passed = np.array([_vector(self._items, item, self._kept_items) for item in drawn])
        missing = 1.0 / (1.0 + np.exp((liked - passed) @ mine))
        step = _RATE * (missing @ (liked - passed) / len(bought) - _PENALTY * mine)
        rises = _RATE * (np.multiply.outer(missing, mine) - _PENALTY * liked)
        falls = _RATE * (np.multiply.outer(missing, mine) + _PENALTY * passed)
        for item, rise in zip(bought, rises, strict=True):
            self._items[item] = self._items.get(item, np.zeros(SIZE)) + rise
        for item, fall in zip(drawn, falls, strict=True):
            self._items[item] = self._items.get(item, np.zeros(SIZE)) - fall
        self._members[member] = mine + step * len(bought)

    def lifts(self, member: str, items: Sequence[str], highest: float) -> list[float]:
        """How many times likelier than the crowd the member is to buy each item, within `1 / highest` to `highest`."""
        mine = self._members.get(member)
        if mine is None or not items:
            return [1.0] * len(items)
        none = np.zeros(SIZE)
        vectors = np.array([self._items.get(item, none) for item in items])
        bound = float(np.log(highest))
        lifts: list[float] = np.exp(np.clip(vectors @ mine, -bound, bound)).tolist()
        return lifts


def _vector(vectors: dict[str, Floats], name: str, kept: int) -> Floats:
    """The vector of a name; a new one begins small, in a direction of its own, and the oldest makes room for it."""
    vector = vectors.pop(name, None)
    if vector is None:
        raw = np.frombuffer(blake2b(name.encode(), digest_size=SIZE, person=b"ts-factors").digest(), dtype=np.uint8)
        vector = _START * (raw / 127.5 - 1.0)
        if len(vectors) >= kept:
            del vectors[next(iter(vectors))]
    vectors[name] = vector
    return vector
