"""What a run with the toy fold should have left behind, recomputed from the actions topic alone."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from streams.memory_store import MemoryStore
from streams.records import LogIdentity, LogRecord
from streams.row_format import row_mark, row_payload
from streams.state import PARTITION_KEY
from tests.support.topic_reader import read_log, read_topic
from tests.support.toy_fold import ToyFold

Rows = dict[bytes, bytes]


class Verdict(NamedTuple):
    """Everything that may be wrong with a run; all zero in a right one."""

    missing_outputs: int
    foreign_outputs: int
    differing_outputs: int
    out_of_order: int
    wrong_rows: int


RIGHT = Verdict(0, 0, 0, 0, 0)


def judge(bootstrap: str, prefix: str) -> Verdict:
    """Compare outputs and changelog with an undisturbed fold over the same log."""
    log = read_log(bootstrap, f"{prefix}.actions")
    said = read_topic(bootstrap, f"{prefix}.points")
    changelog = read_topic(bootstrap, f"{prefix}-members-changelog")
    total: Counter[str] = Counter()
    for partition, records in log.items():
        outputs, rows = undisturbed(partition, records)
        expected = {offset_of(value): (key, value) for key, value in outputs}
        place = {offset: number for number, offset in enumerate(expected)}
        got: dict[int, set[tuple[bytes, bytes]]] = {}
        accepted = -1
        for message in said[partition]:
            offset = offset_of(message.value())
            got.setdefault(offset, set()).add((message.key(), message.value()))
            # What a reader does: accept the next one, drop lower ones; a jump ahead would be a loss.
            total["out_of_order"] += place.get(offset, 0) > accepted + 1
            accepted = max(accepted, place.get(offset, 0))
        total["missing_outputs"] += len(expected.keys() - got.keys())
        total["foreign_outputs"] += len(got.keys() - expected.keys())
        total["differing_outputs"] += sum(
            1 for offset in expected.keys() & got.keys() if got[offset] != {expected[offset]}
        )
        final = final_rows([(m.key(), m.value()) for m in changelog[partition]])
        total["wrong_rows"] += len(rows.items() ^ final.items())
    return Verdict(**{name: total[name] for name in Verdict._fields})


def offset_of(output: bytes) -> int:
    """Source offset that a toy output speaks of.

    Example:
        >>> offset_of(b"3 00ff 17")
        17
    """
    return int(output.rsplit(b" ", 1)[1])


def undisturbed(partition: int, records: Sequence[LogRecord]) -> tuple[list[tuple[bytes, bytes]], Rows]:
    """Outputs and rows of one fold over everything."""
    store = MemoryStore()
    fold = ToyFold(partition, LogIdentity(b"", 1), store)
    batch = fold.fold(records)
    rows = {key: row_payload(key, value) for key, value in batch.rows if value is not None and key != PARTITION_KEY}
    return [(output.key, output.value) for output in batch.outputs], rows


def final_rows(changelog: Sequence[tuple[bytes, bytes | None]]) -> Rows:
    """The rows that a changelog stands for, as compaction would leave them: the last record of each key."""
    last: dict[bytes, bytes | None] = dict(changelog)
    return {key: row_payload(key, row) for key, row in last.items() if row is not None and key != PARTITION_KEY}


def newest_mark(changelog: Sequence[tuple[bytes, bytes | None]]) -> int:
    """The highest mark in a changelog, -1 for an empty one."""
    return max((row_mark(row) for _, row in changelog if row is not None), default=-1)
