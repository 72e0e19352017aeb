"""Which mixture a segment's members are shown: an epsilon-greedy bandit with known propensities."""

from hashlib import blake2b
from typing import Final, Literal

Mixture = Literal["habit", "popular", "content", "factors"]
MIXTURES: Final[tuple[Mixture, ...]] = ("habit", "popular", "content", "factors")

_BP = 10_000

# A mean forgets by half in about 700 lists, and begins as if ten lists had been as good as each other.
_FADE = 0.999
_PRIOR_LISTS = 10.0

KEPT_SEGMENTS: Final = 500


class Mixer:
    """Mean reward of each mixture, per segment.

    Example:
        >>> mixer = Mixer()
        >>> for _ in range(50):
        ...     mixer.learn("gold/many", "content", 0.4)
        >>> mixer.best("gold/many"), mixer.best("gold/few"), mixer.draw("gold/many", "17/cc46", explore_bp=0)
        ('content', 'popular', ('content', 10000))
    """

    def __init__(self) -> None:
        self._sums: dict[str, dict[Mixture, tuple[float, float]]] = {}
        self._mean = (0.0, 1e-9)

    def best(self, segment: str) -> Mixture:
        """The mixture with the highest mean; `popular` where nothing is known."""
        sums = self._sums.get(segment)
        if sums is None:
            return "popular"
        prior = self._mean[0] / self._mean[1]

        def mean(mixture: Mixture) -> float:
            reward, lists = sums.get(mixture, (0.0, 0.0))
            return (reward + _PRIOR_LISTS * prior) / (lists + _PRIOR_LISTS)

        return max(("popular", *MIXTURES), key=mean)

    def draw(self, segment: str, seed: str, explore_bp: int) -> tuple[Mixture, int]:
        """A mixture and the chance it had in basis points: the best, or with `explore_bp` any, by hash of `seed`."""
        best = self.best(segment)
        digest = blake2b(seed.encode(), digest_size=8, person=b"ts-mixture").digest()
        drawn = best
        if int.from_bytes(digest[:4], "big") % _BP < explore_bp:
            drawn = MIXTURES[digest[4] % len(MIXTURES)]
        chance_bp = explore_bp // len(MIXTURES) + (_BP - explore_bp if drawn == best else 0)
        return drawn, chance_bp

    def learn(self, segment: str, mixture: Mixture, reward: float) -> None:
        """Count what a list was worth, from 0 to 1."""
        if segment not in self._sums and len(self._sums) >= KEPT_SEGMENTS:
            del self._sums[next(iter(self._sums))]
        sums = self._sums.setdefault(segment, {})
        total, lists = sums.get(mixture, (0.0, 0.0))
        sums[mixture] = (_FADE * total + reward, _FADE * lists + 1.0)
        self._mean = (_FADE * self._mean[0] + reward, _FADE * self._mean[1] + 1.0)
