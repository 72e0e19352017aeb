"""`python -m benchmarks.figures`: what one process can tell without a broker.

Changelog bytes per action, training examples per second, and what an action costs among ten thousand and among a
hundred thousand members in RocksDB.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.contender import peak_mib
from benchmarks.memory import batches
from benchmarks.report import write_report
from benchmarks.workloads import actions_of, log_of
from features.actions import Browse, BrowseData, Envelope, Purchase, PurchaseData
from features.event_time import DAY_MS
from loyalty.decisions import instant
from online_models.examples import decode_record
from online_models.training import Trainer
from streams.collector import collect_seldom
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output
from streams.state import PARTITION_KEY
from streams.stores import RocksPartition

_START_MS = 17_400 * DAY_MS
_WARM = 20_000  # actions before changelog bytes are looked at
_PROBES = 500
_SKEW = 6  # a fifth of the members make three quarters of the actions
_SOURCE = "bench/virtual"
_SIZES = (10_000, 100_000)
_MEASURED = 20_000
_BROWSES_PER_PURCHASE = 9
_encode = msgspec.json.Encoder().encode


def virtual_action(number: int, member: int, time_ms: int, *, purchase: bool) -> Envelope:
    """An action of a member who does not exist: a browse, or a purchase of two thousand minor units."""
    at, event_id, subject = instant(time_ms), f"a-{number}", f"member-{member}"
    if purchase:
        data = PurchaseData(order_id=f"o-{number}", amount=2_000, currency="USD")
        return Purchase(specversion="1.0", id=event_id, source=_SOURCE, time=at, subject=subject, data=data)
    browsed = BrowseData(duration_ms=45_000)
    return Browse(specversion="1.0", id=event_id, source=_SOURCE, time=at, subject=subject, data=browsed)


def rows_bytes(fold: PartitionFold, record: LogRecord) -> int:
    """Bytes of keys and rows that this record alone writes; the partition row is written once a batch."""
    batch = fold.fold([record])
    fold.landed(batch.mark)
    return sum(len(key) + len(row or b"") for key, row in batch.rows if key != PARTITION_KEY)


def changelog_bytes() -> dict[str, float]:
    """Median bytes per browse and per purchase (a basket), each in a batch of its own: the most it can be."""
    log = log_of(actions_of("baskets", _WARM + _PROBES))
    fold, _ = _folded(log[:-_PROBES])
    purchases = [rows_bytes(fold, record) for record in log[-_PROBES:] if record.key is not None]
    subjects = sorted({record.key for record in log[-_PROBES:] if record.key is not None})
    browses = []
    for number, key in enumerate(subjects):
        action = virtual_action(number, 0, fold.log_time_ms, purchase=False)
        value = _encode(msgspec.structs.replace(action, subject=key.decode()))
        browses.append(rows_bytes(fold, LogRecord(0, fold.mark + 1, fold.log_time_ms, key, value)))
    return {"browse": median(browses), "purchase": median(purchases)}


def trainer_speed() -> float:
    """Examples per second: decoded from bytes and learned."""
    _, outputs = _folded(log_of(actions_of("baskets", _WARM)))
    records = [output.value for output in outputs if output.topic == "examples"]
    trainer = Trainer()
    started = time.process_time()
    for offset, record in enumerate(records):
        trainer.learn(decode_record(record), offset)
    return len(records) / (time.process_time() - started)


def cost_at(members: int) -> tuple[float, float]:
    """CPU microseconds per action once all of `members` are there, skewed activity, rows in RocksDB; bytes on disk."""
    chance = random.Random(members)  # noqa: S311 - repeatable, not secret
    with tempfile.TemporaryDirectory(prefix="tierstream-scale-") as folder:
        store = RocksPartition(Path(folder) / "db", b"scale", 32 * 1024 * 1024)
        first = (virtual_action(n, n, _START_MS + n, purchase=True) for n in range(members))
        busy = (
            virtual_action(
                members + n,
                int(members * chance.random() ** _SKEW),
                _START_MS + members + n * 50,  # at once, so that no daily work of idle members is in it
                purchase=n % (_BROWSES_PER_PURCHASE + 1) == 0,
            )
            for n in range(_MEASURED)
        )
        log = log_of(_encode(action) for action in _both(first, busy))
        fold = PartitionFold(0, b"bench", store)
        _fold_into(store, fold, log[:-_MEASURED])
        started = time.process_time()
        _fold_into(store, fold, log)
        taken = time.process_time() - started
        store.close()
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return taken / _MEASURED * 1e6, size / members


def _both(first: Iterable[Envelope], second: Iterable[Envelope]) -> Iterable[Envelope]:
    yield from first
    yield from second


def _fold_into(store: RocksPartition, fold: PartitionFold, log: Sequence[LogRecord]) -> None:
    for some in batches(log, fold):
        batch = fold.fold(some)
        store.write(batch.rows, batch.mark)
        fold.landed(batch.mark)


def _folded(log: Sequence[LogRecord]) -> tuple[PartitionFold, list[Output]]:
    store = MemoryStore()
    fold = PartitionFold(0, b"bench", store)
    outputs: list[Output] = []
    for some in batches(log, fold):
        batch = fold.fold(some)
        store.write(batch.rows)
        fold.landed(batch.mark)
        outputs += batch.outputs
    return fold, outputs


def main() -> None:
    """Measure, print, add to the report."""
    collect_seldom()
    bytes_per_action = changelog_bytes()
    examples_per_s = trainer_speed()
    costs = {str(members): cost_at(members) for members in _SIZES}
    low, high = (cost for cost, _ in costs.values())
    parts = {
        "changelog_bytes": bytes_per_action,
        "trainer": {"examples_per_s": round(examples_per_s)},
        "scale": {
            "cpu_us_per_action": {members: round(cost, 1) for members, (cost, _) in costs.items()},
            "disk_bytes_per_member": {members: round(size) for members, (_, size) in costs.items()},
            "cost_100k_over_10k": round(high / low, 2),
            "rss_mib_100k": round(peak_mib()),
        },
    }
    write_report(Path(sys.argv[1] if sys.argv[1:] else "out/bench/report.json"), parts)
    print(msgspec.json.format(msgspec.json.encode(parts), indent=2).decode())  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    main()
