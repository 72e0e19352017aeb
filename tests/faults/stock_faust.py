"""A stock Faust app that counts records per key, settings from the environment: what `faust_table` compares with.

Nothing of ours is in it. `STOCK_RAISE_AT` is a value that its agent raises on.
"""

import os

import faust
from faust.streams import Stream

APP = os.environ.get("STOCK_APP", "stock")

app = faust.App(
    APP,
    broker=f"kafka://{os.environ.get('STOCK_BROKER', '')}",
    datadir=os.environ.get("TIERSTREAM_DATA_DIR", "out/stock"),
    store="memory://",
    processing_guarantee=os.environ.get("STOCK_GUARANTEE", "at_least_once"),
    topic_partitions=2,
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    web_enabled=False,
)
actions = app.topic(os.environ.get("STOCK_TOPIC", "actions"), key_type=bytes, value_type=bytes, value_serializer="raw")
counts = app.Table("counts", key_type=bytes, value_type=int, default=int, partitions=2)


class PlannedError(Exception):
    """A bug, as planned."""


@app.agent(actions)
async def count(stream: Stream) -> None:
    """Add one to the key's count."""
    async for event in stream.events():
        if event.value == os.environ.get("STOCK_RAISE_AT", "").encode():
            raise PlannedError
        counts[event.key] += 1


if __name__ == "__main__":
    worker = app.Worker(loglevel="INFO", quiet=True)
    worker.spinner = None
    worker.execute_from_commandline()
