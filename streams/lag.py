"""How far a consumer is behind, in records that can be read: the markers of transactions take offsets, and are none."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.structs import ConsumerRecord
from faust.types import TP


class Delivered(NamedTuple):
    """What was handed over of a partition: the last record's offset, -1 for none, and where reading goes on.

    Between the two stand no records: they are the markers of producers' transactions, or what one has aborted.
    """

    last: int
    position: int


NOTHING_DELIVERED = Delivered(-1, 0)


def delivered(consumer: AIOKafkaConsumer, tp: TP, records: Sequence[ConsumerRecord], before: Delivered) -> Delivered:
    """What was handed over of a partition after a fetch that gave these records."""
    state = _state(consumer, tp)
    if state is None or not state.has_valid_position:
        return before
    return Delivered(records[-1].offset if records else before.last, state.position)


def committed_end(consumer: AIOKafkaConsumer, tp: TP) -> int | None:
    """Up to where a partition can be read, as of the last fetch: behind it are open transactions; None before one."""
    state = _state(consumer, tp)
    return None if state is None else state.lso


def records_behind(mark: int, end: int, handed_over: Delivered) -> int:
    """Records of a partition after `mark` and before `end`; markers count for as long as they may be records.

    Example:
        >>> records_behind(mark=9, end=12, handed_over=Delivered(last=9, position=12))
        0
        >>> records_behind(mark=4, end=12, handed_over=Delivered(last=9, position=12))
        7
    """
    done = mark + 1 if handed_over.last > mark else max(mark + 1, handed_over.position)
    return max(0, end - done)


def _state(consumer: AIOKafkaConsumer, tp: TP) -> TopicPartitionState | None:
    """What aiokafka notes of a partition, None where it is not assigned: its own questions fail there."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - see above
    assignment = None if subscription is None else subscription.assignment
    return None if assignment is None else assignment.state_value(TopicPartition(*tp))
