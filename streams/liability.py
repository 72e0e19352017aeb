"""The ledger read into a liability book, each entry once and in order, however often and wherever it is delivered from.

Pure: deliveries come in as bytes. A checkpoint holds the book together with the numbers of the last entries and the
offsets to read on from, so after a crash at any moment the same book comes about. It is a cache: the topic has it all.
"""

from hashlib import blake2b
from typing import Self

import msgspec

from features.errors import ContractError
from features.event_time import ZoneRules
from loyalty.decisions import POINTS_TYPE, LedgerEntry
from loyalty.liability import LiabilityBook
from streams.decision_log import DecisionTopic, OnceInOrder, position_of
from streams.records import LogIdentity

FORMAT = 1
_DIGEST_BYTES = 16
_MARK = b'"type":"' + POINTS_TYPE.encode()
_POINTS: DecisionTopic = "points"
_ENTRY = msgspec.json.Decoder(LedgerEntry)


class _State(msgspec.Struct):
    topic: LogIdentity | None
    book: LiabilityBook
    offsets: dict[int, int] = {}
    last: dict[tuple[str, DecisionTopic], int] = {}
    ahead: dict[str, int] = {}


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    format: int
    digest: bytes
    payload: bytes


class LedgerReading:
    """How far the ledger has been read, and the book that it came to.

    Args:
        zone: Whose local days and months the book counts in.
        topic: What is read, None for a file: a checkpoint of one topic says nothing about another.
    """

    def __init__(self, zone: ZoneRules, topic: LogIdentity | None = None) -> None:
        self._set(_State(topic, LiabilityBook(zone)))

    def _set(self, state: _State) -> None:
        self._state = state
        self._once = OnceInOrder(state.last)

    @property
    def book(self) -> LiabilityBook:
        """What all entries so far come to."""
        return self._state.book

    @property
    def offsets(self) -> dict[int, int]:
        """By partition, the offset to read on from."""
        return self._state.offsets

    @property
    def members(self) -> int:
        """How many members have an entry."""
        return len(self._state.last)

    @property
    def incomplete(self) -> int:
        """How many members have later entries of which an earlier one has not come: all that follows it is missing.

        For a moment that is as promised, since a batch may be sent again. If it stays, the ledger does not begin here.
        """
        self._state.ahead = {
            member: number
            for member, number in self._state.ahead.items()
            if number > self._state.last.get((member, _POINTS), 0)
        }
        return len(self._state.ahead)

    def take(self, value: bytes) -> bool:
        """Take in a delivery; False where it was no entry, or is not the member's next one."""
        if _MARK not in value:
            return False
        if self._once.accepts(_POINTS, value):
            self.book.add(_ENTRY.decode(value))
            return True
        member, number = position_of(value)
        if number > self._state.last.get((member, _POINTS), 0):
            self._state.ahead[member] = max(number, self._state.ahead.get(member, 0))
        return False

    def take_from(self, partition: int, offset: int, value: bytes) -> None:
        """Take in a record of the topic."""
        self.take(value)
        self._state.offsets[partition] = offset + 1

    def checkpoint(self) -> bytes:
        """Everything, as bytes."""
        payload = msgspec.msgpack.encode(self._state)
        return msgspec.msgpack.encode(_Envelope(FORMAT, _digest(payload), payload))

    @classmethod
    def resumed(cls, raw: bytes, zone: ZoneRules, topic: LogIdentity | None, *, next_generation: bool = False) -> Self:
        """The reading that a checkpoint is of.

        Args:
            raw: The checkpoint.
            zone: As for a new reading; the checkpoint must have the same.
            topic: As for a new reading; the checkpoint must be of the same topic.
            next_generation: The topic is the one after that of the checkpoint (`tierstream repartition`): numbers go
                on, offsets begin anew.

        Raises:
            ContractError: it is damaged, or of another format, zone or topic.
        """
        state = _state_of(raw)
        if state.book.zone != zone:
            raise ContractError(f"the checkpoint counts in the days of {state.book.zone.name}, not of {zone.name}")
        if state.topic != topic:
            if not next_generation:
                raise ContractError(
                    "the checkpoint is of another topic; if this is the next generation of it: --next-generation"
                )
            state.topic, state.offsets = topic, {}
        reading = cls(zone, topic)
        reading._set(state)
        return reading


def _state_of(raw: bytes) -> _State:
    try:
        envelope = msgspec.msgpack.decode(raw, type=_Envelope)
        if envelope.format != FORMAT:
            raise ContractError(f"the checkpoint has format {envelope.format}, this code reads {FORMAT}")
        if envelope.digest != _digest(envelope.payload):
            raise ContractError("the checkpoint is damaged")
        return msgspec.msgpack.decode(envelope.payload, type=_State)
    except msgspec.MsgspecError as damage:
        raise ContractError(f"the checkpoint is damaged: {damage}") from None


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_DIGEST_BYTES).digest()
