"""Records handed to librdkafka, and what has become of them.

Every record is reported on by itself. Reports are taken on the event loop: in a thread, each of them would wait for
Python's lock, up to 5 ms while a partition folds.
"""

import asyncio

from confluent_kafka import KafkaError, Message, Producer

from features.errors import BrokerError

# Between two looks at the reports: soon at first, for a broker near by, then seldom enough to cost nothing.
_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.008


class Deliveries:
    """The records of one batch.

    Args:
        producer: Sends them; other batches may send with it at the same time.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._left = 0
        self._failure: str | None = None

    async def send(self, topic: str, partition: int, key: bytes, value: bytes, timestamp_ms: int) -> None:
        """Hand a record over, behind those before it; waits while the producer's queue is full.

        Raises:
            BrokerError: an earlier record of the batch was not taken.
        """
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=self._reported, timestamp=timestamp_ms)
            except BufferError:
                await self._look_after(_LONGEST_PAUSE_S)
            else:
                self._left += 1
                return

    async def complete(self) -> None:
        """Wait until every record is acknowledged.

        Raises:
            BrokerError: one was not taken.
        """
        pause = _FIRST_PAUSE_S
        while self._left:
            await self._look_after(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    async def _look_after(self, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        self._producer.poll(0)
        if self._failure is not None:
            raise BrokerError(self._failure)

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        self._left -= 1
        if error is not None and self._failure is None:
            self._failure = (
                f"{message.topic()}/{message.partition()}: an output was not taken: {error.str()}; its batch is not "
                "acknowledged, and the next start sends it again"
            )
