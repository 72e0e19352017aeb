"""One member's state out of the changelog, without a worker: for explanations and for audits."""

from features.errors import HistoryError
from online_models.finding_events import decode_finding
from online_models.findings import PortraitFinding, Portrayed
from streams.client import Reader
from streams.partition import Partition
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.state import Member, member_prefix
from streams.table_reading import read_table
from streams.topics import topic_partitions

# First bytes of the rows that belong to a partition as a whole: its own, and the versions of policy and weights.
_SHARED = (b"P", b"Y", b"W")


class MemberView:
    """A member as the changelog has it, and the partition whose versions decide for it.

    Who asks for an alias gets whom it is an alias of; `aliases` are the ids on the way there.

    Raises:
        HistoryError: the changelog knows no such member.
    """

    def __init__(self, settings: Settings, member_id: str) -> None:
        self.aliases: list[str] = []
        self._open(settings, member_id)
        while canonical := self.member.account.core.alias_of:
            self.aliases.append(self.member.id)
            self._open(settings, canonical)

    def _open(self, settings: Settings, member_id: str) -> None:
        number = partition_of(member_id.encode(), topic_partitions(settings, "actions"))
        prefix = member_prefix(member_id)
        store = read_table(settings, number, lambda key: key.startswith(prefix) or key[:1] in _SHARED)
        self.partition = Partition.stored(number, store)
        self.member = Member(member_id, store.get)
        if self.member.account.is_new:
            raise HistoryError(
                f"{member_id}: no such member in partition {number} of {settings.app_id}; is the id right?"
            )


def newest_portrait(settings: Settings) -> Portrayed | None:
    """The portrait that the trainer has published last; None where it has published none."""
    newest = None
    with Reader(settings, ("findings",)) as reader:
        for _, message in reader.to_end():
            finding = decode_finding(message.value())
            if isinstance(finding, PortraitFinding):
                newest = finding.portrait
    return newest
