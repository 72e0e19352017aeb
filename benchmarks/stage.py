"""Where contenders run: a real broker, a log that is written once, and processes that work it off in turn."""

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import msgspec

from benchmarks.contender import POLICY_FILE, Result, Task, encode_task
from benchmarks.workloads import lateness_ms
from deploy.kafka import KafkaCluster
from features.errors import BrokerError
from streams.controls import public_key_of, tick_record
from streams.keys import make_signing_key
from streams.policy_files import first_policy
from streams.producing import produce_lines
from streams.progress import Progress
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

PARTITIONS = 4
# Competitors pin other versions of what the engine needs, so they live in an environment of their own.
COMPETITORS_PYTHON = Path(".venv-bench/bin/python")
_POLL_S = 0.2
_TIMEOUT_S = 1_800.0
_TAIL_CHARACTERS = 4_000


class Contender(msgspec.Struct, frozen=True):
    """How a contender is started: a module of this package, its further arguments, and in which environment."""

    module: str
    arguments: tuple[str, ...] = ()
    competitor: bool = False

    def command(self, task_file: Path) -> list[str]:
        """The command line."""
        python = str(COMPETITORS_PYTHON) if self.competitor else sys.executable
        return [python, "-m", f"benchmarks.{self.module}", str(task_file), *self.arguments]


class Stage:
    """A broker of its own with one log. A context manager: broker and contenders end with it.

    Args:
        folder: For data and logs of the contenders.
        lines: The actions of the log.
        partitions: Of the log.
    """

    def __init__(self, folder: Path, lines: Iterable[bytes], partitions: int = PARTITIONS) -> None:
        self._folder = folder
        self._lines = lines
        self._cluster = KafkaCluster(throughput=True, heap_mib=1_024)
        self._partitions = partitions
        self._runs = 0
        self._ends: dict[int, int] = {}
        self._actions = 0

    def __enter__(self) -> Self:
        self._cluster.start()
        settings = self._settings("log")
        key = make_signing_key(self._folder / "signing-key.pem")
        TopicAdmin(settings).ensure()
        publish_first_policy(settings, first_policy(POLICY_FILE, (public_key_of(key),)), key)
        produced = produce_lines(
            settings, self._lines, lateness_ms=lateness_ms(), make_tick=lambda time_ms: tick_record(time_ms, key)
        )
        self._actions = produced.lines
        with Progress(settings) as progress:
            self._ends = {number: progress.end("actions", number) for number in range(self._partitions)}
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.stop()

    def run(self, contender: Contender) -> Result:
        """One run of a contender, with topics and state of its own.

        Raises:
            BrokerError: it ended without a result, or did not end.
        """
        self._runs += 1
        name = f"{contender.module.replace('_', '-')}-{self._runs}"
        TopicAdmin(self._settings(name)).ensure()
        folder = self._folder / name
        folder.mkdir(parents=True)
        task = Task(
            bootstrap=self._cluster.bootstrap,
            app_id=name,
            topic_prefix="bench",
            partitions=self._partitions,
            data_dir=folder / "data",
            result=folder / "result.json",
            ends=self._ends,
            actions=self._actions,
        )
        (folder / "task.json").write_bytes(encode_task(task))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module
                contender.command(folder / "task.json"), stdout=log, stderr=log
            )
            try:
                _wait(process, task.result)
            finally:
                process.kill()
                process.wait()
        return msgspec.json.decode(task.result.read_bytes(), type=Result)

    def _settings(self, app_id: str) -> Settings:
        return Settings(
            bootstrap_servers=self._cluster.bootstrap,
            app_id=app_id,
            topic_prefix="bench",
            partitions=self._partitions,
            ticker="off",
        )


def _wait(process: subprocess.Popen[bytes], result: Path) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not result.exists():
        ended = process.poll() is not None and not result.exists()
        if ended or time.monotonic() > deadline:
            said = result.with_name("log").read_text(encoding="utf-8", errors="replace")[-_TAIL_CHARACTERS:]
            raise BrokerError(f"the contender gave no result ({'it ended' if ended else 'it takes too long'}):\n{said}")
        time.sleep(_POLL_S)
