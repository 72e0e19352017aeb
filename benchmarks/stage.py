"""Where contenders run: a real broker, logs that are written once, and processes that work them off in turn."""

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from benchmarks.contender import TAIL_CHARACTERS, Result, Task, encode_task
from benchmarks.ground import Ground
from benchmarks.workloads import lateness_ms
from features.errors import BrokerError
from streams.controls import tick_record
from streams.producing import produce_lines
from streams.progress import Progress
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

PARTITIONS = 4
# Competitors pin other versions of what the engine needs, so they live in an environment of their own.
COMPETITORS_PYTHON = Path(".venv-bench/bin/python")
_POLL_S = 0.2
_TIMEOUT_S = 600.0
# Workers that start together shall be assigned together.
_GROUP_DELAY_MS = 3_000


class Contender(msgspec.Struct, frozen=True):
    """How a contender is started: a module of this package, its further arguments, and in which environment."""

    module: str
    arguments: tuple[str, ...] = ()
    competitor: bool = False

    def command(self, task_file: Path) -> list[str]:
        """The command line."""
        python = str(COMPETITORS_PYTHON) if self.competitor else sys.executable
        return [python, "-m", f"benchmarks.{self.module}", str(task_file), *self.arguments]


class _Log(NamedTuple):
    ends: dict[int, int]
    actions: int


class Stage:
    """A broker of its own with some logs. A context manager: broker and contenders end with it.

    Args:
        folder: For data and logs of the contenders.
        logs: Lines of actions by name; the name is the prefix of the log's topics.
        partitions: Of the logs.
    """

    def __init__(self, folder: Path, logs: Mapping[str, Iterable[bytes]], partitions: int = PARTITIONS) -> None:
        self._folder = folder
        self._lines = logs
        self._ground = Ground(folder, partitions, group_delay_ms=_GROUP_DELAY_MS)
        self._partitions = partitions
        self._runs = 0
        self._logs: dict[str, _Log] = {}

    def __enter__(self) -> Self:
        self._ground.__enter__()
        key = self._ground.key
        for name, lines in self._lines.items():
            settings = self._ground.settings("log", name)
            self._ground.make_topics(settings)
            produced = produce_lines(
                settings, lines, lateness_ms=lateness_ms(), make_tick=lambda time_ms: tick_record(time_ms, key)
            )
            with Progress(settings) as progress:
                ends = {number: progress.end("actions", number) for number in range(self._partitions)}
            self._logs[name] = _Log(ends, produced.lines)
        return self

    def __exit__(self, *_: object) -> None:
        self._ground.__exit__()

    def run(self, contender: Contender, log: str, processes: int = 1) -> Result:
        """One run of a contender over a log, with topics and state of its own.

        Several processes work it off together: from the first record of any to the last one done.

        Raises:
            BrokerError: it ended without a result, or did not end.
        """
        self._runs += 1
        name = f"{contender.module.replace('_', '-')}-{self._runs}"
        settings = self._ground.settings(name, log)
        TopicAdmin(settings).ensure()
        tasks = [self._task(settings, number, shared=processes > 1) for number in range(processes)]
        with ExitStack() as stack:
            running = [stack.enter_context(_Running(contender, task)) for task in tasks]
            return running[0].result() if processes == 1 else self._together(running, log)

    def _together(self, running: list["_Running"], log: str) -> Result:
        results: dict[int, Result] = {}
        cpu_s = [0.0] * len(running)
        deadline = time.monotonic() + _TIMEOUT_S
        while len(results) < self._partitions:
            time.sleep(_POLL_S)
            for place, process in enumerate(running):
                process.check(deadline)
                for number, result in process.parts(range(self._partitions)):
                    results[number] = result
                    cpu_s[place] = max(cpu_s[place], result.cpu_s)
        began_s = min(result.began_s for result in results.values())
        ended_s = max(result.began_s + result.wall_s for result in results.values())
        rss_mib = max(result.rss_mib for result in results.values())
        return Result(self._logs[log].actions, ended_s - began_s, sum(cpu_s), rss_mib, began_s)

    def _task(self, settings: Settings, number: int, *, shared: bool) -> Task:
        folder = self._folder / f"{settings.app_id}-{number}"
        folder.mkdir(parents=True)
        log = self._logs[settings.topic_prefix]
        return Task(
            bootstrap=settings.bootstrap_servers,
            app_id=settings.app_id,
            topic_prefix=settings.topic_prefix,
            partitions=self._partitions,
            data_dir=folder / "data",
            signing_key=self._folder / "signing-key.pem",
            result=folder / "result.json",
            ends=log.ends,
            actions=log.actions,
            shared=shared,
        )


class _Running:
    """A contender's process. A context manager: it is killed at the end."""

    def __init__(self, contender: Contender, task: Task) -> None:
        self.task = task
        self._contender = contender

    def __enter__(self) -> Self:
        folder = self.task.result.parent
        (folder / "task.json").write_bytes(encode_task(self.task))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                self._contender.command(folder / "task.json"), stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def result(self) -> Result:
        """Wait for its result."""
        deadline = time.monotonic() + _TIMEOUT_S
        while not self.task.result.exists():
            self.check(deadline)
            time.sleep(_POLL_S)
        return msgspec.json.decode(self.task.result.read_bytes(), type=Result)

    def parts(self, partitions: Iterable[int]) -> Iterator[tuple[int, Result]]:
        """The partitions that it has finished."""
        for number in partitions:
            path = self.task.result.with_suffix(f".{number}")
            if path.exists():
                yield number, msgspec.json.decode(path.read_bytes(), type=Result)

    def check(self, deadline: float) -> None:
        """See that it runs.

        Raises:
            BrokerError: it does not, or the time is over.
        """
        ended = self._process.poll() is not None and not self.task.result.exists()
        if ended or time.monotonic() > deadline:
            said = self.task.result.with_name("log").read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
            raise BrokerError(f"the contender gave no result ({'it ended' if ended else 'it takes too long'}):\n{said}")
