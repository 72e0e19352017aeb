"""The platform of a campaign, as a process: sends a history evenly over some time, whatever happens to the brokers.

`python -m tests.chaos.producer SEED ACTIONS SECONDS DAYS`, settings from the environment: so many actions, evenly over
the seconds, of a history that spans the days. It ends with code 0 when every record is acknowledged, and prints a line
of JSON: how many actions, how many of them were sent again.
"""

import os
import sys
import time

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from loyalty.draw_sales import Reveal
from loyalty.owner_rows import DRAW as OWNER_OF_DRAW
from streams.controls import reveal_record, tick_record
from streams.keys import load_signing_key
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import topic_name
from tests.chaos.history import DAY_MS, DRAW, DRAW_SEED, START_MS, history
from tests.chaos.orphans import end_with_parent

# The last tick comes so long after the history: all that is due within it, and a little more.
_AFTERWARDS_MS = 2 * DAY_MS
# A sweep serves some members per record, so it takes some ticks until nobody is left.
_CLOSING_TICKS = 3
# A broker that comes back after a minute still gets everything, in order.
_DELIVERY_TIMEOUT_MS = 600_000
_PACE_EVERY = 200
_FLUSH_S = 600.0


class Sent(msgspec.Struct, frozen=True):
    """What a producer has sent and the brokers have."""

    actions: int
    again: int


class Sender:
    """An idempotent producer that keeps on trying."""

    def __init__(self, settings: Settings) -> None:
        self._topic = topic_name(settings, "actions")
        self._partitions = settings.partitions
        self.failures: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "enable.idempotence": True,
                "compression.type": settings.compression,
                "linger.ms": 20,
                "delivery.timeout.ms": _DELIVERY_TIMEOUT_MS,
                "message.max.bytes": 2 * 1024 * 1024,
                "log_level": 0,
            }
        )

    def send(self, key: bytes | None, value: bytes, stamp_ms: int, partition: int | None = None) -> None:
        """Queue one record; waits while the queue is full."""
        if partition is None:
            partition = partition_of(key or b"", self._partitions)
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, partition, on_delivery=self._delivered, timestamp=stamp_ms
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def tick(self, record: bytes, stamp_ms: int) -> None:
        """Queue a tick for every partition."""
        for partition in range(self._partitions):
            self.send(None, record, stamp_ms, partition)

    def finish(self) -> None:
        """Wait until the brokers have everything."""
        left = self._producer.flush(_FLUSH_S)
        if left or self.failures:
            raise SystemExit(f"{left} records not acknowledged, {len(self.failures)} failed: {self.failures[:3]}")

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.failures.append(error.str())


def send_history(settings: Settings, seed: int, actions: int, seconds: float, days: int) -> Sent:
    """Send a history evenly over `seconds` (0: as fast as it goes), then the reveal and the closing ticks."""
    sender = Sender(settings)
    begin = time.monotonic()
    count = again = 0
    for line in history(seed, actions, days):
        sender.send(line.key, line.value, line.stamp_ms)
        count += not line.again
        again += line.again
        if count % _PACE_EVERY == 0:
            ahead_s = begin + seconds * count / actions - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)
    end_ms = START_MS + days * DAY_MS + _AFTERWARDS_MS
    key = load_signing_key(settings.signing_key_file)
    owner = (OWNER_OF_DRAW + DRAW).encode()
    sender.send(owner, reveal_record(Reveal(DRAW, DRAW_SEED), key), end_ms)
    tick = tick_record(end_ms, key)
    for _ in range(_CLOSING_TICKS):
        sender.tick(tick, end_ms)
    sender.finish()
    return Sent(count, again)


if __name__ == "__main__":
    end_with_parent()
    environment = {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}
    seed, actions, seconds, days = sys.argv[1:]
    sent = send_history(Settings.load(None, environment), int(seed), int(actions), float(seconds), int(days))
    sys.stdout.write(msgspec.json.encode(sent).decode() + "\n")
