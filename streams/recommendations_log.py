"""Recommendations on their way out: into the partition of their member, the newest of each.

Unlike weights and verdicts they decide nothing, so a trainer that starts anew may send some again, with the same bytes.
"""

import asyncio

from online_models.recommended import Recommendation, encode_recommendation
from streams.writers import RecordWriter


class RecommendationsLog:
    """The recommendations topic.

    Args:
        topic: Its name.
        writer: Appends to it.
    """

    def __init__(self, topic: str, writer: RecordWriter) -> None:
        self._topic = topic
        self._writer = writer
        self._waiting: dict[bytes, Recommendation] = {}

    @property
    def waiting(self) -> bool:
        """Whether some are not acknowledged yet."""
        return bool(self._waiting)

    def put(self, recommendation: Recommendation, key: bytes) -> None:
        """Keep a recommendation for the member whose id is `key` until the next flush, in place of an older one."""
        self._waiting[key] = recommendation

    async def flush(self) -> None:
        """Send what is waiting; returns once all is acknowledged."""
        waiting = list(self._waiting.items())
        if waiting:
            await self._send(*waiting[0])  # alone: it may have to connect first
            await asyncio.gather(*(self._send(key, recommendation) for key, recommendation in waiting[1:]))
        self._waiting.clear()

    async def _send(self, key: bytes, recommendation: Recommendation) -> None:
        value = encode_recommendation(recommendation)
        await self._writer.append(
            self._topic, recommendation.partition, value, key=key, timestamp_ms=recommendation.log_time_ms
        )
