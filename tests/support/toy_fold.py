"""A fold with the pipeline's interface and rules so small that its right answer is obvious.

Each record of key k and value v adds 1 to k's count, and the sum of all values so far is k's digest; one output per
record says both. Records whose value is `drop` delete the key's row, so that tombstones are exercised, too.
"""

from collections.abc import Sequence
from hashlib import blake2b

from features.errors import ContractError
from streams.records import Batch, LogIdentity, LogRecord, Output, RowStore
from streams.row_format import pack_row, row_mark, row_payload
from streams.state import PARTITION_KEY

DROP = b"drop"


class ToyFold:
    """Counts records per key; `outputs` are (key, "count digest offset")."""

    log_time_ms = 0
    policy_version = 0
    weights_version = 0

    def __init__(self, partition: int, identity: LogIdentity, store: RowStore, max_rows: int = 100_000) -> None:
        self.partition = partition
        self.mark = -1
        self._store = store
        self._topic_id = identity.topic_id
        self._max_rows = max_rows
        self._overlay: dict[bytes, tuple[int, bytes | None]] = {}
        self._changed: dict[bytes, bytes | None] = {}
        self._outputs: list[Output] = []
        row = store.get(PARTITION_KEY)
        if row is not None:
            self.mark = row_mark(row)
            if row_payload(PARTITION_KEY, row) != identity.topic_id:
                raise ContractError(f"partition {partition} holds the state of another topic")

    def fold(self, records: Sequence[LogRecord]) -> Batch:
        """Apply records above the mark, or as many as one batch may hold."""
        self.absorb(records)
        return self.take()

    def absorb(self, records: Sequence[LogRecord]) -> bool:
        """Apply records above the mark, or as many as `max_rows` changed keys allow; returns whether that was it."""
        for record in records:
            if record.offset <= self.mark:
                continue
            key = b"M" + (record.key or b"")
            row = self._changed[key] if key in self._changed else self._read(key)
            self._changed[key] = payload = next_payload(row, record.value or b"")
            said = payload if payload is not None else DROP
            self._outputs.append(Output("points", record.key or b"", b"%b %d" % (said, record.offset)))
            self.mark = record.offset
            if len(self._changed) >= self._max_rows:
                return True
        return False

    def take(self) -> Batch:
        """All that was changed since the last call."""
        changed, self._changed = self._changed, {}
        outputs, self._outputs = self._outputs, []
        rows = [(key, None if value is None else pack_row(self.mark, value)) for key, value in changed.items()]
        rows.append((PARTITION_KEY, pack_row(self.mark, self._topic_id)))
        for key, value in changed.items():
            self._overlay[key] = (self.mark, value)
        return Batch(self.mark, outputs, rows, {"applied": len(outputs)})

    def landed(self, mark: int) -> None:
        """Forget what the store has."""
        self._overlay = {key: entry for key, entry in self._overlay.items() if entry[0] > mark}

    def _read(self, key: bytes) -> bytes | None:
        if key in self._overlay:
            return self._overlay[key][1]
        row = self._store.get(key)
        return None if row is None else row_payload(key, row)


def next_payload(payload: bytes | None, value: bytes) -> bytes | None:
    """The key's new "count digest", None after `drop`.

    Example:
        >>> next_payload(next_payload(None, b"a"), b"b") == next_payload(next_payload(None, b"b"), b"a")
        False
        >>> next_payload(b"3 00", b"drop") is None
        True
    """
    if value == DROP:
        return None
    count, digest = (payload or b"0 -").split(b" ")
    return b"%d %b" % (int(count) + 1, blake2b(digest + value, digest_size=8).hexdigest().encode())
