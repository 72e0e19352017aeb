"""A running audit of a few members, in every worker, from what it has just written.

Of each batch that has landed, the members in the sample are looked at: their entries follow on one another, add up to
what the account's row says, and so do its lots. Nothing is read for it, nothing waits for it, and nothing is decided by
it; what it finds is a metric and a line in the log, and `tierstream audit` tells the rest.

The sample changes with every day of log time, so that over some weeks each member that is active was in it. It is the
same wherever and whenever the partition's log is processed.
"""

from zlib import crc32

import msgspec

from features.errors import CorruptStateError
from features.event_time import DAY_MS
from loyalty.core_row import CORE_ROW, decode_inside
from loyalty.decisions import EntryData
from loyalty.statement import imbalance
from streams.records import Batch
from streams.row_format import row_payload
from streams.state import core_member, member_prefix

# One member in so many: some per batch of a busy partition, at a cost of about 1% of its fold.
SAMPLE_OF = 64
# About 100 bytes each; those of one day of log time, at most.
MAX_KNOWN = 10_000


class _Entry(msgspec.Struct, gc=False):
    data: EntryData


class _Known(msgspec.Struct, gc=False):
    """What a member's entries have come to so far."""

    sequence: int
    pending: int
    active: int


class Tally(msgspec.Struct, frozen=True):
    """How many members of a batch were looked at, and what was wrong with some of them, without their names."""

    audited: int
    problems: tuple[str, ...] = ()


_ENTRY = msgspec.json.Decoder(_Entry)
_CORE_END = CORE_ROW[-1]
_NOTHING = Tally(0)


class SampledAudit:
    """The running audit of one partition.

    Example:
        >>> SampledAudit().landed(Batch(0, [], [], {}), log_time_ms=0)
        Tally(audited=0, problems=())
    """

    def __init__(self, sample_of: int = SAMPLE_OF) -> None:
        self._sample_of = sample_of
        self._day = -1
        self._known: dict[str, _Known] = {}

    def landed(self, batch: Batch, log_time_ms: int) -> Tally:
        """Look at the sampled members of a batch that has landed."""
        day = log_time_ms // DAY_MS
        if day != self._day:
            self._day = day
            self._known.clear()
        rows = self._sampled_rows(batch)
        if not rows:
            return _NOTHING
        keys = {member.encode() for member in rows}
        entries: dict[bytes, list[bytes]] = {}
        for output in batch.outputs:
            if output.topic == "points" and output.key in keys:
                entries.setdefault(output.key, []).append(output.value)
        problems = [self._problem(member, row, entries.get(member.encode(), [])) for member, row in rows.items()]
        return Tally(len(rows), tuple(problem for problem in problems if problem))

    def _sampled_rows(self, batch: Batch) -> dict[str, bytes]:
        """Core rows of the members in the sample; this passes over every row, so it asks the cheapest first."""
        sample_of, chosen = self._sample_of, self._day % self._sample_of
        return {
            member: row
            for key, row in batch.rows
            if key[-1] == _CORE_END
            and crc32(key) % sample_of == chosen
            and row is not None
            and (member := core_member(key)) is not None
        }

    def _problem(self, member: str, row: bytes, values: list[bytes]) -> str:
        try:
            core, whole = decode_inside(row_payload(member_prefix(member) + CORE_ROW, row))
            entries = [_ENTRY.decode(value).data for value in values]
        except (CorruptStateError, msgspec.MsgspecError) as failure:
            return f"a row or an entry cannot be read: {failure}"
        known = self._known.get(member)
        for entry in entries:
            after = _Known(entry.sequence, entry.pending_balance, entry.active_balance)
            before = _Known(
                entry.sequence - 1,
                entry.pending_balance - entry.pending_points,
                entry.active_balance - entry.active_points,
            )
            if known is not None and known != before:
                return "an entry does not follow on the one before it"
            known = after
        stored = _Known(core.sequences.points, core.pending_points, core.active_points)
        if known is not None and known != stored:
            return "the row is not the sum of its entries"
        if len(self._known) < MAX_KNOWN:
            self._known[member] = stored
        else:
            self._known.pop(member, None)
        # Many pending lots stand in rows of their own, of which a batch has those that changed.
        return imbalance(core, pending_known=whole)
