"""What is read of a member who is not in memory."""

import msgspec

from features.event_time import DAY_MS
from streams.controls import tick_record
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.state import member_prefix
from tests.support.partition_log import KEY, TOPIC_ID, build_log, policy_data

PREFIX = member_prefix("m-42")
PURCHASE = b"""{"specversion":"1.0","id":"o-1","source":"shop","type":"loyalty.action.purchase",
 "time":"1970-01-02T00:00:00Z","subject":"m-42","data":{"amount":2599,"currency":"USD","order_id":"o-1"}}"""


class WatchedStore(MemoryStore):
    """Notes which rows of the member are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[bytes] = set()

    def get(self, key: bytes) -> bytes | None:
        """Return the row, or None."""
        if key.startswith(PREFIX):
            self.asked.add(key[len(PREFIX) :])
        return super().get(key)


def test_a_sweep_reads_neither_the_windows_nor_the_ids_of_a_member_whose_points_become_active() -> None:
    policy = policy_data()
    static = msgspec.structs.replace(policy, text=policy.text.replace("\nenabled = true", ""))
    store = WatchedStore()
    batch = PartitionFold(0, TOPIC_ID, store).fold(build_log([(DAY_MS, PURCHASE)], static))
    store.write(batch.rows)
    store.asked.clear()
    tick = LogRecord(0, batch.mark + 1, 30 * DAY_MS, None, tick_record(30 * DAY_MS, KEY))

    swept = PartitionFold(0, TOPIC_ID, store).fold([tick])

    assert [output.topic for output in swept.outputs] == ["points"]
    assert b'"loyalty.points.activated"' in swept.outputs[0].value
    assert {row[:1] for row in store.asked} == {b"c", b"l", b"o"}
