"""What stock Faust does with offsets of batches, and what ours does: an upgrade that mends Faust shows here."""

import asyncio
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from faust.transport.consumer import IntervalTree
from faust.transport.drivers.aiokafka import Consumer as StockConsumer
from faust.types import TP

from streams.faust_overrides import EXIT_SOFTWARE, ShellConsumer, _NothingRead, was_cancelled

ACTIONS = TP("loyalty.actions", 0)
# Three batches were acknowledged: each event's offset is the last of its records.
LAST_OFFSETS = [699, 1_399, 2_099]


def with_acknowledged(kind: Any, offsets: list[int]) -> Any:  # noqa: ANN401 - Faust has no types
    """A consumer with nothing but its offsets."""
    consumer = kind.__new__(kind)
    consumer._acked = defaultdict(list, {ACTIONS: list(offsets)})
    consumer._acked_index = defaultdict(set, {ACTIONS: set(offsets)})
    consumer._committed_offset = defaultdict(lambda: None)
    consumer._gap = defaultdict(IntervalTree)
    return consumer


def test_the_highest_batch_acknowledged_is_what_may_be_committed() -> None:
    assert with_acknowledged(StockConsumer, LAST_OFFSETS)._new_offset(ACTIONS) == 700
    ours = with_acknowledged(ShellConsumer, LAST_OFFSETS)
    assert ours._new_offset(ACTIONS) == 2_100
    assert ours._new_offset(ACTIONS) is None


def test_gaps_that_stock_faust_invents_between_batches_hold_its_commits_back() -> None:
    stock = with_acknowledged(StockConsumer, [699])
    asyncio.run(stock._add_gap(ACTIONS, 700, 1_399))  # what its fetch loop does when the second batch arrives
    committed = [stock._new_offset(ACTIONS)]
    stock._acked[ACTIONS].append(1_399)
    committed.append(stock._new_offset(ACTIONS))
    stock._acked[ACTIONS].append(2_099)
    committed.append(stock._new_offset(ACTIONS))
    assert committed[-1] != 2_100


def test_no_record_is_dropped_for_being_behind_one_that_was_read() -> None:
    offsets = _NothingRead()
    offsets[ACTIONS] = 5_000
    assert offsets[ACTIONS] is None


def test_only_a_cancellation_that_was_asked_for_counts_as_one() -> None:
    async def told(*, ask: bool) -> bool:
        async def stray() -> None:
            raise asyncio.CancelledError

        async def work() -> bool:
            try:
                await (asyncio.sleep(60) if ask else stray())
            except asyncio.CancelledError as failure:
                return was_cancelled(failure)
            return False

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        if ask:
            task.cancel()
        return await task

    assert asyncio.run(told(ask=True)) is True
    assert asyncio.run(told(ask=False)) is False


def test_a_process_ends_even_where_it_cannot_say_why(tmp_path: Path) -> None:
    code = (
        "import resource\n"
        "from streams.faust_overrides import end_process\n"
        "print('waits to be written')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"  # to this process, the disk is full
        "end_process('commit', OSError('no space left'))\n"
    )
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with (tmp_path / "log").open("w") as log:
        ended = subprocess.run([sys.executable, "-c", code], stdout=log, stderr=log, env=buffered, check=False)
    assert ended.returncode == EXIT_SOFTWARE
