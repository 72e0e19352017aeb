"""Drift: has the world changed under a model?

ADWIN (Bifet and Gavalda 2007, "Learning from time-changing data with adaptive windowing", SIAM SDM) keeps a window of
recent errors and cuts it where its two ends disagree. It assumes independent values; errors of overlapping examples
are not, so it is fed the means of blocks, and only a rise of the error counts. Its bound has a part that does not know
how large errors are; so they are brought to one scale, that of the first blocks.

On the Complete Journey year no model's error raises an alarm; an error that is 25% larger from one day on is found
after some 20 blocks.
"""

from river import drift

_BLOCK = 64

# Blocks that set the scale, and what their mean becomes: large beside the part of the bound that knows no scale.
_SCALING_BLOCKS = 8
_SCALE = 10.0

# Chance of a false alarm per test of the window, and blocks between two tests (river waits for 32).
_DELTA = 1e-4
_CLOCK = 8


class DriftWatch:
    """Watches one model's error.

    Example:
        >>> watch = DriftWatch()
        >>> any(watch.update(1.0 + i % 3) for i in range(20_000)), any(watch.update(4.0 + i % 3) for i in range(4_000))
        (False, True)
    """

    def __init__(self) -> None:
        self._detector = drift.ADWIN(delta=_DELTA, clock=_CLOCK)
        self._sum = 0.0
        self._count = 0
        self._blocks = 0
        self._scaling = 0.0
        self.alarms = 0

    def update(self, error: float) -> bool:
        """Add one error; True when the recent ones have become larger."""
        self._sum += error
        self._count += 1
        if self._count < _BLOCK:
            return False
        mean, self._sum, self._count = self._sum / _BLOCK, 0.0, 0
        if self._blocks < _SCALING_BLOCKS or self._scaling <= 0.0:
            self._blocks += 1
            self._scaling += mean
            return False
        before = float(self._detector.estimation)
        self._detector.update(mean * _SCALE * self._blocks / self._scaling)
        if self._detector.drift_detected and float(self._detector.estimation) > before:
            self.alarms += 1
            return True
        return False
