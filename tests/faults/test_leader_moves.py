"""Leaders of partitions move to other brokers while a worker does not look: it goes on all the same.

Faust's consumer is assigned the changelog's partitions, too, and never reads them: nobody tells it that their leaders
are elsewhere. Nightly, because it takes three brokers, 45 s.
`tests/unit/streams/test_faust_overrides.py` has the cause.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from deploy.kafka import KafkaCluster
from tests.chaos.leaders import lead
from tests.support.processes import eventually
from tests.support.toy_oracle import RIGHT, judge
from tests.support.toy_run import ToyRun

pytestmark = [pytest.mark.kafka, pytest.mark.nightly, pytest.mark.timeout(300)]

HEAP_MIB = 320
PARTITIONS = 3
# Far less than the five minutes after which aiokafka asks where leaders are, if nothing makes it ask before.
SOON_S = 60


def move_leaders(bootstrap: str, topics: Collection[str]) -> None:
    """Make the next copy of each partition of these topics its leader."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def leaders() -> dict[tuple[str, int], tuple[int, list[int]]]:
        found = admin.list_topics(timeout=20).topics
        return {
            (name, number): (partition.leader, partition.replicas)
            for name in topics
            for number, partition in found[name].partitions.items()
        }

    wanted = {place: [*replicas[1:], replicas[0]] for place, (_, replicas) in leaders().items()}
    asyncio.run(lead(bootstrap, wanted))
    eventually(
        lambda: all(leader == wanted[place][0] for place, (leader, _) in leaders().items()), 30, "leaders have moved"
    )


@pytest.mark.parametrize("kind", ["changelog", "both"])
def test_a_worker_goes_on_after_leaders_have_moved_and_partitions_were_assigned_anew(kind: str, tmp_path: Path) -> None:
    with KafkaCluster(brokers=3, heap_mib=HEAP_MIB) as cluster:
        run = ToyRun(cluster.bootstrap, "moves", PARTITIONS, replication_factor="3")
        changelog = f"{run.prefix}-members-changelog"
        moved = {"changelog": [changelog], "both": [run.actions, changelog]}[kind]
        run.produce(1_000)
        one, two = (run.worker(tmp_path / name) for name in ("one", "two"))
        with one.start(), two:
            eventually(lambda: run.has_applied(1_000), SOON_S, "all is applied")
            move_leaders(cluster.bootstrap, moved)
            two.start()
            run.await_ready(one, 2)
            run.await_ready(two)
            run.produce(1_000, seed=1)
            eventually(lambda: run.has_applied(2_000), SOON_S, "all is applied")
            assert two.stop() == 0
            run.produce(1_000, seed=2)
            eventually(lambda: run.has_applied(3_000), SOON_S, "all is applied by the one that stays")
            assert one.stop() == 0
        assert judge(cluster.bootstrap, run.prefix) == RIGHT
