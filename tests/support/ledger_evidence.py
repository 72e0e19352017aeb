"""The evidence of an audit, made in memory: a log, what a worker delivers and stores, and the log folded again."""

from collections.abc import Callable, Sequence

from loyalty.account_rows import Core
from loyalty.core_row import CORE_ROW
from streams.audit_replay import refold
from streams.auditing import PartitionEvidence, audit_partition
from streams.memory_store import MemoryStore
from streams.mismatches import MismatchKind
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.row_format import pack_row, row_mark
from streams.state import member_prefix, stored_account
from tests.support.partition_log import TOPIC_ID, build_log, policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase


def some_log() -> list[LogRecord]:
    """Purchases of three members over three months, a refund, misconduct, and daily ticks."""
    actions: list[tuple[int, bytes]] = []
    for number in range(45):
        time_ms = START_MS + number * 2 * DAY_MS
        member = f"m-{number % 3}"
        actions.append((time_ms, purchase(f"o-{number}", member, time_ms, 1_000 + 700 * number)))
    last_ms = START_MS + 90 * DAY_MS
    refund: dict[str, object] = {"order_id": "o-40", "amount": 5_000, "currency": "USD"}
    actions.append((last_ms, event("refund", "r-1", "m-1", last_ms, refund)))
    return build_log(actions, policy_data("retail.toml"), tick_every_ms=DAY_MS)


def rewrite_account(rows: MemoryStore, member: str, change: Callable[[Core], None]) -> list[tuple[bytes, bytes | None]]:
    """Change a member's account in `rows` behind everybody's back; returns the rows that were written."""
    prefix = member_prefix(member)
    row = rows.get(prefix + CORE_ROW)
    assert row is not None
    account = stored_account(member, rows.get)
    change(account.core)
    account.core_changed = True
    packed = [
        (prefix + suffix, None if payload is None else pack_row(row_mark(row), payload))
        for suffix, payload in account.changed()
    ]
    rows.write(packed)
    return packed


class Worker:
    """What a worker left behind when it had committed the first `landed` records and sent the outputs of `sent`."""

    def __init__(self, log: Sequence[LogRecord], landed: int | None = None, sent: int | None = None) -> None:
        self.log = log
        self.table = MemoryStore()
        fold = PartitionFold(0, TOPIC_ID, self.table)
        landed = len(log) if landed is None else landed
        self.points: list[bytes] = []
        for start, stop in ((0, landed), (landed, landed if sent is None else sent)):
            batch = fold.fold(log[start:stop])
            self.points += [output.value for output in batch.outputs if output.topic == "points"]
            if start == 0:
                self.table.write(batch.rows)
                self.mark = batch.mark

    def evidence(self) -> PartitionEvidence:
        """As an audit finds it."""
        rows = MemoryStore()
        refolded = refold(PartitionFold(0, TOPIC_ID, rows), rows, self.log, self.mark)
        return PartitionEvidence(0, self.points, self.table, refolded)

    def found(self) -> set[MismatchKind]:
        """The kinds of mismatch that an audit finds."""
        return {mismatch.kind for mismatch in audit_partition(self.evidence()).mismatches}
