"""The owners of a partition, in memory while they are asked, and their rows."""

from collections.abc import Iterator

from loyalty.owner_rows import Owner, decode_owner, encode_owner, new_owner
from streams.records import RowStore
from streams.row_format import row_payload
from streams.state import owner_key


class Owners:
    """Opens owners from a store and remembers which changed.

    An owner stays in memory until its row has landed: it is the overlay that the next fold runs on while the last batch
    is still on its way.

    Example:
        >>> from streams.memory_store import MemoryStore
        >>> owners = Owners(MemoryStore())
        >>> owners.change("reward/r-1").claimed += 2
        >>> owners.open("reward/r-1"), [key for key, _ in owners.take_changed(mark=7)]
        (Stock(claimed=2), [b'Oreward/r-1'])
    """

    def __init__(self, store: RowStore) -> None:
        self._store = store
        self._open: dict[str, Owner] = {}
        self._changed: dict[str, None] = {}
        self._marks: dict[str, int] = {}

    def open(self, subject: str) -> Owner:
        """The owner as it stands; not to be changed."""
        owner = self._open.get(subject)
        if owner is None:
            row = self._store.get(owner_key(subject))
            owner = new_owner(subject) if row is None else decode_owner(row_payload(owner_key(subject), row))
        return owner

    def change(self, subject: str) -> Owner:
        """The owner, which the caller changes."""
        owner = self._open[subject] = self.open(subject)
        self._changed[subject] = None
        return owner

    def take_changed(self, mark: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and payload of each owner that changed since the last call."""
        changed, self._changed = self._changed, {}
        for subject in changed:
            self._marks[subject] = mark
            yield owner_key(subject), encode_owner(self._open[subject])

    def landed(self, mark: int) -> None:
        """Rows up to `mark` are in the store: their owners need not be kept any longer."""
        if not self._marks:
            return
        for subject in [subject for subject, last in self._marks.items() if last <= mark]:
            del self._marks[subject]
            if subject not in self._changed:
                del self._open[subject]
