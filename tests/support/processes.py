"""Worker processes for tests: started, watched, killed one by one by their own pid."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

READY = '"event": "ready"'

_POLL_S = 0.1
_STOP_TIMEOUT_S = 30.0


def eventually(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait until `holds`; fail with `what` when it does not in time."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(_POLL_S)


class WorkerProcess:
    """One worker with its own data folder and log file; a context manager, so nothing is left behind.

    Args:
        folder: Where data and log go.
        environment: Settings (`TIERSTREAM_...`) and what the module reads.
        module: What to run, and its arguments.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], module: tuple[str, ...] = ("tests.support.toy_worker",)
    ) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self._environment = dict(environment)
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Process id of the running worker."""
        assert self._process is not None
        return self._process.pid

    def start(self, **more: str) -> Self:
        """Start it, with more environment for this start only; what it says is appended to `log`."""
        assert self._process is None
        self._output = self.log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._module],
            env={**os.environ, **self._environment, "TIERSTREAM_DATA_DIR": str(self.data), **more},
            stdout=self._output,
            stderr=subprocess.STDOUT,
            cwd=Path(__file__).parents[2],
        )
        return self

    @property
    def started(self) -> bool:
        """Whether there is a process that nobody has waited for."""
        return self._process is not None

    @property
    def returncode(self) -> int | None:
        """Exit code, None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def said(self, text: str) -> int:
        """How often the log holds `text`."""
        return self.log.read_text(errors="replace").count(text) if self.log.exists() else 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, within_s: float = _STOP_TIMEOUT_S) -> int:
        """Wait for its end; returns the exit code."""
        assert self._process is not None
        assert self._output is not None
        code = self._process.wait(within_s)
        self._process = None
        self._output.close()
        return code

    def stop(self, within_s: float = _STOP_TIMEOUT_S) -> int:
        """Ask it to stop (SIGTERM) and wait; returns the exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait(within_s)

    def kill(self) -> None:
        """Kill it (SIGKILL), if it runs."""
        if self._process is not None:
            self._process.kill()
            self.wait()

    def lose_data(self) -> None:
        """Delete its data folder, as if the disk were gone."""
        shutil.rmtree(self.data, ignore_errors=True)
