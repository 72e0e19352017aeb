"""Drift: has the world changed under a model?

ADWIN (Bifet and Gavalda 2007, "Learning from time-changing data with adaptive windowing", SIAM SDM) keeps a window of
recent errors and cuts it where its two ends disagree. It assumes independent values; errors of overlapping examples
are not, so it is fed the means of blocks, and only a rise of the error counts.
"""

from river import drift

_BLOCK = 64

# Chance of a false alarm per test of the window; ADWIN's bound is loose, so alarms are far rarer.
_DELTA = 0.002


class DriftWatch:
    """Watches one model's error.

    Example:
        >>> watch = DriftWatch()
        >>> any(watch.update(1.0 + i % 3) for i in range(20_000)), any(watch.update(4.0 + i % 3) for i in range(4_000))
        (False, True)
    """

    def __init__(self) -> None:
        self._detector = drift.ADWIN(delta=_DELTA)
        self._sum = 0.0
        self._count = 0
        self.alarms = 0

    def update(self, error: float) -> bool:
        """Add one error; True when the recent ones have become larger."""
        self._sum += error
        self._count += 1
        if self._count < _BLOCK:
            return False
        mean, self._sum, self._count = self._sum / _BLOCK, 0.0, 0
        before = float(self._detector.estimation)
        self._detector.update(mean)
        if self._detector.drift_detected and float(self._detector.estimation) > before:
            self.alarms += 1
            return True
        return False
