"""What happened in a campaign, by the second: on the screen and in a file."""

import sys
import threading
import time
from pathlib import Path


class Journal:
    """Lines with their time since the beginning."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._path.write_text("", encoding="utf-8")
        self._begin = time.monotonic()
        self._lock = threading.Lock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begin

    def say(self, text: str) -> None:
        """Add a line."""
        line = f"{self.elapsed_s:8.1f}s  {text}\n"
        with self._lock:
            sys.stdout.write(line)
            sys.stdout.flush()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
