"""Clocks of a campaign: the history's, which its ticks carry, and each process's own, which a fault can set.

A worker's ticker writes the time of the history, which runs with the producer. A clock that is set wrong is wrong for
all Python code of the process, Faust's and aiokafka's too; the monotonic clock goes on, as it does in earnest.
"""

import time
from pathlib import Path

import msgspec

from streams.ticker import Ticker

_FILE = "clock"
_MS_PER_S = 1_000
_NS_PER_S = 1_000_000_000
# The producer may be held up by a broker; ticks should seldom be ahead of it.
_BEHIND_S = 3.0


class HistoryClock(msgspec.Struct, frozen=True):
    """The history began at `start_s` (wall clock) with `start_ms`, takes `seconds`, and spans `span_ms`."""

    start_s: float
    start_ms: int
    seconds: float
    span_ms: int

    def at(self, wall_s: float) -> int:
        """The history's time in ms at a time of the wall clock.

        Example:
            >>> clock = HistoryClock(100.0, 5_000, 10.0, 1_000)
            >>> [clock.at(wall_s) for wall_s in (100.0, 108.0, 999.0)]
            [5000, 5500, 6000]
        """
        share = (wall_s - _BEHIND_S - self.start_s) / self.seconds
        return self.start_ms + int(self.span_ms * min(1.0, max(0.0, share)))


def set_clock(folder: Path, ahead_s: float) -> None:
    """Set the clock of the folder's process wrong by so much."""
    beside = folder / f"{_FILE}.new"
    beside.write_text(str(ahead_s), encoding="ascii")
    beside.replace(folder / _FILE)


def write_history_clock(file: Path, clock: HistoryClock) -> None:
    """Let the history begin for everybody who looks at this file."""
    beside = file.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(clock))
    beside.replace(file)


def follow_clock(folder: Path, history: Path) -> None:
    """In the process: read the time as the folder has it set, and let tickers write the history's time.

    Args:
        folder: Where this process's clock is set.
        history: The file of the history's clock; before there is one, nothing ticks.
    """
    file = folder / _FILE
    true_time = time.time

    def ahead_s() -> float:
        try:
            return float(file.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0.0

    def wrong_time() -> float:
        return true_time() + ahead_s()

    def wrong_time_ns() -> int:
        return int(wrong_time() * _NS_PER_S)

    def history_ms() -> int | None:
        if not history.exists():
            return None
        clock = msgspec.json.decode(history.read_bytes(), type=HistoryClock)
        return clock.at(true_time()) + int(ahead_s() * _MS_PER_S)

    async def tick(self: Ticker, _now_ms: int) -> None:
        now_ms = history_ms()
        if now_ms is not None:
            await tick_truly(self, now_ms)

    tick_truly = Ticker.tick
    time.time, time.time_ns = wrong_time, wrong_time_ns
    setattr(Ticker, "tick", tick)  # noqa: B010 - an assignment that no type checker would accept
