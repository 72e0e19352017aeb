"""What a partition has to say, encoded and counted in the log's order."""

from typing import Final, assert_never, get_args

from loyalty.consequences import Consequence
from loyalty.decisions import Decision, EntryKind, LedgerEntry, Notification, TierChange, encode_decision
from loyalty.draw_records import DrawRecord, encode_draw
from loyalty.effects import Effect
from online_models.examples import Example, Outcome, PolicyNotice, encode_record
from online_models.sightings import Seen, Sighting, sighting_of
from streams import accounting
from streams.codecs import LETTER_KEY_BYTES, InvalidAction, dead_letter
from streams.controls import PolicyData
from streams.effects import EffectData, encode_effect
from streams.partition import Partition
from streams.partitioning import partition_of
from streams.records import LogRecord, Output

_POINTS_COUNTER: Final = {kind: accounting.POINTS_BY_KIND + kind for kind in get_args(EntryKind)}


class Outbox:
    """Outputs since the last `take`; the counters stand in the partition row."""

    def __init__(self, partition: Partition, topic: str) -> None:
        self._partition = partition
        self._topic = topic
        self._outputs: list[Output] = []

    def take(self) -> list[Output]:
        """Hand over the outputs since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs

    def reject(self, record: LogRecord, invalid: InvalidAction) -> None:
        """Dead-letter a record."""
        self._partition.count(accounting.ACTIONS_IN)
        self._partition.count(accounting.DEAD_LETTERED)
        self._partition.count(accounting.DEAD_LETTERED_BY_REASON + invalid.reason)
        self._outputs.append(
            Output("deadletter", (record.key or b"")[:LETTER_KEY_BYTES], dead_letter(record, self._topic, invalid))
        )

    def tell(self, consequence: Consequence) -> None:
        """Publish a decision, or send an effect."""
        if isinstance(consequence, Effect):
            self.send(consequence)
        else:
            self._decide(consequence)

    def _decide(self, decision: Decision) -> None:
        match decision:
            case LedgerEntry():
                entry = decision.data
                self._partition.count(accounting.LEDGER_ENTRIES)
                points = entry.active_points
                if entry.kind != "activated":
                    points += entry.pending_points
                self._partition.count(_POINTS_COUNTER[entry.kind], points)
            case TierChange():
                self._partition.count(accounting.TIER_CHANGES)
            case Notification():
                self._partition.count(accounting.NOTIFICATIONS)
            case _:
                assert_never(decision)
        self._outputs.append(Output(decision.topic, decision.subject.encode(), encode_decision(decision)))

    def send(self, effect: Effect) -> None:
        """Send an effect under the next number between here and where it goes."""
        row = self._partition.row
        subject = effect.subject.encode()
        receiver = partition_of(subject, row.partitions) if effect.receiver is None else effect.receiver
        number = row.effects_out.get(receiver, 0)
        row.effects_out[receiver] = number + 1
        self._partition.count(accounting.EFFECTS_SENT)
        data = EffectData(self._partition.number, receiver, number, row.log_time_ms, effect.body)
        self._outputs.append(Output("effects", subject, encode_effect(effect, data)))

    def publish(self, record: DrawRecord) -> None:
        """Publish what everybody may know of a draw."""
        self._partition.count(accounting.DRAW_RECORDS)
        self._outputs.append(Output("draws", record.subject.encode(), encode_draw(record)))

    def teach(self, member_id: str, outcome: Outcome) -> None:
        """Send a training example under the next number of this partition."""
        row = self._partition.row
        example = Example(
            partition=self._partition.number, number=row.examples, log_time_ms=row.log_time_ms, outcome=outcome
        )
        self._partition.count(accounting.EXAMPLES)
        self._number(member_id, example)

    def show(self, member_id: str, seen: Seen) -> None:
        """Send a sighting under the next number of this partition, in one row with the examples."""
        row = self._partition.row
        self._partition.count(accounting.SIGHTINGS)
        self._number(member_id, sighting_of(seen, self._partition.number, row.examples, row.log_time_ms))

    def _number(self, member_id: str, record: Example | Sighting) -> None:
        self._partition.row.examples += 1
        self._outputs.append(Output("examples", member_id.encode(), encode_record(record)))

    def announce(self, policy: PolicyData) -> None:
        """Tell the trainer which policy decides here from now on."""
        notice = PolicyNotice(version=policy.version, text=policy.text)
        self._outputs.append(Output("examples", b"policy", encode_record(notice)))
