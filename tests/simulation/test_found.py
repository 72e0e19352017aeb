"""What the simulation has found, each told again in the fewest words."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from faust.types import TP

from streams.changelog import ChangelogReader
from streams.writers import Connection
from tests.simulation import sabotage
from tests.simulation.broker import Broker, Unsent
from tests.simulation.clients import Consumer
from tests.simulation.cluster import reach
from tests.simulation.world import Process, World


def _read(seed: int, batches: Sequence[int], end: int) -> tuple[list[int], int]:
    """Offsets that a reader gets of a log of record batches of these sizes, up to an end, and where it stops."""
    world = World(seed)
    broker = Broker(world, 1)
    log = broker.log("changelog", 0)
    for size in batches:
        log.append([Unsent(b"k%d" % number, b"v") for number in range(size)], now=0.0)
    log.show(log.end)
    connection = Connection("simulated", None, 5_000)
    reach(connection, broker)
    offsets: list[int] = []
    stops = [0]

    async def main() -> None:
        tp = TP("changelog", 0)
        async with ChangelogReader(connection) as reader:
            async for _, records, position in reader.read({tp: 0}, {tp: end}):
                offsets.extend(record.offset for record in records)
                stops.append(position)

    with patch("streams.changelog.AIOKafkaConsumer", Consumer):
        Process(world, "reader").start(main())
        world.run_until(60.0)
    return offsets, stops[-1]


@pytest.mark.parametrize("seed", range(8))
def test_recovery_does_not_take_half_a_batch_that_is_written_meanwhile(seed: int) -> None:
    """Seed 109: rows of a late writer's batch without its partition row, so a record was applied to its own result."""
    assert _read(seed, [3, 5, 4], end=3) == ([0, 1, 2], 3)


def test_reading_on_would_have_taken_it() -> None:
    with sabotage.changelog_read_past_its_end():
        assert any(_read(seed, [3, 5, 4], end=3)[1] in range(4, 8) for seed in range(20))
