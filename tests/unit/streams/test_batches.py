"""Every fetched record reaches the agent once, in order, in bounded batches, and no partition waits for another."""

from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.batches import BatchScheduler


def fetched(partition: int, sizes: list[int]) -> list[ConsumerRecord]:
    return [
        ConsumerRecord("t", partition, offset, 1_000 + offset, 0, b"k", bytes(size), None, 1, size, ())
        for offset, size in enumerate(sizes)
    ]


@given(
    sizes=st.lists(st.lists(st.integers(0, 50), max_size=30), max_size=4),
    max_records=st.integers(1, 10),
    max_bytes=st.integers(1, 100),
)
def test_records_arrive_once_in_order_within_bounds(sizes: list[list[int]], max_records: int, max_bytes: int) -> None:
    records = {TopicPartition("t", number): fetched(number, each) for number, each in enumerate(sizes)}
    seen: dict[TopicPartition, list[int]] = {partition: [] for partition in records}
    for partition, batch in BatchScheduler(max_records, max_bytes).iterate(records):
        offsets = [record.offset for record in batch.value]
        assert 1 <= len(offsets) <= max_records
        assert sum(len(record.value or b"") for record in batch.value[:-1]) < max_bytes
        assert (batch.topic, batch.partition, batch.offset) == ("t", partition.partition, offsets[-1])
        seen[partition] += offsets
    assert seen == {partition: list(range(len(each))) for partition, each in records.items()}


def test_partitions_take_turns() -> None:
    records = {TopicPartition("t", number): fetched(number, [1] * 6) for number in range(2)}
    turns = [batch.partition for _, batch in BatchScheduler(2).iterate(records)]
    assert turns == [0, 1, 0, 1, 0, 1]
