"""Traps: something happens to a process the N-th time that it reaches a named point of its work.

The campaign writes a trap into the process's folder; the process looks for one at every point it passes.
"""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec

What = Literal["kill", "stop"]

_SIGNALS: dict[What, signal.Signals] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
_FILE = "trap"


class Trap(msgspec.Struct, frozen=True):
    """What happens when `point` is reached for the `times`-th time."""

    what: What
    point: str
    times: int


def set_trap(folder: Path, trap: Trap) -> None:
    """Lay a trap for the process of this folder."""
    beside = folder / f"{_FILE}.new"
    beside.write_bytes(msgspec.json.encode(trap))
    beside.replace(folder / _FILE)


def clear_trap(folder: Path) -> None:
    """Take away a trap that nobody has found."""
    (folder / _FILE).unlink(missing_ok=True)


class Trapped:
    """In the process: call `passes` at each named point.

    Args:
        folder: Where traps are laid.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE
        self._trap: Trap | None = None
        self._seen: Counter[str] = Counter()

    def passes(self, point: str) -> None:
        """Fall into the trap, if there is one here."""
        if not self._file.exists():
            self._trap = None
            return
        if self._trap is None:
            self._trap = msgspec.json.decode(self._file.read_bytes(), type=Trap)
            self._seen.clear()
        self._seen[point] += 1
        if self._trap.point == point and self._seen[point] >= self._trap.times:
            what, self._trap = self._trap.what, None
            self._file.unlink()
            os.kill(os.getpid(), _SIGNALS[what])
