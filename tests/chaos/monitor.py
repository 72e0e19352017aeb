"""Watches from outside whether each partition moves on: how long a campaign's faults kept members waiting."""

import threading
import time
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.settings import Settings
from streams.topics import topic_name

_POLL_S = 0.5
_TIMEOUT_S = 1.0

STILL_S = 2.0
"""A partition that takes no state batch for so long, though actions arrive, stands still."""


class Monitor:
    """Looks at the ends of actions and changelog; a context manager around the time in which actions arrive."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="monitor", daemon=True)
        self._stalls: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @property
    def unavailable_s(self) -> float:
        """Seconds in which at least one partition stood still."""
        return round(covered(self._stalls), 1)

    @property
    def longest_s(self) -> float:
        """The longest that one partition stood still."""
        return round(max((end - start for start, end in self._stalls), default=0.0), 1)

    def _watch(self) -> None:
        consumer = Consumer(
            {"bootstrap.servers": self._settings.bootstrap_servers, "group.id": "tierstream-monitor", "log_level": 0}
        )
        partitions = range(self._settings.partitions)
        moved = [_Moved(time.monotonic()) for _ in partitions]
        try:
            while not self._done.wait(_POLL_S):
                for number in partitions:
                    self._look(consumer, number, moved[number])
        finally:
            consumer.close()
        for each in moved:
            self._note(each, time.monotonic())

    def _look(self, consumer: Consumer, number: int, moved: "_Moved") -> None:
        try:
            ends = [
                int(
                    consumer.get_watermark_offsets(
                        TopicPartition(topic_name(self._settings, kind), number), _TIMEOUT_S
                    )[1]
                )
                for kind in ("actions", "changelog")
            ]
        except KafkaException:
            return
        now = time.monotonic()
        if ends[1] != moved.changelog_end or ends[0] == moved.actions_end:
            self._note(moved, now)
            moved.at, moved.changelog_end, moved.actions_end = now, ends[1], ends[0]

    def _note(self, moved: "_Moved", now: float) -> None:
        if now - moved.at >= STILL_S:
            self._stalls.append((moved.at, now))


class _Moved:
    """When a partition last moved on, and where actions and changelog ended then."""

    def __init__(self, now: float) -> None:
        self.at = now
        self.changelog_end = -1
        self.actions_end = -1


def covered(stretches: list[tuple[float, float]]) -> float:
    """How long at least one of some stretches of time lasted.

    Example:
        >>> covered([(0.0, 2.0), (1.0, 3.0), (10.0, 11.0)])
        4.0
    """
    total = reached = 0.0
    for start, end in sorted(stretches):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
