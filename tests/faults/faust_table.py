"""What stock Faust loses and doubles on a real broker, and what this project's shell does: `make faust-report`.

Each case runs twice, once with each, bounded in time, and both count records per key: the sum of all counts is right or
it is not. Then this shell runs with protections taken away (`protections_table`). Writes docs/faust.md.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from deploy.kafka import KafkaCluster
from deploy.kafka.config import HOST
from tests.chaos.network import Network
from tests.faults.contenders import Contender, Ours, StockFaust
from tests.faults.protections_table import HEAD, climb
from tests.support.processes import WorkerProcess

RECORDS = 3_000
PER_SECOND = 1_000
_SETTLE_S = 60.0
_QUIET_S = 4.0
_READY_S = 40.0
_REFUSED_S = 15.0
_POLL_S = 0.25
_DELAY_S = 0.7
# Stock Faust commits every 2.8 s; this is some commits long.
_LATE_ROUNDS = 60
SLOW = "slow"

Played = tuple[str, str]
"""What was expected, and what came of it."""


class Case(NamedTuple):
    """A row of the table."""

    what: str
    play: Callable[[Contender, Network], Played]
    guarantee: str = "at_least_once"


def produce_while(contender: Contender, halfway: Callable[[], None]) -> None:
    """Produce steadily; act after a half of the records."""
    step = PER_SECOND // 10
    for at in range(0, RECORDS, step):
        contender.produce(step)
        time.sleep(0.1)
        if at == RECORDS // 2:
            halfway()


def produce_until(contender: Contender, holds: Callable[[], bool]) -> None:
    """Produce steadily until something holds, or for a while."""
    deadline = time.monotonic() + _READY_S
    while not holds() and time.monotonic() < deadline:
        contender.produce(PER_SECOND // 10)
        time.sleep(0.1)


def begin(worker: WorkerProcess, contender: Contender, **more: str) -> None:
    """Start a worker and wait until it has counted something."""
    worker.start(**more)
    before = contender.count()
    contender.produce(20)
    deadline = time.monotonic() + _READY_S
    while contender.count() == before and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def settle(contender: Contender, within_s: float = _SETTLE_S) -> None:
    """Wait until everything is committed and nothing changes any more; give up after a while."""
    deadline, since, last = time.monotonic() + within_s, time.monotonic(), -1
    while time.monotonic() < deadline:
        count, lag = contender.count(), contender.lag()
        if count != last:
            since, last = time.monotonic(), count
        if lag == 0 and time.monotonic() - since > _QUIET_S:
            return
        time.sleep(_POLL_S)


def counted(contender: Contender) -> Played:
    """All records, and what the counts add up to."""
    return f"{contender.produced:,}", f"{contender.count():,}"


def kill(contender: Contender, _network: Network) -> Played:
    """One kill -9 under load."""
    with contender.worker("one") as worker:
        begin(worker, contender)

        def strike() -> None:
            worker.kill()
            worker.start()

        produce_while(contender, strike)
        settle(contender)
    return counted(contender)


def rebalance(contender: Contender, _network: Network) -> Played:
    """A second worker joins under load, takes its share, and leaves in order."""
    with contender.worker("one") as one, contender.worker("two") as two:
        begin(one, contender)
        two.start()
        produce_until(contender, lambda: contender.members() == 2)
        produce_while(contender, lambda: None)
        two.send_signal(signal.SIGTERM)
        produce_until(contender, lambda: two.returncode is not None)
        produce_while(contender, lambda: None)
        settle(contender)
    return counted(contender)


def agent_raises(contender: Contender, _network: Network) -> Played:
    """The agent raises once; then the worker goes on or is started again."""
    with contender.worker("one") as worker:
        begin(worker, contender, **contender.raising())
        produce_while(contender, lambda: None)
        settle(contender)
        if worker.returncode is not None:
            worker.wait()
            worker.start()
            settle(contender)
    return counted(contender)


def changelog_refused(contender: Contender, _network: Network) -> Played:
    """The broker refuses changelog records for a while; then the worker starts again with an empty store."""
    with contender.worker("one") as worker:
        begin(worker, contender)
        contender.refuse_changelog(refuse=True)
        contender.produce(RECORDS // 2)
        settle(contender, _REFUSED_S)
        lag = contender.lag()
        contender.refuse_changelog(refuse=False)
        worker.kill()
        worker.lose_data()
        begin(worker, contender)
        settle(contender)
    expected, got = counted(contender)
    return expected, f"{got} ({'source offset committed' if lag == 0 else 'stopped, nothing acknowledged'})"


def changelog_late(contender: Contender, network: Network) -> Played:
    """Acknowledgements are late; how far is the source committed ahead of the changelog?"""
    with contender.worker("one", slow_address(contender)) as worker:
        begin(worker, contender)
        network.slow(SLOW, (1,), _DELAY_S)
        most = 0
        for _ in range(_LATE_ROUNDS):
            contender.produce(PER_SECOND // 4)
            time.sleep(_POLL_S)
            most = max(most, contender.ahead())
        network.heal(SLOW)
        settle(contender)
    return "0 records ahead", f"{most:,} records ahead"


def slow_address(contender: Contender) -> str:
    """Where the broker is reached through the link that is slowed."""
    return SLOW_ADDRESS[contender.bootstrap]


SLOW_ADDRESS: dict[str, str] = {}


def late_writer(contender: Contender, _network: Network) -> Played:
    """A dead worker's changelog write lands after its successor's; then the store is lost."""
    with contender.worker("one") as worker:
        begin(worker, contender)
        produce_while(contender, lambda: None)
        settle(contender)
        worker.kill()
        worker.lose_data()
        contender.write_late()
        begin(worker, contender)
        contender.produce(RECORDS // 10)
        settle(contender)
    return counted(contender)


CASES: Sequence[Case] = (
    Case("at-least-once, one kill -9", kill),
    Case("the same, no crash, a worker joins and leaves", rebalance),
    Case("`exactly_once`, one kill -9", kill, "exactly_once"),
    Case("`exactly_once`, no crash, a worker joins and leaves", rebalance, "exactly_once"),
    Case("the agent raises on one event", agent_raises),
    Case("the broker refuses changelog records, then the store is lost", changelog_refused),
    Case(f"everything is acknowledged {2 * _DELAY_S:.1f} s late: commits ahead of the changelog", changelog_late),
    Case("a dead worker's changelog write lands after its successor's", late_writer),
)

_HEAD = """# Stock Faust and this project's shell on a real broker

Made by `make faust-report` (`python -m tests.faults.faust_table`): one Apache Kafka broker, two partitions. Both
contenders count records per key, and the sum of all counts is compared with the records produced. Stock Faust 0.15.3 is
a plain table in memory with `table[key] += 1`; ours is the shell of `streams` with a fold that counts. A figure above
the expected one is points paid twice, one below is points lost. How often stock Faust gets through unharmed is a matter
of timing: these are the figures of one run. Where two figures are expected, the first is stock Faust's: records are
produced while workers join and leave, which takes each of them its own time.

| case | expected | stock Faust | this shell |
|---|---|---|---|
"""


def main() -> int:
    """Run all cases or some; the exit code tells whether ours were right."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.faust_table", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/faust.md"))
    parser.add_argument("--only", type=int, nargs="*", help="cases, from 0; without the second table")
    options = parser.parse_args()
    chosen = [case for number, case in enumerate(CASES) if options.only is None or number in options.only]
    found = _HEAD
    right = True

    def say(row: str) -> None:
        nonlocal found
        found += row + "\n"
        sys.stdout.write(row + "\n")
        sys.stdout.flush()
        options.out.write_text(found, encoding="utf-8")

    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaCluster(clients=(SLOW,)) as cluster,
        Network(cluster.passages) as net,
    ):
        SLOW_ADDRESS[cluster.bootstrap] = f"{HOST}:{cluster.passages[0].advertised_port}"
        for number, case in enumerate(chosen):
            makers: list[Callable[[str, Path], Contender]] = [
                partial(stock, cluster.bootstrap, case.guarantee),
                lambda name, at: Ours(cluster.bootstrap, name, at),
            ]
            results = [
                case.play(maker(f"{kind}-{number}", Path(folder) / f"{kind}-{number}"), net)
                for kind, maker in zip(("stock", "ours"), makers, strict=True)
            ]
            (expected, theirs), (wanted, ours) = results
            right &= ours.split(" (")[0] == wanted
            both = expected if expected == wanted else f"{expected}, {wanted}"
            say(f"| {case.what} | {both} | {theirs} | {ours} |")
        if options.only is None:
            found += HEAD
            for rung, row, exact in climb(cluster.bootstrap, Path(folder)):
                say(row)
                right &= exact or bool(rung.without)
    return 0 if right else 1


def stock(bootstrap: str, guarantee: str, name: str, folder: Path) -> Contender:
    """Stock Faust with a guarantee."""
    return StockFaust(bootstrap, name, folder, guarantee)


if __name__ == "__main__":
    sys.exit(main())
