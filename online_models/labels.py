"""Delayed labels: what was known when a prediction could have been made, kept until its outcome is known.

A member's prediction moments are drawn by hash of (member, day), whether or not the member acts on that day: a sample
of active days only would never show the trainer a member who stays away. At such a moment the feature vector is stored
as it stands. When the horizon has passed in log time, vector and outcome leave together as one `Outcome`.

Nothing leaks: the label covers event times in `(t, t + horizon]`, where t is no earlier than any event the vector has
seen. An event at or before t that arrives later is in neither; one in the span that arrives after it is not waited for.

    log time  ------o-----------------------------------x------>
                    t  vector stored                    t + horizon: outcome leaves
    label            (===== spend with event time =====]

Rows: `l` holds the calendar and the open labels' sums, `l` + t holds the vector of the label opened at t, written once.
"""

from collections.abc import Callable, Iterator
from typing import Self

from features.errors import CorruptStateError
from features.event_time import DAY_MS
from features.vector import feature_index
from loyalty.awards import unweighted
from loyalty.decisions import EntryData
from loyalty.policy import Learning
from online_models.examples import TABLE, WEEK_MS, Outcome, pseudonym
from online_models.label_rows import (
    SUFFIX,
    LabelsRow,
    OpenLabel,
    StoredVector,
    View,
    decode_labels,
    decode_vector,
    encode_labels,
    encode_vector,
    vector_suffix,
)
from online_models.sampling import next_moment_ms

_IDLE_MS = feature_index("recency_activity_ms")

_EARNED = frozenset({"earned", "clawed_back", "cancelled"})
_REDEEMED = frozenset({"redeemed", "returned"})


class OpenLabels:
    """The open labels of one member: a part with the rows `l...`.

    A call of `touch` begins the calendar, `spent` and `issued` tell what happened, `run_due` does all work that is due.
    """

    __slots__ = ("_changed", "_due_ms", "_read", "_row", "_unwritten", "_vectors")

    def __init__(self, row: LabelsRow, read: Callable[[bytes], bytes | None]) -> None:
        self._row = row
        self._read = read
        self._changed = False
        self._vectors: dict[int, StoredVector] = {}
        self._unwritten: dict[int, bytes | None] = {}
        self._due_ms = self._earliest_ms()

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """Build the part from its stored rows; vectors are read when their label matures."""
        payload = read(SUFFIX)
        return cls(LabelsRow() if payload is None else decode_labels(payload), read)

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the rows that changed since the last call."""
        if not self._changed:
            return
        self._changed = False
        unwritten, self._unwritten = self._unwritten, {}
        for opened_ms, payload in unwritten.items():
            yield vector_suffix(opened_ms), payload
        yield SUFFIX, encode_labels(self._row)

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The row `l` as it would be written now, and the names alone of the vectors' rows."""
        yield SUFFIX, encode_labels(self._row)
        for label in self._row.open:
            yield vector_suffix(label.opened_ms), None

    def absorb(self, other: "OpenLabels") -> None:
        """Add what was issued to another id of the same person; its open labels end without an outcome."""
        theirs = other.issuance()
        for action in sorted(theirs.issued):
            self.issued(action, theirs.issued[action])
        self._row.earned_points += theirs.earned_points
        self._row.redeemed_points += theirs.redeemed_points
        self._changed = True

    def issuance(self) -> LabelsRow:
        """What another's `absorb` takes over; not to be changed."""
        return self._row

    def next_due_ms(self) -> int | None:
        """The log time of the next prediction moment or of the next label to mature."""
        return self._due_ms

    def touch(self, member_id: str, log_time_ms: int, learning: Learning) -> None:
        """The member has acted: begin a calendar of prediction moments if there is none."""
        if self._row.next_ms is None and learning.enabled:
            if self._due_ms is None:
                self._row.issued_from_ms, self._row.issued = log_time_ms, {}
            self._schedule(next_moment_ms(member_id, log_time_ms, learning.sample_share_bp))

    def spent(self, time_ms: int, amount_minor: int) -> None:
        """Add a purchase to the labels whose span covers its event time.

        A refund is a negative amount at the time of its purchase, as in the windows: it corrects what is still open.
        """
        for label in self._row.open:
            if label.opened_ms < time_ms <= label.matures_ms:
                label.spent_minor += amount_minor
                if time_ms <= label.opened_ms + WEEK_MS:
                    label.week_minor += amount_minor
                self._changed = True

    def awaits_category(self, time_ms: int) -> bool:
        """Whether the main category of a purchase at this time is one that `bought` would note for a label."""
        return any(label.learns_at(time_ms) for label in self._row.open)

    def bought(self, time_ms: int, category: str) -> None:
        """Note a purchase with this main category: the first one, by event time, is what the next category was."""
        for label in self._row.open:
            if label.learns_at(time_ms):
                label.next_after_ms, label.next_category = time_ms - label.opened_ms, category
                self._changed = True

    def entered(self, time_ms: int, entry: EntryData) -> None:
        """Note a ledger entry: points earned, less those a refund at the time of its purchase took, and redeemed."""
        if entry.factors is not None:
            self.issued(entry.action, unweighted(entry.factors))
        points = entry.pending_points + entry.active_points
        earned = points if entry.kind in _EARNED else 0
        redeemed = -points if entry.kind in _REDEEMED else 0
        if self._due_ms is None or not (earned or redeemed):
            return
        row = self._row
        row.earned_points += earned
        row.redeemed_points += redeemed
        for label in row.open:
            if label.opened_ms < time_ms <= label.matures_ms:
                label.earned_points += earned
                label.redeemed_points += redeemed
        self._changed = True

    def issued(self, action: str, base_points: int) -> None:
        """Note points awarded for an action, before learned weights: the budget that weights must keep."""
        if base_points and self._due_ms is not None:
            self._row.issued[action] = self._row.issued.get(action, 0) + base_points
            self._changed = True

    def run_due(
        self,
        member_id: str,
        until_ms: int,
        learning_at: Callable[[int], Learning],
        look: Callable[[int], View],
        opened: Callable[[int, int], None] = lambda due_ms, opened_ms: None,  # noqa: ARG005 - nobody wants to know
    ) -> list[Outcome]:
        """Do all work due at or before `until_ms`, in order of its due time; return the outcomes that left.

        `learning_at` gives the learning section in force at a due time, `look` the member's features at that time;
        `opened` is told of each label when it was due, and the time that it is opened at.
        """
        outcomes: list[Outcome] = []
        while (due_ms := self._due_ms) is not None and due_ms <= until_ms:
            if due_ms == self._row.next_ms:
                opened_ms = self._open(member_id, due_ms, learning_at(due_ms), look(due_ms))
                if opened_ms is not None:
                    opened(due_ms, opened_ms)
            else:
                outcomes.append(self._mature(member_id, due_ms, look(due_ms)))
        return outcomes

    def _open(self, member_id: str, due_ms: int, learning: Learning, view: View) -> int | None:
        """Open a label; returns the time that it is opened at, None where there is no new one."""
        if not learning.enabled or view.vector[_IDLE_MS] > learning.lapse_days * DAY_MS:
            self._schedule(None)
            return None
        opened_ms = view.as_of_ms
        row = self._row
        is_new = opened_ms not in {label.opened_ms for label in row.open}
        if is_new:
            vector = StoredVector(TABLE, tuple(view.vector), view.interests, row.earned_points, row.redeemed_points)
            row.open.append(OpenLabel(opened_ms, opened_ms + learning.horizon_days * DAY_MS))
            self._vectors[opened_ms], self._unwritten[opened_ms] = vector, encode_vector(vector)
        self._schedule(next_moment_ms(member_id, due_ms, learning.sample_share_bp))
        return opened_ms if is_new else None

    def _mature(self, member_id: str, due_ms: int, view: View) -> Outcome:
        row = self._row
        label = min(row.open, key=_maturity)
        row.open.remove(label)
        issued, row.issued = row.issued, {}
        issued_from_ms, row.issued_from_ms = row.issued_from_ms, due_ms
        stored = self._take_vector(label.opened_ms)
        self._schedule(row.next_ms)
        return Outcome(
            member=pseudonym(member_id),
            predicted_at_ms=label.opened_ms,
            matured_at_ms=due_ms,
            table=stored.table,
            features=stored.vector,
            features_after=tuple(view.vector),
            label_spend_minor=label.spent_minor,
            label_week_minor=label.week_minor,
            label_earned_points=label.earned_points,
            label_redeemed_points=label.redeemed_points,
            label_category=label.next_category,
            interests=stored.interests,
            earned_points=stored.earned_points,
            redeemed_points=stored.redeemed_points,
            arm=view.arm,
            issued_from_ms=issued_from_ms,
            issued=tuple(sorted(issued.items())),
            offer=view.offer,
        )

    def _take_vector(self, opened_ms: int) -> StoredVector:
        vector = self._vectors.pop(opened_ms, None)
        if vector is None:
            payload = self._read(vector_suffix(opened_ms))
            if payload is None:
                raise CorruptStateError(
                    f"the label opened at {opened_ms} has lost its feature row: rebuild the store from the changelog"
                )
            vector = decode_vector(payload)
        if self._unwritten.pop(opened_ms, None) is None:  # else it matured before its row was ever written
            self._unwritten[opened_ms] = None
        return vector

    def _schedule(self, next_ms: int | None) -> None:
        self._row.next_ms = next_ms
        self._due_ms = self._earliest_ms()
        self._changed = True

    def _earliest_ms(self) -> int | None:
        row = self._row
        if not row.open:
            return row.next_ms
        matures_ms = min(label.matures_ms for label in row.open)
        return matures_ms if row.next_ms is None else min(matures_ms, row.next_ms)


def _maturity(label: OpenLabel) -> tuple[int, int]:
    return label.matures_ms, label.opened_ms
