"""An actions topic in memory: a fold per partition, and effects on their way between them."""

from collections import deque

from streams.controls import PolicyData, policy_record, tick_record
from streams.decision_log import DECISION_TOPICS, DecisionLog
from streams.effects import Sealed, seal
from streams.memory_store import MemoryStore
from streams.partitioning import partition_of
from streams.pipeline import new_fold
from streams.records import LogIdentity, LogRecord, Output
from tests.support.partition_log import KEY, key_of


class TopicLog:
    """Records go into a partition's log and are folded at once; effects wait in `mail` until they are delivered.

    Between two partitions they stay in order, as an idempotent producer keeps them; between different pairs any order
    may happen, and anything that was delivered may be delivered again.
    """

    def __init__(self, partitions: int, policy: PolicyData) -> None:
        self.identity = LogIdentity(b"test-topic-uuid!", partitions)
        self.logs: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.folds = [new_fold(number, self.identity, MemoryStore()) for number in range(partitions)]
        self.mail: dict[tuple[int, int], deque[Sealed]] = {}
        self.delivered: list[Sealed] = []
        self.decisions = DecisionLog()
        self.dead: list[Output] = []
        self.draws: list[Output] = []
        self.everywhere(policy_record(policy, KEY), 1)

    def everywhere(self, value: bytes, timestamp_ms: int) -> None:
        """Append a record of ours to every partition."""
        for partition in range(len(self.logs)):
            self.append(partition, timestamp_ms, None, value)

    def tick(self, time_ms: int) -> None:
        """Append a tick to every partition."""
        self.everywhere(tick_record(time_ms, KEY), time_ms)

    def act(self, value: bytes, timestamp_ms: int) -> None:
        """Append an action to its member's partition."""
        key = key_of(value)
        self.append(partition_of(key or b"", len(self.logs)), timestamp_ms, key, value)

    def append(self, partition: int, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        """Append a record and fold it."""
        log = self.logs[partition]
        log.append(LogRecord(partition, len(log), timestamp_ms, key, value))
        self.folds[partition].apply(log[-1])
        for output in self.folds[partition].take_outputs():
            self._send(partition, output)

    def _send(self, partition: int, output: Output) -> None:
        if output.topic == "effects":
            sealed = seal(output.value, KEY)
            self.mail.setdefault((partition, sealed.receiver), deque()).append(sealed)
        elif output.topic == "draws":
            self.draws.append(output)
        elif output.topic == "deadletter":
            self.dead.append(output)
        for topic in DECISION_TOPICS:
            if topic == output.topic:
                self.decisions.add(topic, output.value)

    def waiting(self) -> list[tuple[int, int]]:
        """Sender and receiver of all mail that waits."""
        return [pair for pair, letters in self.mail.items() if letters]

    def deliver(self, pair: tuple[int, int]) -> None:
        """Deliver the first effect from one partition to another."""
        letter = self.mail[pair].popleft()
        self.delivered.append(letter)
        self.append(letter.receiver, letter.timestamp_ms, None, letter.value)

    def again(self, number: int) -> None:
        """Deliver an effect again that was delivered before."""
        letter = self.delivered[number % len(self.delivered)]
        self.append(letter.receiver, letter.timestamp_ms, None, letter.value)

    def deliver_all(self) -> None:
        """Deliver until nothing waits."""
        while waiting := self.waiting():
            self.deliver(waiting[0])
