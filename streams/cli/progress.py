"""Progress on anything that takes over a second: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

# How often a line is printed where nobody watches a bar; a log wants to show life, not to fill up.
_LINE_EVERY_S = 5.0

Advance = Callable[[int], None]


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Advance]:
    """Show progress on standard error while the block runs; call what it yields with the number of items done since."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.update(task, advance=count)
        return
    lines = _Lines(what, total)
    yield lines.advance
    lines.show()


class _Lines:
    def __init__(self, what: str, total: int | None) -> None:
        self._what = what
        self._of = "" if total is None else f" of {total:,}"
        self._done = 0
        self._next_s = time.monotonic() + _LINE_EVERY_S

    def advance(self, count: int) -> None:
        self._done += count
        if time.monotonic() >= self._next_s:
            self.show()
            self._next_s = time.monotonic() + _LINE_EVERY_S

    def show(self) -> None:
        print(f"{self._what}: {self._done:,}{self._of}", file=sys.stderr, flush=True)  # noqa: T201 - this is the output
