"""Records of our own, as a partition takes them: signed by a key of its policy, or not at all."""

from typing import assert_never

from streams import accounting
from streams.addressed import Addressed
from streams.codecs import InvalidAction
from streams.controls import (
    Control,
    OfferRecord,
    OpeningRecord,
    PolicyData,
    PolicyRecord,
    RevealRecord,
    Tick,
    VerdictRecord,
    WeightsRecord,
    is_signed,
)
from streams.effects import EffectRecord
from streams.exchange import Exchange
from streams.openings import Books, take_opening
from streams.outbox import Outbox
from streams.partition import Partition, no_policy
from streams.records import LogRecord

Deciding = Tick | WeightsRecord | PolicyRecord | VerdictRecord | OfferRecord | RevealRecord
"""What may come anywhere in a log."""


class OwnRecords:
    """Checks who has signed a record, and lets it have its way."""

    def __init__(self, partition: Partition, outbox: Outbox, exchange: Exchange, addressed: Addressed) -> None:
        self._partition = partition
        self._outbox = outbox
        self._exchange = exchange
        self._addressed = addressed

    def apply_control(self, record: LogRecord, control: Deciding) -> None:
        """Take a tick, weights, a policy, a verdict or an offer."""
        if not self._is_signed(record, control):
            return
        match control:
            case Tick(data=tick):
                self._partition.advance(tick.time_ms)
                self._partition.row.sweeping = True
                self._exchange.top_up()
            case WeightsRecord(data=weights):
                self._partition.adopt_weights(weights)
            case PolicyRecord(data=policy):
                self._adopt(policy)
            case VerdictRecord() | OfferRecord():
                if not self._addressed.follow(record, control):
                    return
            case RevealRecord(data=revealed):
                refusal = self._exchange.reveal(revealed)
                if refusal:
                    self._outbox.reject(record, InvalidAction("not_revealed", refusal))
                    return
            case _:
                assert_never(control)
        self._partition.count(accounting.CONTROL_RECORDS)

    def apply_opening(self, record: LogRecord, opening: OpeningRecord, books: Books) -> None:
        """Take a part of the state that the log begins with."""
        if self._is_signed(record, opening):
            take_opening(self._partition, books, record, opening.data)

    def _adopt(self, policy: PolicyData) -> None:
        if self._partition.adopt_policy(policy):
            self._outbox.announce(policy)
            self._partition.slices.ask_anew()
            if policy.version > 1:  # before the first, the other partitions may have no policy yet
                self._exchange.top_up()

    def apply_effect(self, record: LogRecord, effect: EffectRecord) -> None:
        """Take an effect of another partition, or of this one."""
        if not self._is_signed(record, effect):
            return
        receiver = effect.data.receiver
        if receiver == self._partition.number:
            self._exchange.take(record, effect)
        else:
            self._outbox.reject(record, InvalidAction("misrouted", f"this effect is for partition {receiver}"))

    def _is_signed(self, record: LogRecord, message: Control | EffectRecord) -> bool:
        """Whether a key of the policy has signed it; it is dead-lettered where none has."""
        newest = self._partition.versions.newest_policy
        if newest is not None:
            keys = newest.public_keys
        elif isinstance(message, PolicyRecord | OpeningRecord):
            keys = message.data.public_keys
        else:
            raise no_policy(record)
        if is_signed(message, keys):
            return True
        self._outbox.reject(record, InvalidAction("not_signed", "our own records are signed by a key of the policy"))
        return False
