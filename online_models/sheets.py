"""What a model was at past log times, so that an example can be judged as of its own time.

Models are linear, so one that was written down is small. One sheet a day of log time is enough: what a model learns
within a day moves its predictions by less than they are worth.
"""

from collections import deque
from typing import Generic, TypeVar

from features.event_time import DAY_MS

SheetT = TypeVar("SheetT")

# An example is read some time after its label matured: up to a tick, and up to the lag of its partition. For so much
# longer than the horizon are sheets kept; of examples a quarter of a day late, every fourth found its sheet gone.
_SLACK_MS = 2 * DAY_MS


class SheetBook(Generic[SheetT]):
    """The sheets of the last horizon, one a day of log time.

    Example:
        >>> book = SheetBook(horizon_days=30)
        >>> book.is_due(5), book.at(5)
        (True, None)
        >>> book.write(5, "as of day 0")
        >>> book.is_due(6), book.at(4), book.at(99 * DAY_MS)
        (False, None, 'as of day 0')
    """

    def __init__(self, horizon_days: int) -> None:
        self._kept_ms = horizon_days * DAY_MS + _SLACK_MS
        self._sheets: deque[tuple[int, SheetT]] = deque()

    def at(self, time_ms: int) -> SheetT | None:
        """The newest sheet written at or before `time_ms`; None where there is none that old."""
        found = None
        for written_ms, sheet in self._sheets:  # from the oldest on: a label that matured asks for one of the first
            if written_ms > time_ms:
                break
            found = sheet
        return found

    def is_due(self, log_time_ms: int) -> bool:
        """Whether a new day has begun since the last sheet."""
        return not self._sheets or log_time_ms // DAY_MS > self._sheets[-1][0] // DAY_MS

    def write(self, log_time_ms: int, sheet: SheetT) -> None:
        """Add the sheet of a new day, and drop those that no label can ask for any more."""
        self._sheets.append((log_time_ms, sheet))
        while len(self._sheets) > 1 and self._sheets[1][0] <= log_time_ms - self._kept_ms:
            self._sheets.popleft()
