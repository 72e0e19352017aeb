"""A worker is lost: how long until another has its million members, with an empty disk and as a standby.

The changelog is filled with the rows of a million members, as a worker would leave it after compaction. The first
worker starts on an empty disk: that is what a worker without a standby copy finds. A second one joins with standby
copies; when they are complete, the first is killed, and the second has everything. Recovery counts from the assignment,
as the workers report it; how long Kafka takes to notice that the first one is gone is told apart.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from benchmarks.ground import Ground, Worker, status_kib
from benchmarks.population import Population, first_of
from features.errors import BrokerError
from streams.partitioning import partition_of
from streams.progress import Progress
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name

MEMBERS = 1_000_000
_PARTITIONS = 8
_SESSION_MS = 6_000  # the least that brokers take as shipped
_WORK_ACTIONS = 40_000
_TIMEOUT_S = 600.0
_POLL_S = 0.1
_IDLE_S = 2.0
_IDLE_SHARE = 0.1


class _Filler:
    """Writes records into partitions of a topic as fast as it goes."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "compression.type": "lz4",
                "linger.ms": 50,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )

    def write(self, partition: int, key: bytes | None, value: bytes, stamp_ms: int = 1) -> None:
        """Queue one record."""
        while True:
            try:
                self._producer.produce(self._topic, value, key, partition, timestamp=stamp_ms)
            except BufferError:
                self._producer.poll(_POLL_S)
            else:
                return

    def finish(self) -> None:
        """Wait until the broker has everything."""
        self._producer.flush()


def fill_changelog(settings: Settings, population: Population, members: int) -> int:
    """Write the rows of so many members, and behind them each partition's own; returns how many rows."""
    filler = _Filler(settings, topic_name(settings, "changelog"))
    rows = 0
    for number in range(members):
        partition = partition_of(population.member_id(number).encode(), _PARTITIONS)
        for key, row in _all_rows(population, number):
            filler.write(partition, key, row)
            rows += 1
    topic_id = TopicAdmin(settings).topic_id("actions")
    for partition in range(_PARTITIONS):
        for key, row in population.partition_rows(topic_id, _PARTITIONS):
            filler.write(partition, key, row)
    filler.finish()
    return rows


def _all_rows(population: Population, number: int) -> Iterator[tuple[bytes, bytes]]:
    yield from population.member_rows(number)
    due = population.due_row(number)
    if due is not None:
        yield due


def _work(settings: Settings, population: Population, members: int) -> None:
    """Let the worker do baskets of so many members that it keeps no more of them in memory than these."""
    filler = _Filler(settings, topic_name(settings, "actions"))
    for time_ms, member_id, value in first_of(population.upcoming("baskets", members), _WORK_ACTIONS):
        key = member_id.encode()
        filler.write(partition_of(key, _PARTITIONS), key, value, time_ms)
    filler.finish()
    deadline = time.monotonic() + _TIMEOUT_S
    with Progress(settings) as progress:
        while progress.lag():
            if time.monotonic() > deadline:
                raise BrokerError(f"{_WORK_ACTIONS} actions take more than {_TIMEOUT_S} s")
            time.sleep(_POLL_S)


def _recovery_s(worker: Worker) -> float:
    """Wait until a worker has recovered every partition; returns how long that took from the assignment."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        seconds = worker.metric("tierstream_recovery_seconds")
        if len(seconds) == _PARTITIONS and worker.is_ready():
            return max(seconds.values())
        if time.monotonic() > deadline:
            raise BrokerError(f"a worker has not recovered within {_TIMEOUT_S} s")
        time.sleep(_POLL_S)


def _await_idle(worker: Worker) -> None:
    """Wait until a worker has nothing to do, that is until its standby copies are complete."""
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        before = worker.cpu_s()
        time.sleep(_IDLE_S)
        if worker.cpu_s() - before < _IDLE_SHARE * _IDLE_S:
            return
    raise BrokerError(f"a standby is not complete within {_TIMEOUT_S} s")


def measure_recovery(members: int = MEMBERS) -> dict[str, object]:
    """Recovery times, memory and start-up time."""
    population = Population()
    with tempfile.TemporaryDirectory(prefix="tierstream-recovery-") as name:
        folder = Path(name)
        with Ground(folder, _PARTITIONS) as ground:
            settings = ground.settings("recovery", "recovery", session_timeout_ms=_SESSION_MS, standby_replicas=1)
            ground.make_topics(settings)
            rows = fill_changelog(settings, population, members)
            with Worker(settings, folder, "first") as first:
                recovery_s = _recovery_s(first)
                recovered_rss_mib = first.rss_mib()
                _work(settings, population, members)
                rss_mib, peak_mib = first.rss_mib(), status_kib(first.pid, "VmHWM:") / 1024
                disk = sum(file.stat().st_size for file in (folder / "first").rglob("*") if file.is_file())
                with Worker(settings, folder, "second") as second:
                    second.await_ready()
                    _await_idle(second)
                    killed_s = time.monotonic()
                    first.kill()
                    standby_s = _recovery_s(second)
                    gone_s = time.monotonic() - killed_s
            startup_s = _startup_s(ground, folder)
    return {
        "recovery_s": round(recovery_s, 1),
        "recovery_standby_s": round(standby_s, 1),
        "detection_s": round(gone_s - standby_s, 1),
        "recovery_rows": rows,
        "recovery_members": members,
        "rss_mib_1m": round(rss_mib),
        "rss_mib_1m_recovered": round(recovered_rss_mib),
        "rss_mib_1m_peak": round(peak_mib),
        "worker_disk_bytes_per_member": round(disk / members),
        "startup_s": round(startup_s, 1),
    }


def _startup_s(ground: Ground, folder: Path) -> float:
    """From starting a worker without any state to records flowing."""
    settings = ground.settings("startup", "startup")
    ground.make_topics(settings)
    with Worker(settings, folder, "startup") as worker:
        return worker.await_ready()


if __name__ == "__main__":
    print(msgspec.json.format(msgspec.json.encode(measure_recovery())).decode())  # noqa: T201 - a command's answer
