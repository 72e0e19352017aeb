"""`python -m benchmarks.latency_reader BOOTSTRAP PREFIX FILE`: when each ledger entry and each tier change arrives.

A line per arrival: kind, the id of the action that caused it, and the monotonic clock, which all processes share. Ends
with the process that started it.
"""

import os
import sys
import threading
import time

import msgspec
from confluent_kafka import Consumer

_AT_ONCE = 1_000
_WAIT_S = 0.005


class _Cause(msgspec.Struct):
    id: str


class _Data(msgspec.Struct):
    cause: _Cause


class _Decision(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Decision).decode


def main() -> None:
    """Read until standard input ends."""
    bootstrap, prefix, path = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    kinds = {f"{prefix}.points": "entry", f"{prefix}.tier-changes": "tier"}
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "latency-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
        }
    )
    consumer.subscribe(list(kinds))
    with open(path, "w", encoding="ascii", buffering=1 << 16) as out:  # noqa: PTH123 - with a buffer
        while True:
            messages = consumer.consume(_AT_ONCE, timeout=_WAIT_S)
            now = time.monotonic()
            for message in messages:
                value = message.value()
                if message.error() is None and value is not None:
                    out.write(f"{kinds[message.topic()]} {_decode(value).data.cause.id} {now:.6f}\n")
            if not messages:
                out.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
