"""Live ticks: writes the time into the log of each partition that this worker has.

Log time moves on even where nobody acts, so pending points become active and others expire. A history brings ticks of
its own. A dead ticker delays work and rejects nothing, and two workers that tick one partition do no harm.
"""

import asyncio
import time
from collections.abc import Callable, Collection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from streams.controls import tick_record
from streams.faust_overrides import end_process, was_cancelled
from streams.writers import RecordWriter

_NS_PER_MS = 1_000_000


class Ticker:
    """Sends a signed tick to every partition of this worker, again and again.

    Args:
        topic: The actions topic.
        interval_ms: Time between two ticks.
        key: Signs the ticks.
        writer: Appends them.
        partitions: Returns the partitions that are being processed now.
        on_tick: Told of each tick sent.
    """

    def __init__(
        self,
        topic: str,
        interval_ms: int,
        key: Ed25519PrivateKey,
        *,
        writer: RecordWriter,
        partitions: Callable[[], Collection[int]],
        on_tick: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._interval_s = interval_ms / 1000
        self._key = key
        self._writer = writer
        self._partitions = partitions
        self._on_tick = on_tick

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.tick(time.time_ns() // _NS_PER_MS)
            # What a broker refuses once it refuses again: better found out at once than after a month without expiry.
            except BaseException as failure:
                if was_cancelled(failure):
                    raise
                end_process("ticker", failure)

    async def tick(self, now_ms: int) -> None:
        """Write one tick into each partition."""
        record = tick_record(now_ms, self._key)
        for partition in sorted(self._partitions()):
            await self._writer.append(self._topic, partition, record, timestamp_ms=now_ms)
            self._on_tick()
