"""What a contender process is told, what it measures, and what it reports.

A contender works off a log that is there already. It is timed from the first record in its hands until the last one is
done, whatever "done" means for it: start-up, assignment and the first fetch are not counted for anyone.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from streams.collector import collect_seldom
from streams.settings import Settings

POLICY_FILE = Path("deploy/policies/retail.toml")
TAIL_CHARACTERS = 4_000  # of a log, where a process failed


class Task(msgspec.Struct, frozen=True):
    """One run: where the log is, where it ends (offset per partition), and where the answer goes.

    `shared`: several processes work it off together, and each says which partitions it has finished.
    """

    bootstrap: str
    app_id: str
    topic_prefix: str
    partitions: int
    data_dir: Path
    signing_key: Path
    result: Path
    ends: dict[int, int]
    actions: int
    shared: bool = False

    def settings(self) -> Settings:
        """The same as a worker's settings."""
        return Settings(
            bootstrap_servers=self.bootstrap,
            app_id=self.app_id,
            topic_prefix=self.topic_prefix,
            partitions=self.partitions,
            data_dir=self.data_dir,
            signing_key_file=self.signing_key,
            ticker="off",
            standby_replicas=0,
            web_port=0,
            session_timeout_ms=30_000,
        )


class Result(msgspec.Struct, frozen=True):
    """Actions done, how long it took on the clock and on the CPU (all threads of the process), and peak memory.

    `fold_s` is the CPU time that went into the pure fold, 0 where it is not told apart.
    """

    actions: int
    wall_s: float
    cpu_s: float
    rss_mib: float
    began_s: float = 0.0  # on the monotonic clock, which all processes of a machine share
    fold_s: float = 0.0

    @property
    def actions_per_s(self) -> float:
        """Actions per second on the clock."""
        return self.actions / self.wall_s


def read_task(arguments: Sequence[str]) -> Task:
    """The task that a contender was started with: a JSON file."""
    return msgspec.json.decode(Path(arguments[1]).read_bytes(), type=Task, dec_hook=_paths)


def encode_task(task: Task) -> bytes:
    """The inverse of `read_task`."""
    return msgspec.json.encode(task, enc_hook=str)


def _paths(kind: type, value: str) -> Path:
    if kind is not Path:
        raise msgspec.ValidationError(f"a task has no field of type {kind.__name__}")
    return Path(value)


class Meter:
    """Times a run; when the end of the log is reached it writes the result and ends the process."""

    def __init__(self, task: Task) -> None:
        collect_seldom()  # as in the engine's worker, so that nobody has the better collector
        self._task = task
        self._waiting = dict(task.ends)
        self._started: tuple[float, float] | None = None
        self._fold_s = 0.0

    def begin(self) -> None:
        """A record is in hand. Only the first call counts."""
        if self._started is None:
            self._started = time.perf_counter(), time.process_time()

    @contextmanager
    def folding(self) -> Iterator[None]:
        """What is done meanwhile in this thread is the fold's."""
        started = time.thread_time()
        try:
            yield
        finally:
            self._fold_s += time.thread_time() - started

    def reached(self, partition: int, mark: int) -> bool:
        """Everything up to `mark` is done; returns whether that was the last."""
        if mark + 1 >= self._waiting.get(partition, sys.maxsize):
            del self._waiting[partition]
            if self._task.shared:
                self._write(self._task.result.with_suffix(f".{partition}"))
        return not self._waiting

    def finish(self) -> None:
        """Write the result and end the process at once: nobody needs its state."""
        self._write(self._task.result)
        os._exit(0)

    def _write(self, path: Path) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        begun = self._started or (wall, cpu)
        taken = wall - begun[0], cpu - begun[1]
        result = Result(self._task.actions, *taken, peak_mib(), begun[0], self._fold_s)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(msgspec.json.encode(result))
        part.replace(path)


def peak_mib() -> float:
    """The most memory that this process has had resident, MiB (Linux)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
