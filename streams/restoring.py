"""A long changelog, restored by processes beside the worker's own, each into the stores of some partitions.

Applying rows is work for one core of each process, and the event loop that has to answer the group goes on meanwhile.
What is restored is what the worker would have restored itself: it opens the stores afterwards and reads on from where
they stand, also where a process beside it has come to nothing.

`python -m streams.restoring` reads an `Order`, one line of JSON, from standard input, and ends when that ends.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE

import msgspec
from faust.types import TP

from streams.bulk_reader import BulkReader
from streams.changelog import Replay
from streams.logs import fields, log
from streams.stores import RocksPartition
from streams.writers import Connection

# From here on a process beside the worker's is worth its start: some seconds of records.
LONG_RECORDS = 200_000


class Part(msgspec.Struct, frozen=True):
    """A partition of the changelog to apply to the store in `folder`, from `start` until before `end`."""

    partition: int
    folder: str
    start: int
    end: int


class Order(msgspec.Struct, frozen=True):
    """What a process is to restore; `identity` is that of the changelog."""

    bootstrap_servers: str
    request_timeout_ms: int
    topic: str
    identity: bytes
    block_cache_bytes: int
    parts: tuple[Part, ...]


async def restore_beside(order: Order) -> None:
    """Restore all parts, by a process for each core that there is; nothing of them is left when this is cancelled."""
    cores = len(os.sched_getaffinity(0))
    shares = [msgspec.structs.replace(order, parts=parts) for parts in shared_out(order.parts, cores)]
    await asyncio.gather(*(_run(share) for share in shares))


def shared_out(parts: Iterable[Part], most: int) -> list[tuple[Part, ...]]:
    """Parts in at most so many shares of about the same length, the longest part first.

    Example:
        >>> parts = [Part(number, "", 0, end) for number, end in enumerate((30, 50, 10, 20))]
        >>> [[part.end for part in share] for share in shared_out(parts, 2)]
        [[50, 10], [30, 20]]
    """
    shares: list[list[Part]] = [[] for _ in range(most)]
    for part in sorted(parts, key=lambda part: part.start - part.end):
        min(shares, key=_length).append(part)
    return [tuple(share) for share in shares if share]


def _length(share: Sequence[Part]) -> int:
    return sum(part.end - part.start for part in share)


async def _run(order: Order) -> None:
    # In a session of its own: an interrupt at the terminal is for the worker, which ends this one in its turn.
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; this very interpreter
        [sys.executable, "-m", __name__], stdin=PIPE, stdout=DEVNULL, stderr=PIPE, start_new_session=True
    )
    asking = asyncio.ensure_future(asyncio.to_thread(_ask, process, order))
    try:
        failure = await asyncio.shield(asking)
    finally:
        process.kill()
        await asyncio.wait({asking})  # until then it may hold the stores' locks
    if process.returncode:
        log("recovery").warning(
            "a process beside this one has ended early: going on without it",
            extra=fields(cause=f"exit code {process.returncode}, {failure}"),
        )


def _ask(process: "subprocess.Popen[bytes]", order: Order) -> str:
    """Hand the order over and wait; returns the last thing that the process has said on standard error."""
    with process as running:
        if running.stdin is None or running.stderr is None:
            return ""
        with suppress(BrokenPipeError):
            running.stdin.write(msgspec.json.encode(order) + b"\n")
            running.stdin.flush()  # and not closed: for as long as it is open, the process is to live
        said = running.stderr.read()
    return said.decode(errors="replace").strip().rpartition("\n")[2]


async def restore(order: Order) -> None:
    """Apply all parts to their stores, here."""
    stores = {
        TP(order.topic, part.partition): RocksPartition(Path(part.folder), order.identity, order.block_cache_bytes)
        for part in order.parts
    }
    try:
        replays = {tp: Replay(store) for tp, store in stores.items()}
        starts = {TP(order.topic, part.partition): part.start for part in order.parts}
        ends = {TP(order.topic, part.partition): part.end for part in order.parts}
        async with BulkReader(Connection(order.bootstrap_servers, None, order.request_timeout_ms)) as reader:
            async for tp, records, position in reader.read(starts, ends):
                replays[tp].apply(records, position)
    finally:
        for store in stores.values():
            store.close()


def _end_with_the_worker() -> None:
    os.read(sys.stdin.fileno(), 1)  # unbuffered: a lock on the buffer would outlive the interpreter
    os._exit(1)


def main() -> None:
    """Restore what the worker asks for."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_the_worker, daemon=True).start()
    asyncio.run(restore(order))


if __name__ == "__main__":
    main()
