"""Decisions as a reader keeps them: each once, in order, with a digest to compare two runs by.

A decision is delivered at least once, always with the same bytes, and carries a sequence number per member and topic.
`DecisionLog` holds any number of deliveries of any number of partitions to that.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from features.errors import ContractError

DecisionTopic = Literal["points", "tier-changes", "notifications"]
DECISION_TOPICS: tuple[DecisionTopic, ...] = ("points", "tier-changes", "notifications")


class _Data(msgspec.Struct, gc=False):
    sequence: int


class _Position(msgspec.Struct, gc=False):
    """What of a decision tells its place; the rest of it is not decoded."""

    type: str
    subject: str
    data: _Data


_DECODER = msgspec.json.Decoder(_Position)


def position_of(decision: bytes) -> tuple[str, int]:
    """Member and sequence number of an encoded decision."""
    position = _DECODER.decode(decision)
    return position.subject, position.data.sequence


class DecisionLog:
    """Decisions by member, topic and sequence number.

    Example:
        >>> log = DecisionLog()
        >>> first = b'{"type":"loyalty.points.earned","subject":"m-1","data":{"sequence":1}}'
        >>> log.add("points", first), log.add("points", first)
        (True, False)
        >>> log.count("points")
        1
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, DecisionTopic, int], bytes] = {}
        self._kinds: Counter[str] = Counter()
        self._topics: Counter[str] = Counter()

    def add(self, topic: DecisionTopic, value: bytes) -> bool:
        """Take in a delivery; False when it was there already.

        Raises:
            ContractError: the same sequence number came with different bytes before.
        """
        position = _DECODER.decode(value)
        key = (position.subject, topic, position.data.sequence)
        known = self._values.get(key)
        if known is None:
            self._values[key] = value
            self._kinds[position.type] += 1
            self._topics[topic] += 1
            return True
        if known != value:
            raise ContractError(
                f"two decisions under one number: {key[1]} {key[2]} of one member differ in their bytes"
            )
        return False

    def count(self, topic: DecisionTopic) -> int:
        """How many different decisions `topic` has had."""
        return self._topics[topic]

    def kinds(self) -> dict[str, int]:
        """How many decisions of each CloudEvents type, sorted by type."""
        return dict(sorted(self._kinds.items()))

    def gaps(self) -> list[tuple[str, DecisionTopic, int]]:
        """Numbers that are missing: each member's decisions on a topic are numbered from 1 without a hole."""
        last: dict[tuple[str, DecisionTopic], int] = {}
        missing: list[tuple[str, DecisionTopic, int]] = []
        for member, topic, sequence in sorted(self._values):
            expected = last.get((member, topic), 0) + 1
            missing.extend((member, topic, number) for number in range(expected, sequence))
            last[member, topic] = sequence
        return missing

    def values(self) -> Iterator[bytes]:
        """All decisions, sorted by member, topic and sequence."""
        return (self._values[key] for key in sorted(self._values))

    def of_member(self, member: str, topic: DecisionTopic) -> list[bytes]:
        """The decisions of one member on one topic, in order."""
        keys = sorted(key for key in self._values if key[0] == member and key[1] == topic)
        return [self._values[key] for key in keys]

    def digest(self) -> str:
        """SHA-256 over all decisions in order, one a line, in hex."""
        digest = hashlib.sha256()
        for value in self.values():
            digest.update(value)
            digest.update(b"\n")
        return digest.hexdigest()


class OnceInOrder:
    """The reader's half of the promise: each decision once, in order, from at-least-once delivery.

    Only a member's next number on a topic is accepted. Lower ones were seen; a jump means that a batch is being sent
    again from further back, so what is missing, and the jump itself, will come. Keep `last` with what you derive from
    the decisions, in one transaction, and the promise survives your own crashes too.

    Example:
        >>> reader = OnceInOrder()
        >>> one = b'{"type":"loyalty.points.earned","subject":"m-1","data":{"sequence":1}}'
        >>> two = one.replace(b":1}", b":2}")
        >>> [reader.accepts("points", value) for value in (two, one, one, two)]
        [False, True, False, True]
    """

    def __init__(self, last: dict[tuple[str, DecisionTopic], int] | None = None) -> None:
        self.last = {} if last is None else last

    def accepts(self, topic: DecisionTopic, value: bytes) -> bool:
        """Whether this delivery is the member's next decision on `topic`."""
        position = _DECODER.decode(value)
        key = (position.subject, topic)
        if position.data.sequence != self.last.get(key, 0) + 1:
            return False
        self.last[key] = position.data.sequence
        return True
