"""The reader of a campaign, as a process: follows the outputs while everything goes wrong, as the promise tells it to.

`python -m tests.chaos.auditor FILE`, settings from the environment. It accepts a member's next number only, and keeps
for each member and topic the last number and a digest of all that it has accepted. On SIGTERM it reads up to the ends
of the topics, writes what it has into FILE and ends.
"""

import os
import signal
import sys
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import msgspec
from confluent_kafka import Message

from streams.client import Reader
from streams.decision_log import DECISION_TOPICS, DecisionTopic, OnceInOrder
from streams.settings import Settings
from streams.topics import TopicKind
from tests.chaos.orphans import end_with_parent

# Per topic and member: the number of decisions accepted, and the digest of them in order.
Accepted = dict[str, dict[str, tuple[int, str]]]


class Ledger:
    """What a reader has accepted, in little room.

    Example:
        >>> one = b'{"type":"loyalty.points.earned","subject":"m-1","data":{"sequence":1}}'
        >>> ledger = Ledger()
        >>> ledger.take("points", one), ledger.take("points", one)
        (True, False)
        >>> ledger.accepted()["points"]["m-1"][0]
        1
    """

    def __init__(self) -> None:
        self._reader = OnceInOrder()
        self._digests: dict[tuple[DecisionTopic, str], bytes] = {}

    def take(self, topic: DecisionTopic, value: bytes) -> bool:
        """Take in a delivery; True where it is accepted."""
        if not self._reader.accepts(topic, value):
            return False
        member = subject_of(value)
        before = self._digests.get((topic, member), b"")
        self._digests[topic, member] = blake2b(before + value, digest_size=16).digest()
        return True

    def accepted(self) -> Accepted:
        """What was accepted, by topic and member."""
        found: Accepted = {topic: {} for topic in DECISION_TOPICS}
        for (topic, member), digest in self._digests.items():
            found[topic][member] = (self._reader.last[member, topic], digest.hex())
        return found


class _Subject(msgspec.Struct, gc=False):
    subject: str


_SUBJECT = msgspec.json.Decoder(_Subject)


def subject_of(value: bytes) -> str:
    """Whose decision it is.

    Example:
        >>> subject_of(b'{"subject":"m-1","data":{}}')
        'm-1'
    """
    return _SUBJECT.decode(value).subject


def audit(settings: Settings) -> Accepted:
    """Follow the outputs until SIGTERM, and then to their end."""
    ledger = Ledger()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))

    def take(delivered: Iterable[tuple[TopicKind, Message]]) -> None:
        for kind, message in delivered:
            for topic in DECISION_TOPICS:
                if topic == kind:
                    ledger.take(topic, message.value())

    with Reader(settings, DECISION_TOPICS) as reader:
        while not stopping:
            take(reader.poll())
        take(reader.to_end())
    return ledger.accepted()


if __name__ == "__main__":
    end_with_parent()
    environment = {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}
    Path(sys.argv[1]).write_bytes(msgspec.json.encode(audit(Settings.load(None, environment))))
