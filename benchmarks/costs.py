"""What one process can tell without a broker: changelog bytes per action, and training examples per second."""

import time
from collections.abc import Sequence
from statistics import median

import msgspec

from benchmarks.memory import batches
from benchmarks.workloads import actions_of, log_of
from features.actions import Browse, BrowseData
from loyalty.decisions import instant
from online_models.examples import decode_record
from online_models.training import Trainer
from streams.collector import collect_seldom
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output
from streams.state import PARTITION_KEY

_WARM = 20_000  # actions before changelog bytes are looked at
_PROBES = 500
_ROUNDS = 7
_encode = msgspec.json.Encoder().encode


def changelog_bytes() -> dict[str, float]:
    """Median bytes per browse and per purchase (a basket), each in a batch of its own: the most it can be."""
    log = log_of(actions_of("baskets", _WARM + _PROBES))
    fold, _ = _folded(log[:-_PROBES])
    purchases = [_rows_bytes(fold, record) for record in log[-_PROBES:] if record.key is not None]
    subjects = sorted({record.key for record in log[-_PROBES:] if record.key is not None})
    browses = []
    for number, key in enumerate(subjects):
        action = Browse(
            specversion="1.0",
            id=f"a-{number}",
            source="bench/virtual",
            time=instant(fold.log_time_ms),
            subject=key.decode(),
            data=BrowseData(duration_ms=45_000),
        )
        browses.append(_rows_bytes(fold, LogRecord(0, fold.mark + 1, fold.log_time_ms, key, _encode(action))))
    return {"browse": median(browses), "purchase": median(purchases)}


def _rows_bytes(fold: PartitionFold, record: LogRecord) -> int:
    """Bytes of keys and rows that this record alone writes; the partition row is written once a batch."""
    batch = fold.fold([record])
    fold.landed(batch.mark)
    return sum(len(key) + len(row or b"") for key, row in batch.rows if key != PARTITION_KEY)


def examples_per_s() -> float:
    """Training examples per second of CPU, decoded from bytes and learned: the median of some rounds."""
    _, outputs = _folded(log_of(actions_of("baskets", _WARM)))
    records = [output.value for output in outputs if output.topic == "examples"]
    collect_seldom()
    return median(_rate(records) for _ in range(_ROUNDS))


def _rate(records: Sequence[bytes]) -> float:
    trainer = Trainer()
    started = time.process_time()
    for offset, record in enumerate(records):
        trainer.learn(decode_record(record), offset)
    return len(records) / (time.process_time() - started)


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
