"""The log of a partition folded once more, for an audit: what it leads to up to a mark, and beyond."""

from collections.abc import Iterable
from itertools import islice

import msgspec

from streams.decision_log import position_of
from streams.memory_store import MemoryStore
from streams.openings import opened_rows
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output

_AT_ONCE = 4_000

Entries = dict[tuple[str, int], bytes]
"""Ledger entries by member and sequence number."""


class Refolded(msgspec.Struct, frozen=True):
    """What a log leads to: the entries and rows up to `mark`, and the entries of what comes after it.

    `opened` are the rows of members that the log begins with.
    """

    mark: int
    landed: Entries
    ahead: Entries
    rows: MemoryStore
    opened: MemoryStore


def refold(fold: PartitionFold, rows: MemoryStore, records: Iterable[LogRecord], mark: int) -> Refolded:
    """Fold `records` through `fold`, which stands on `rows`.

    Args:
        fold: A new fold, or one that stands at the beginning of the records.
        rows: Its store.
        records: The partition's log from there on.
        mark: How far the rows to compare with go.
    """
    source = iter(records)
    landed: Entries = {}
    opened = MemoryStore()
    while some := list(islice(source, _AT_ONCE)):
        opened.write(list(opened_rows(some)))
        upto = [record for record in some if record.offset <= mark]
        while upto and upto[-1].offset > fold.mark:
            batch = fold.fold(upto)
            rows.write(batch.rows)
            fold.landed(batch.mark)
            _note(landed, batch.outputs)
        if len(upto) < len(some):
            rest = some[len(upto) :]
            ahead: Entries = {}
            for record in [*rest, *source]:
                fold.apply(record)
            _note(ahead, fold.take_outputs())
            return Refolded(mark, landed, ahead, rows, opened)
    return Refolded(mark, landed, {}, rows, opened)


def _note(entries: Entries, outputs: Iterable[Output]) -> None:
    for output in outputs:
        if output.topic == "points":
            entries[position_of(output.value)] = output.value
