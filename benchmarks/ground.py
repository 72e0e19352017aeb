"""What every run on Kafka stands on: a broker of its own, topics with a policy in them, and real worker processes."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from benchmarks.contender import POLICY_FILE, TAIL_CHARACTERS
from deploy.kafka import KafkaCluster
from deploy.kafka.config import HOST
from deploy.kafka.ports import free_ports
from features.errors import BrokerError
from streams.controls import public_key_of
from streams.keys import make_signing_key
from streams.policy_files import first_policy
from streams.publishing import publish_first_policy
from streams.settings import Settings
from streams.topic_admin import TopicAdmin

_POLL_S = 0.02
_TIMEOUT_S = 300.0
_OK = 200
# Everything that a worker is told goes through its environment, as in a container.
_VARIABLE = "TIERSTREAM_"


class Ground:
    """A broker with topics. A context manager: the broker ends with it.

    Args:
        folder: For data, logs and the signing key.
        partitions: Of the topics.
        ticker: `live` makes topics that stamp records on arrival, and workers that write ticks.
        group_delay_ms: How long the broker waits for more workers before it assigns partitions to the first.
    """

    def __init__(self, folder: Path, partitions: int, *, ticker: str = "off", group_delay_ms: int = 0) -> None:
        self.folder = folder
        self._partitions = partitions
        self._ticker = ticker
        delay = {"group.initial.rebalance.delay.ms": group_delay_ms}
        self._cluster = KafkaCluster(throughput=True, heap_mib=1_024, properties=delay)

    def __enter__(self) -> Self:
        self._cluster.start()
        self.key = make_signing_key(self.folder / "signing-key.pem")
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.stop()

    def settings(self, app_id: str, prefix: str, **others: object) -> Settings:
        """Settings of a programme on this broker."""
        return Settings.load(
            None,
            {},
            {
                "bootstrap_servers": self._cluster.bootstrap,
                "app_id": app_id,
                "topic_prefix": prefix,
                "partitions": self._partitions,
                "ticker": self._ticker,
                "signing_key_file": str(self.folder / "signing-key.pem"),
                "standby_replicas": 0,
                **others,
            },
        )

    def make_topics(self, settings: Settings) -> None:
        """Make the topics and write the policy into each partition."""
        TopicAdmin(settings).ensure()
        publish_first_policy(settings, first_policy(POLICY_FILE, (public_key_of(self.key),)), self.key)


class Worker:
    """`tierstream worker` in a process of its own. A context manager: it is killed at the end.

    Args:
        settings: What it is told, its own data folder excepted.
        folder: For its data and its log.
        name: Of its data folder; with the name of an earlier worker it finds that one's rows.
        module: What is run instead of the command `tierstream`, with the same arguments.
    """

    def __init__(self, settings: Settings, folder: Path, name: str, module: str = "streams.cli") -> None:
        self._settings = settings
        self._module = module
        self._folder = folder
        self._name = name
        self.web_port = free_ports(1, HOST)[0]
        self.started_s = 0.0

    def __enter__(self) -> Self:
        self._log = (self._folder / f"{self._name}.log").open("ab")
        command = [sys.executable, "-m", self._module, "worker", "--web-port", str(self.web_port)]
        told = {**os.environ, **self._environment(), f"{_VARIABLE}DATA_DIR": str(self._folder / self._name)}
        self.started_s = time.monotonic()
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, env=told)  # noqa: S603 - ours
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._log.close()

    def _environment(self) -> Mapping[str, str]:
        names = set(Settings.__struct_fields__) - {"data_dir", "web_port", "policy_file"}
        return {f"{_VARIABLE}{name.upper()}": str(getattr(self._settings, name)) for name in sorted(names)}

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a machine that is gone."""
        self._process.kill()
        self._process.wait()

    def is_ready(self) -> bool:
        """Whether its rows are complete and records flow."""
        return self._get("/ready/") is not None

    def await_ready(self) -> float:
        """Wait until it is ready; returns the seconds since it was started.

        Raises:
            BrokerError: it ended, or takes too long.
        """
        deadline = time.monotonic() + _TIMEOUT_S
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / f"{self._name}.log").read_text(encoding="utf-8", errors="replace")
                raise BrokerError(f"worker {self._name} is not ready:\n{said[-TAIL_CHARACTERS:]}")
            time.sleep(_POLL_S)
        return time.monotonic() - self.started_s

    def metric(self, name: str) -> dict[str, float]:
        """Values of a metric by the text of its labels; empty while it does not answer.

        Raises:
            BrokerError: it has ended.
        """
        if self._process.poll() is not None:
            said = (self._folder / f"{self._name}.log").read_text(encoding="utf-8", errors="replace")
            raise BrokerError(f"worker {self._name} has ended:\n{said[-TAIL_CHARACTERS:]}")
        values: dict[str, float] = {}
        for line in (self._get("/metrics/") or "").splitlines():
            if line.startswith(name):
                labelled, _, value = line.rpartition(" ")
                values[labelled.removeprefix(name)] = float(value)
        return values

    def rss_mib(self) -> float:
        """Resident memory, MiB (Linux)."""
        return status_kib(self.pid, "VmRSS:") / 1024

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.web_port}{path}", timeout=5) as answer:
                body: bytes = answer.read()
                return body.decode() if answer.status == _OK else None
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None


def status_kib(pid: int, name: str) -> int:
    """A line of a process's status in KiB, such as VmRSS: or VmHWM: (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
