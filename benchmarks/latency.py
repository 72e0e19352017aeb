"""How long it takes from producing an action to its ledger entry and its tier change, under load.

Loads are a quarter to nine tenths of what the worker can do.

Open loop: actions are sent when they are due, whether or not earlier ones are answered, and a latency counts from the
time at which the action was due, not from when it was sent. So a stall shows in every action that it made wait
(coordinated omission). The broker, the worker, the sender and the reader share the machine's cores.

`python -m benchmarks.latency --stages` tells, for the load of a half, where the actions spent that time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
from confluent_kafka import Producer

from benchmarks.contender import TAIL_CHARACTERS
from benchmarks.ground import Ground, Worker
from benchmarks.stages import Sent, stages_of
from benchmarks.stamped_worker import stamps_of
from features.errors import BrokerError
from loyalty.decisions import instant
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import topic_name

LOADS = (0.25, 0.5, 0.75, 0.9)
_HALF = 0.5
_PARTITIONS = 4
_CAPACITY_ACTIONS = 40_000
_SECONDS = 15.0
_WARM_SECONDS = 3.0
_MEMBERS = 10_000
_NEW_MEMBER_EVERY = 20
_SETTLE_S = 20.0
_NAP_S = 0.001
_PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}

# A purchase of one line by one of ten thousand members; every twentieth action is by someone new, who joins.
_ACTION = (
    '{"specversion":"1.0","id":"%s","source":"bench/load","type":"loyalty.action.purchase","time":"%s","subject":"%s",'
    '"data":{"amount":1299,"currency":"USD","order_id":"%s","items":[{"item_id":"p9","category":"dairy","quantity":1,'
    '"amount":1299}]}}'
)


class Sender:
    """Sends actions at their times. Ids are `round/number`, numbers count from 0."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(settings, "actions")
        self._producer = Producer(
            {"bootstrap.servers": settings.bootstrap_servers, "linger.ms": 1, "compression.type": "lz4", "log_level": 0}
        )
        members = [f"member-{number:05d}" for number in range(_MEMBERS)]
        self._members = [(member, partition_of(member.encode(), _PARTITIONS)) for member in members]
        self._stamp = (0, "")

    def send(self, name: str, number: int) -> None:
        """Send one action."""
        if number % _NEW_MEMBER_EVERY == 0:
            member = f"new-{name}-{number}"
            partition = partition_of(member.encode(), _PARTITIONS)
        else:
            member, partition = self._members[number * 7_919 % _MEMBERS]
        second = int(time.time())
        if second != self._stamp[0]:
            self._stamp = second, instant(second * 1_000).isoformat()
        event_id = f"{name}/{number}"
        self._producer.produce(
            self._topic, _ACTION % (event_id, self._stamp[1], member, event_id), member, partition=partition
        )

    def flood(self, name: str, count: int) -> None:
        """Send as fast as possible."""
        for number in range(count):
            self.send(name, number)
            if number % 1_000 == 0:
                self._producer.poll(0)
        self._producer.flush()

    def run(self, name: str, rate: float, seconds: float) -> float:
        """Send at `rate` per second; returns the monotonic time at which number 0 was due."""
        started = time.monotonic()
        sent, count = 0, int(rate * seconds)
        while sent < count:
            due = min(count, int((time.monotonic() - started) * rate) + 1)
            for number in range(sent, due):
                self.send(name, number)
            sent = due
            self._producer.poll(0)
            time.sleep(_NAP_S)
        self._producer.flush()
        return started


class Reader:
    """`benchmarks.latency_reader` in a process of its own: notes when each entry and tier change arrives."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._out = folder / "arrivals"
        self._command = [sys.executable, "-m", "benchmarks.latency_reader", settings.bootstrap_servers]
        self._command += [settings.topic_prefix, str(self._out)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 - our own module
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def arrivals(self, name: str, entries: int) -> dict[str, dict[int, float]]:
        """Arrival times of a run by kind and number, once so many entries have come."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            arrived = self._read().get(name, {"entry": {}, "tier": {}})
            if len(arrived["entry"]) >= entries:
                return arrived
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise BrokerError(f"run {name}: {len(arrived['entry'])} of {entries} entries came in {_SETTLE_S} s")
            time.sleep(1.0)

    def _read(self) -> dict[str, dict[str, dict[int, float]]]:
        runs: dict[str, dict[str, dict[int, float]]] = {}
        if self._out.exists():
            for line in self._out.read_text(encoding="ascii").splitlines(keepends=True):
                if line.endswith("\n"):
                    kind, event_id, at = line.split()
                    name, _, number = event_id.rpartition("/")
                    runs.setdefault(name, {"entry": {}, "tier": {}})[kind].setdefault(int(number), float(at))
        return runs


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """The usual ones.

    Example:
        >>> percentiles_ms([n / 1000 for n in range(1_000)])
        {'p50': 500.0, 'p99': 990.0, 'p999': 999.0}
    """
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {name: round(ordered[min(last, int(part * len(ordered)))] * 1_000, 1) for name, part in _PERCENTILES.items()}


def _capacity(sender: Sender, worker: Worker, reader: Reader) -> float:
    """Actions per second that the worker gets through while nothing is held back."""
    sender.flood("warm", _CAPACITY_ACTIONS // 4)
    reader.arrivals("warm", _CAPACITY_ACTIONS // 4)
    sender.flood("capacity", _CAPACITY_ACTIONS)
    arrived = sorted(reader.arrivals("capacity", _CAPACITY_ACTIONS)["entry"].values())
    if not worker.is_ready():
        raise BrokerError(f"the worker is not ready any more (last {TAIL_CHARACTERS} characters of its log say why)")
    # From a tenth on, when everything is under way.
    skipped = len(arrived) // 10
    return (len(arrived) - skipped) / (arrived[-1] - arrived[skipped])


class _Run(NamedTuple):
    """A load that was put on, and when its entries and tier changes were read, by number."""

    sent: Sent
    arrived: dict[str, dict[int, float]]
    first: int  # the first number that counts

    def percentiles(self, kind: str) -> dict[str, float]:
        _, started_s, rate = self.sent
        return percentiles_ms(
            [at - started_s - number / rate for number, at in self.arrived[kind].items() if number >= self.first]
        )


def _put_on(name: str, rate: float, seconds: float, sender: Sender, reader: Reader) -> _Run:
    sent = Sent(name, sender.run(name, rate, seconds), rate)
    return _Run(sent, reader.arrivals(name, int(rate * seconds)), int(rate * _WARM_SECONDS))


def measure_latency(
    loads: Sequence[float] = LOADS, seconds: float = _SECONDS, *, with_stages: bool = False
) -> dict[str, object]:
    """Percentiles by load, for ledger entries and for tier changes.

    Args:
        loads: Parts of the capacity.
        seconds: How long each lasts.
        with_stages: Have the worker note when each action passes each stage, and add a table of them for each load.
    """
    with tempfile.TemporaryDirectory(prefix="tierstream-latency-") as name:
        folder = Path(name)
        with Ground(folder, _PARTITIONS, ticker="live") as ground:
            settings = ground.settings("latency", "live")
            ground.make_topics(settings)
            module = "benchmarks.stamped_worker" if with_stages else "streams.cli"
            with Worker(settings, folder, "worker", module) as worker, Reader(settings, folder) as reader:
                worker.await_ready()
                sender = Sender(settings)
                capacity = _capacity(sender, worker, reader)
                # The broker's JVM goes on compiling for some ten seconds of load, on the worker's cores.
                _put_on("settling", _HALF * capacity, seconds, sender, reader)
                runs = {str(load): _put_on(f"load-{load}", load * capacity, seconds, sender, reader) for load in loads}
        measured: dict[str, object] = {
            "capacity_actions_per_s": round(capacity),
            "latency_ms": {load: run.percentiles("tier") for load, run in runs.items()},
            "latency_ledger_ms": {load: run.percentiles("entry") for load, run in runs.items()},
        }
        if with_stages:
            notes = stamps_of(folder / "worker").read_bytes()
            measured["stages"] = {
                load: stages_of(notes, run.sent, run.arrived["entry"], run.first) for load, run in runs.items()
            }
    return measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("--stages", action="store_true", help="half load only, with the time spent in each stage")
    with_stages = parser.parse_args().stages
    measured = measure_latency((_HALF,) if with_stages else LOADS, with_stages=with_stages)
    print(msgspec.json.format(msgspec.json.encode(measured)).decode())  # noqa: T201 - a command's answer


if __name__ == "__main__":
    main()
