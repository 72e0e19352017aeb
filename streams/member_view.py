"""One member's state out of the changelog, without a worker: for explanations and for audits."""

from confluent_kafka import Message

from features.errors import HistoryError
from streams.client import Reader
from streams.memory_store import MemoryStore
from streams.partition import Partition
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.state import Member, member_prefix, row_mark
from streams.topics import topic_partitions

# First bytes of the rows that belong to a partition as a whole: its own, and the versions of policy and weights.
_SHARED = (b"P", b"Y", b"W")


class MemberView:
    """A member as the changelog has it, and the partition whose versions decide for it.

    Raises:
        HistoryError: the changelog knows no such member.
    """

    def __init__(self, settings: Settings, member_id: str) -> None:
        number = partition_of(member_id.encode(), topic_partitions(settings, "actions"))
        store = _rows(settings, number, member_id)
        self.partition = Partition.stored(number, store)
        self.member = Member(member_id, store.get)
        if self.member.account.is_new:
            raise HistoryError(
                f"{member_id}: no such member in partition {number} of {settings.app_id}; is the id right?"
            )


def _rows(settings: Settings, partition: int, member_id: str) -> MemoryStore:
    prefix = member_prefix(member_id)
    newest: dict[bytes, tuple[int, bytes | None]] = {}
    with Reader(settings, ("changelog",), partition) as reader:
        for _, message in reader.to_end():
            key = message.key()
            if key.startswith(prefix) or key[:1] in _SHARED:
                mark = _mark(message)
                if mark >= newest.get(key, (-1, None))[0]:
                    newest[key] = mark, message.value()
    store = MemoryStore()
    store.write([(key, value) for key, (_, value) in newest.items()])
    return store


def _mark(message: Message) -> int:
    """Mark of the batch that wrote a row; a deletion carries it in its header."""
    if message.value() is not None:
        return row_mark(message.value())
    return int.from_bytes(dict(message.headers() or ()).get("mark", b""), "big")
