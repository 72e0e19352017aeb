"""Weights by name that fade by half in a given time, the largest kept."""

from collections.abc import Iterable

# New weights grow instead of old ones fading; when they are this large, all are scaled down.
_LARGEST = 2.0**40

# How far the names may outgrow their number before the smallest are dropped.
_SLACK = 1.25


class Fading:
    """Sums by name, in units of what is added now.

    Example:
        >>> seen = Fading(half_life_ms=1_000, kept=2)
        >>> seen.add(["milk"], 0)
        >>> seen.add(["milk", "bread"], 1_000)
        >>> seen.get("milk"), seen.get("bread"), seen.largest(1)
        (1.5, 1.0, ('milk',))
    """

    def __init__(self, half_life_ms: int, kept: int) -> None:
        self._half_life_ms = half_life_ms
        self._kept = kept
        self._weights: dict[str, float] = {}
        self._from_ms: int | None = None
        self._unit = 1.0

    def __contains__(self, name: str) -> bool:
        return name in self._weights

    def add(self, names: Iterable[str], time_ms: int) -> None:
        """Add one to each name. Time does not run back: what comes late counts as now."""
        if self._from_ms is None:
            self._from_ms = time_ms
        self._unit = max(self._unit, 2.0 ** min(80.0, (time_ms - self._from_ms) / self._half_life_ms))
        weights = self._weights
        for name in names:
            weights[name] = weights.get(name, 0.0) + self._unit
        if self._unit > _LARGEST:
            self._weights = {name: weight / self._unit for name, weight in weights.items()}
            self._from_ms, self._unit = time_ms, 1.0
        if len(self._weights) > _SLACK * self._kept:
            best = self.largest(self._kept)
            self._weights = {name: self._weights[name] for name in best}

    def get(self, name: str) -> float:
        """The weight of a name, 0 for none."""
        return self._weights.get(name, 0.0) / self._unit

    def values(self) -> dict[str, float]:
        """All weights by name."""
        unit = self._unit
        return {name: weight / unit for name, weight in self._weights.items()}

    def largest(self, count: int) -> tuple[str, ...]:
        """The names with the largest weights, in their order; equal ones by name."""
        weights = self._weights
        return tuple(sorted(weights, key=lambda name: (-weights[name], name))[:count])
