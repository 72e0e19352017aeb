"""Which events were applied already: exact for as long as an event can still be accepted.

An event is known by `(source, id)`, as CloudEvents says; a digest of the two is what is kept. Digests go into an open
page; a full page is closed and gets a row of its own, so an action rewrites only a small page. Pages are kept by *log*
day, because lateness is bounded in log time: a page goes when its newest digest is older than anything acceptable.

Beside a digest there may be a note, opaque here: what the event has brought about, in case that it turns out to have
been applied to another member who is the same person.

64 bits are enough: among the ten thousand ids of a very busy member, the chance that a new one meets an old digest is
10,000 / 2**64, less than one in a quadrillion.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from features.rows import Changes, Read, ReadWhenAsked, read_owed_row, read_row

DIGEST_BYTES: Final = 8
IDS_PER_PAGE: Final = 16

# A page with so many bytes of notes is full too, so that an action after it rewrites a small page again.
NOTE_BYTES_PER_PAGE: Final = 96

_OPEN_ROW: Final = b"i"
_NUMBER_BYTES: Final = 4


class _ClosedPage(msgspec.Struct, array_like=True, gc=False):
    last_day: int
    digests: bytes
    notes: dict[int, bytes] = {}


class _OpenPage(msgspec.Struct, array_like=True, gc=False):
    """`first` is the oldest closed page that is kept, `number` this page's own number, `notes` are by place."""

    first: int
    number: int
    last_day: int
    digests: bytes
    notes: dict[int, bytes] = {}


_ENCODER = msgspec.msgpack.Encoder()
_CLOSED_DECODER = msgspec.msgpack.Decoder(_ClosedPage)
_OPEN_DECODER = msgspec.msgpack.Decoder(_OpenPage)


def event_digest(source: str, event_id: str) -> bytes:
    """Eight bytes that stand for an event; the length of the source keeps `("a", "bc")` and `("ab", "c")` apart.

    >>> event_digest("shop", "1") == event_digest("sho", "p1")
    False
    """
    return blake2b(f"{len(source)}:{source}{event_id}".encode(), digest_size=DIGEST_BYTES).digest()


class SeenIds:
    """The events of one member that were applied: a state part with the row suffixes `i` and `i` + page number.

    Call `expire` before `seen`: what counts as seen is then a function of the log alone.

    Example:
        >>> ids = SeenIds.load({}.get)
        >>> digest = event_digest("shop/web", "o-1001")
        >>> ids.seen(digest)
        False
        >>> ids.remember(digest, log_day=17_229)
        >>> ids.seen(digest)
        True
    """

    __slots__ = ("_changed", "_closed", "_known", "_open", "_open_changed", "_read")
    _open: _OpenPage
    _closed: dict[int, _ClosedPage]
    _known: set[bytes]
    _changed: set[int]

    def __init__(self, read: Read) -> None:
        self._read = read
        self._open_changed = False

    @staticmethod
    def load(read: Read) -> "SeenIds":
        """The ids as stored, or none.

        What is asked of them raises CorruptStateError where a row is missing or cannot be what this class wrote.
        """
        return _UnreadIds(read)

    def changed(self) -> Changes:
        """Rows changed since the last call: suffix and payload, None to delete."""
        if self._open_changed:
            self._open_changed = False
            yield _OPEN_ROW, _ENCODER.encode(self._open)
        for number in sorted(self._changed):
            page = self._closed.get(number)
            yield _suffix(number), None if page is None else _ENCODER.encode(page)
        self._changed.clear()

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows as they would be written now, changed or not."""
        yield _OPEN_ROW, _ENCODER.encode(self._open)
        for number, page in self._closed.items():
            yield _suffix(number), _ENCODER.encode(page)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Each digest with its note, which may be empty, in the order in which they came."""
        pages = [(page.digests, page.notes) for page in self._closed.values()]
        for digests, notes in (*pages, (self._open.digests, self._open.notes)):
            for place, digest in enumerate(_split(digests)):
                yield digest, notes.get(place, b"")

    def absorb(self, other: "SeenIds", log_day: int) -> None:
        """Remember everything that `other` does, notes too, as long as if it had come on `log_day`.

        >>> mine, theirs = SeenIds.load({}.get), SeenIds.load({}.get)
        >>> theirs.remember(event_digest("shop", "1"), 17_229, b"5 points")
        >>> mine.absorb(theirs, 17_230)
        >>> mine.seen(event_digest("shop", "1")), list(mine.items()) == list(theirs.items())
        (True, True)
        """
        for digest, note in other.items():
            self.remember(digest, log_day, note)

    def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Let `change` make a new note of each that there is.

        >>> ids = SeenIds.load({}.get)
        >>> ids.remember(event_digest("shop", "1"), 17_229, b"5 points")
        >>> ids.rewrite(bytes.upper)
        >>> [note for _, note in ids.items()]
        [b'5 POINTS']
        """
        for number, page in self._closed.items():
            if _rewrite(page, change):
                self._changed.add(number)
        if _rewrite(self._open, change):
            self._open_changed = True

    def __len__(self) -> int:
        return len(self._known)

    def seen(self, digest: bytes) -> bool:
        """Whether the event was remembered, and not so long ago that its page has expired."""
        return digest in self._known

    def remember(self, digest: bytes, log_day: int, note: bytes = b"") -> None:
        """Keep an event that was applied on a day of log time; remembering it twice changes nothing."""
        if digest in self._known:
            return
        page = self._open
        if _is_full(page):
            self._closed[page.number] = _ClosedPage(page.last_day, page.digests, page.notes)
            self._changed.add(page.number)
            page.number += 1
            page.digests, page.notes = b"", {}
        if note:
            page.notes[len(page.digests) // DIGEST_BYTES] = note
        page.digests += digest
        page.last_day = log_day
        self._known.add(digest)
        self._open_changed = True

    def expire(self, oldest_day: int) -> None:
        """Forget the pages whose newest event was applied before `oldest_day` of log time.

        `oldest_day` is today's log day less the policy's lateness and skew: no older event can be accepted any more.
        """
        page = self._open
        while page.first < page.number and self._closed[page.first].last_day < oldest_day:
            self._known.difference_update(_split(self._closed.pop(page.first).digests))
            self._changed.add(page.first)
            page.first += 1
            self._open_changed = True
        if page.digests and page.last_day < oldest_day:
            self._known.difference_update(_split(page.digests))
            page.digests, page.notes = b"", {}
            self._open_changed = True


class _UnreadIds(ReadWhenAsked, SeenIds):
    __slots__ = ()

    def _restore(self) -> None:
        self._open = read_row(self._read, _OPEN_ROW, _OPEN_DECODER) or _OpenPage(0, 0, 0, b"")
        self._closed = {}
        self._known = set(_split(self._open.digests))
        self._changed = set()
        for number in range(self._open.first, self._open.number):
            page = self._closed[number] = read_owed_row(self._read, _suffix(number), _CLOSED_DECODER)
            self._known.update(_split(page.digests))


def _rewrite(page: _OpenPage | _ClosedPage, change: Callable[[bytes], bytes]) -> bool:
    """Whether any note of the page is another one now."""
    notes = {place: change(note) for place, note in page.notes.items()}
    changed = notes != page.notes
    page.notes = notes
    return changed


def _is_full(page: _OpenPage) -> bool:
    if len(page.digests) >= IDS_PER_PAGE * DIGEST_BYTES:
        return True
    return bool(page.notes) and sum(map(len, page.notes.values())) >= NOTE_BYTES_PER_PAGE


def _split(digests: bytes) -> list[bytes]:
    return [digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES)]


def _suffix(number: int) -> bytes:
    return _OPEN_ROW + number.to_bytes(_NUMBER_BYTES, "big")
