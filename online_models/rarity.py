"""How rare a value is among those of late, in bounded memory."""

from math import log1p, log10

# Shares are kept of so many steps; between two of them is a factor of 1.19, from 0 to some millions.
_STEPS = 96
_STEPS_PER_E = 6.0

# What was counted half this many values ago counts half.
_HALF_LIFE = 20_000
_FADE = 0.5 ** (1 / _HALF_LIFE)
# Weights of new values grow instead of old ones fading; when they are this large, all are scaled down.
_LARGEST = 1e9


class Rarity:
    """The shares of recent values, by logarithmic steps.

    Example:
        >>> rarity = Rarity()
        >>> for value in range(1_000):
        ...     rarity.add(value % 10)
        >>> round(rarity.share_from(5), 1), rarity.share_from(1_000) < 0.002
        (0.5, True)
    """

    def __init__(self) -> None:
        self._shares = [0.0] * _STEPS
        self._total = 0.0
        self._weight = 1.0

    def add(self, value: float) -> None:
        """Count a value of 0 or more."""
        self._shares[_step(value)] += self._weight
        self._total += self._weight
        self._weight /= _FADE
        if self._weight > _LARGEST:
            self._shares = [share / self._weight for share in self._shares]
            self._total /= self._weight
            self._weight = 1.0

    def share_from(self, value: float) -> float:
        """The share of values that are at least this, the value itself counted in: never 0."""
        above = sum(self._shares[_step(value) :])
        return (above + self._weight) / (self._total + self._weight)


def _step(value: float) -> int:
    return min(_STEPS - 1, int(_STEPS_PER_E * log1p(max(0.0, value))))


def rarity_score(share: float) -> int:
    """A share as a score from 0 to 1,000: 250 for each power of ten.

    Example:
        >>> [rarity_score(share) for share in (1.0, 0.1, 0.001, 0.00025, 1e-9)]
        [0, 250, 750, 901, 1000]
    """
    return max(0, min(1_000, round(-250.0 * log10(share))))
