"""What an action costs among ten thousand, a hundred thousand, a million and five million members on disk.

One partition holds all of them, which is the worst case: a worker has several partitions, and each keeps as many
members in memory as this one. Stores are written as sorted files, so they are as tidy as after a full compaction.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import rocksdict

from benchmarks.memory import batches
from benchmarks.population import TOPIC_ID, Population, first_of
from benchmarks.report import Spread
from benchmarks.workloads import WorkloadName
from streams.collector import collect_seldom
from streams.controls import tick_record
from streams.members import DEFAULT_CACHED_MEMBERS
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.replay import REPLAY_KEY
from streams.store_options import store_options
from streams.stores import RocksPartition

SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
_CACHE_BYTES = 32 * 1024 * 1024
_SEGMENTS = 5
# Actions of a segment, and after how many there is a tick: as many as the data have in six hours.
_SEGMENT = {"lines": 4_000, "baskets": 1_000, "browse": 4_000}
_TICK_EVERY = {"lines": 1_000, "baskets": 110, "browse": 1_000}


class Town:
    """A store of so many members and the fold over it."""

    def __init__(self, population: Population, members: int, folder: Path) -> None:
        self._population = population
        self._members = members
        self._folder = folder / str(members)
        self._folder.mkdir()
        _write_files(members, self._folder)
        self._store = RocksPartition(self._folder / "db", b"scale", _CACHE_BYTES)
        files = [str(file) for file in sorted(self._folder.glob("*.sst"))]
        # No worker fills a store this way, so the store has no method for it.
        self._store._db.ingest_external_file(files, _moving())  # noqa: SLF001 - see above
        self._store.write(population.partition_rows(TOPIC_ID), 0)
        self.disk_bytes = sum(file.stat().st_size for file in (self._folder / "db").iterdir())
        self._fold = PartitionFold(0, TOPIC_ID, self._store)
        self._streams: dict[WorkloadName, Iterator[tuple[int, str, bytes]]] = {}

    def settle(self, workload: WorkloadName) -> None:
        """Bring those into memory whom a worker would have there: the busy ones, or all if they are few."""
        population = self._population
        if self._members <= DEFAULT_CACHED_MEMBERS:
            for number in range(self._members):
                self._fold.member(population.member_id(number))
        self._streams[workload] = population.upcoming(workload, self._members)
        self.run(workload)

    def run(self, workload: WorkloadName) -> float:
        """CPU microseconds per action of the next segment, writing to the store included."""
        count = _SEGMENT[workload]
        log = self._log(first_of(self._streams[workload], count), _TICK_EVERY[workload])
        started = time.process_time()
        for some in batches(log, self._fold, first=log[0].offset):
            batch = self._fold.fold(some)
            self._store.write(batch.rows, batch.mark)
            self._fold.landed(batch.mark)
        return (time.process_time() - started) / count * 1e6

    def _log(self, actions: Sequence[tuple[int, str, bytes]], tick_every: int) -> list[LogRecord]:
        log: list[LogRecord] = []
        latest_ms = self._fold.log_time_ms
        for number, (time_ms, member_id, value) in enumerate(actions):
            latest_ms = max(latest_ms, time_ms)
            if number % tick_every == 0:
                tick = tick_record(latest_ms, REPLAY_KEY)
                log.append(LogRecord(0, self._fold.mark + 1 + len(log), latest_ms, None, tick))
            log.append(LogRecord(0, self._fold.mark + 1 + len(log), latest_ms, member_id.encode(), value))
        return log

    def close(self) -> None:
        """Give the files back."""
        self._store.close()


def _moving() -> "rocksdict.IngestExternalFileOptions":
    options = rocksdict.IngestExternalFileOptions()
    options.set_move_files(True)
    return options


def _write_files(members: int, folder: Path) -> None:
    """Sorted files of all rows: half the members by a process of its own, since there are two cores."""
    half = members // 2
    command = [sys.executable, "-m", "benchmarks.members", str(members), str(half), str(folder)]
    with subprocess.Popen(command) as other:  # noqa: S603 - our own module
        population = Population()
        _write_members(population, 0, half, folder / "a.sst")
        rows = rocksdict.SstFileWriter(options=store_options(_CACHE_BYTES))
        rows.open(str(folder / "due.sst"))
        for key, row in population.due_rows(members):
            rows[key] = row
        rows.finish()
        if other.wait():
            raise ChildProcessError(f"{' '.join(command)} ended with {other.returncode}")


def _write_members(population: Population, start: int, stop: int, path: Path) -> None:
    rows = rocksdict.SstFileWriter(options=store_options(_CACHE_BYTES))
    rows.open(str(path))
    for number in range(start, stop):
        for key, row in population.member_rows(number):
            rows[key] = row
    rows.finish()


def measure_members(sizes: Sequence[int] = SIZES, segments: int = _SEGMENTS) -> dict[str, object]:
    """Costs by size, segment by segment in turn so that other load on the machine hits all sizes alike."""
    collect_seldom()
    population = Population()
    costs: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="tierstream-members-") as folder:
        towns = {size: Town(population, size, Path(folder)) for size in sizes}
        result: dict[str, object] = {
            "disk_bytes_per_member": {str(size): round(town.disk_bytes / size) for size, town in towns.items()}
        }
        for workload in ("lines", "baskets"):
            for town in towns.values():
                town.settle(workload)
            runs = {size: [0.0] * segments for size in sizes}
            for segment in range(segments):
                for size, town in towns.items():
                    runs[size][segment] = town.run(workload)
            costs[workload] = {str(size): round(median(run), 1) for size, run in runs.items()}
            for size in sizes[1:]:
                ratios = [many / few for few, many in zip(runs[sizes[0]], runs[size], strict=True)]
                key = f"cost_{_short(size)}_over_{_short(sizes[0])}" + ("" if workload == "lines" else f"_{workload}")
                result[key] = round(Spread.of(ratios).median, 3)
        for town in towns.values():
            town.close()
    return {**result, "cpu_us_per_action": costs}


def _short(size: int) -> str:
    """A size as it stands in the report's keys: 10k, 1m."""
    million = 1_000_000
    return f"{size // million}m" if size % million == 0 else f"{size // 1_000}k"


if __name__ == "__main__":
    # The other half of `_write_files`.
    _write_members(Population(), int(sys.argv[2]), int(sys.argv[1]), Path(sys.argv[3]) / "b.sst")
    os._exit(0)
