"""Laws of the remembered ids, against an oracle that keeps every id with its day."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.dedupe import DIGEST_BYTES, IDS_PER_PAGE, SeenIds, event_digest
from features.errors import CorruptStateError

KEPT_DAYS = 31


def digest_of(number: int) -> bytes:
    return event_digest("shop/web", f"e-{number}")


class Store:
    """Rows of one member, with the bytes of the last write."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.written = 0

    def write(self, ids: SeenIds) -> None:
        self.written = 0
        for suffix, payload in ids.changed():
            if payload is None:
                self.rows.pop(suffix, None)
            else:
                self.rows[suffix] = payload
                self.written += len(payload)


# Days that pass before an action, and the number of its id, often one that was there before.
arrivals = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 0, 0, 1, 2, 10, 31, 40]), st.integers(0, 60)), min_size=1, max_size=120
)


@given(arrivals)
@settings(max_examples=200, deadline=None)
def test_an_id_is_seen_as_long_as_it_may_come_again(steps: list[tuple[int, int]]) -> None:
    ids, day, applied_on = SeenIds.load(dict[bytes, bytes]().get), 17_000, dict[int, int]()
    for gap, number in steps:
        day += gap
        ids.expire(day - KEPT_DAYS)
        seen = ids.seen(digest_of(number))
        if applied_on.get(number, 0) >= day - KEPT_DAYS:
            assert seen
        if number not in applied_on:
            assert not seen
        if not seen:
            ids.remember(digest_of(number), day)
            applied_on[number] = day


@given(arrivals, st.integers(1, 5))
@settings(max_examples=200, deadline=None)
def test_reloading_between_actions_changes_no_answer_and_no_row(steps: list[tuple[int, int]], every: int) -> None:
    store, kept_store = Store(), Store()
    kept, reloaded, day = SeenIds.load(dict[bytes, bytes]().get), SeenIds.load(dict[bytes, bytes]().get), 17_000
    for at, (gap, number) in enumerate(steps):
        day += gap
        for ids in (kept, reloaded):
            ids.expire(day - KEPT_DAYS)
        assert kept.seen(digest_of(number)) == reloaded.seen(digest_of(number))
        for ids in (kept, reloaded):
            ids.remember(digest_of(number), day)
        kept_store.write(kept)
        if at % every == 0:
            store.write(reloaded)
            reloaded = SeenIds.load(store.rows.get)
    store.write(reloaded)
    assert store.rows == kept_store.rows


@given(arrivals)
@settings(max_examples=100, deadline=None)
def test_expiring_more_often_changes_nothing(steps: list[tuple[int, int]]) -> None:
    swept, lazy, day = SeenIds.load(dict[bytes, bytes]().get), SeenIds.load(dict[bytes, bytes]().get), 17_000
    for gap, number in steps:
        for _ in range(gap):
            day += 1
            swept.expire(day - KEPT_DAYS)
        for ids in (swept, lazy):
            ids.expire(day - KEPT_DAYS)
        assert swept.seen(digest_of(number)) == lazy.seen(digest_of(number))
        for ids in (swept, lazy):
            ids.remember(digest_of(number), day)
        assert len(swept) == len(lazy)


def test_an_action_rewrites_one_small_page_however_many_ids_there_are() -> None:
    ids, store, written = SeenIds.load(dict[bytes, bytes]().get), Store(), Counter[bool]()
    for number in range(1_000):
        ids.remember(digest_of(number), 17_000 + number // 40)
        store.write(ids)
        written[store.written <= IDS_PER_PAGE * DIGEST_BYTES + 16] += 1
        assert store.written < 180
    assert written[True] / 1_000 > 0.9
    assert len(store.rows) == -(-1_000 // IDS_PER_PAGE)


def test_rows_of_expired_pages_are_deleted() -> None:
    ids, store = SeenIds.load(dict[bytes, bytes]().get), Store()
    for number in range(1_000):
        ids.expire(17_000 + number - KEPT_DAYS)
        ids.remember(digest_of(number), 17_000 + number)
        store.write(ids)
        assert len(ids) <= KEPT_DAYS + 1 + IDS_PER_PAGE
        assert len(store.rows) <= (KEPT_DAYS + 1) // IDS_PER_PAGE + 2


def test_the_oldest_day_itself_is_kept_in_closed_and_open_pages() -> None:
    ids, store = SeenIds.load(dict[bytes, bytes]().get), Store()
    for number in range(IDS_PER_PAGE + 1):
        ids.remember(digest_of(number), 17_000)
    ids.expire(17_000)
    assert len(ids) == IDS_PER_PAGE + 1
    store.write(ids)
    ids.expire(17_001)
    assert len(ids) == 0
    store.write(ids)
    assert len(SeenIds.load(store.rows.get)) == 0


def test_expiry_alone_is_written_down() -> None:
    ids, store = SeenIds.load(dict[bytes, bytes]().get), Store()
    for number in range(2 * IDS_PER_PAGE):
        ids.remember(digest_of(number), 17_000 + number // IDS_PER_PAGE)
    store.write(ids)
    ids.expire(17_001)
    store.write(ids)
    assert len(SeenIds.load(store.rows.get)) == IDS_PER_PAGE


def test_remembering_twice_is_remembering_once() -> None:
    ids = SeenIds.load(dict[bytes, bytes]().get)
    ids.remember(digest_of(1), 17_000)
    list(ids.changed())
    ids.remember(digest_of(1), 17_001)
    assert list(ids.changed()) == []


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_different_events_have_different_digests(source: str, event_id: str, other: str, other_id: str) -> None:
    same = (source, event_id) == (other, other_id)
    assert (event_digest(source, event_id) == event_digest(other, other_id)) == same


@pytest.mark.parametrize("damage", [b"i", b"i\x00\x00\x00\x01"])
def test_rows_that_are_missing_or_not_ours_stop_whoever_asks(damage: bytes) -> None:
    ids, store = SeenIds.load(dict[bytes, bytes]().get), Store()
    for number in range(50):
        ids.remember(digest_of(number), 17_000)
    store.write(ids)
    broken = store.rows | {damage: b"\xc1"}
    with pytest.raises(CorruptStateError, match="cannot be read"):
        len(SeenIds.load(broken.get))
    del store.rows[b"i\x00\x00\x00\x00"]
    with pytest.raises(CorruptStateError, match="is missing"):
        len(SeenIds.load(store.rows.get))


@given(st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=40)), max_size=60), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_what_either_of_two_members_has_seen_is_seen_after_they_are_merged(
    arrivals: list[tuple[int, bytes]], split: int
) -> None:
    one, mine, theirs = (
        SeenIds.load(dict[bytes, bytes]().get),
        SeenIds.load(dict[bytes, bytes]().get),
        SeenIds.load(dict[bytes, bytes]().get),
    )
    for place, (number, note) in enumerate(arrivals):
        (mine if place < split else theirs).remember(digest_of(number), 17_000, note)
        one.remember(digest_of(number), 17_000, note)
    rows = dict(theirs.rows())
    mine.absorb(SeenIds.load(rows.get), 17_000)
    assert sorted(dict(mine.items())) == sorted(dict(one.items()))
    assert dict(mine.items()) == dict(one.items())  # of two notes on one event the first stays
    again = SeenIds.load(dict(mine.rows()).get)
    assert list(again.items()) == list(mine.items())


def test_notes_never_make_a_small_page_large() -> None:
    ids = SeenIds.load(dict[bytes, bytes]().get)
    for number in range(100):
        ids.remember(digest_of(number), 17_000, b"n" * 40)
    sizes = [len(payload) for _, payload in ids.rows()]
    assert max(sizes) < 400
    assert len(ids) == 100
