"""The due index is the same whether its rows have landed, are on their way, or are about to be taken back."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import members as members_module
from streams.members import Members
from streams.memory_store import MemoryStore
from streams.row_format import pack_row

Row = tuple[bytes, bytes | None]

IDS = ("a", "ab", "b", "c")


class PlannedMember:
    """Stands in for a member: its due time is what the test says, and it is stored in one row."""

    def __init__(self, member_id: str, get: Callable[[bytes], bytes | None]) -> None:
        self.id = member_id
        row = get(b"M" + member_id.encode())
        self.due_ms = int(row[9:]) if row is not None and row[9:] else None
        self.scheduled_ms = self.due_ms
        self.last_mark = -1
        self.unstored = False

    def next_due_ms(self) -> int | None:
        return self.due_ms

    def changed(self) -> Iterator[tuple[bytes, bytes]]:
        yield b"M" + self.id.encode(), b"" if self.due_ms is None else str(self.due_ms).encode()


plans = st.tuples(st.just("plan"), st.sampled_from(IDS), st.none() | st.integers(0, 20))
steps = st.lists(plans | st.sampled_from([("take",), ("land",), ("restart",)]), max_size=40)


@given(steps)
def test_due_members_are_found_in_order_however_far_their_rows_have_come(steps: list[tuple[object, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members_module, "Member", PlannedMember)
        store, model = MemoryStore(), dict[str, int]()
        members = Members(store, cached_members=1)
        batches: list[tuple[int, list[Row]]] = []
        mark = 0
        for step in steps:
            match step:
                case ("plan", str(member_id), due_ms):
                    member = members.open(member_id)
                    member.due_ms = due_ms  # type: ignore[attr-defined]  # the stand-in's
                    members.touch(member)
                    model.pop(member_id, None)
                    if isinstance(due_ms, int):
                        model[member_id] = due_ms
                case ("take",):
                    mark += 1
                    rows = [
                        (key, None if raw is None else pack_row(mark, raw)) for key, raw in members.take_changed(mark)
                    ]
                    batches.append((mark, rows))
                case ("land",) if batches:
                    landed, rows = batches.pop(0)
                    store.write(rows)
                    members.landed(landed)
                case ("restart",) if not batches and not members.changed_bytes_estimate:
                    members = Members(store, cached_members=1)
                case _:
                    pass
            for until_ms in (0, 7, 20):
                expected = sorted((due, name) for name, due in model.items() if due <= until_ms)
                assert members.due(until_ms, 100) == expected
                assert members.due(until_ms, 2) == expected[:2]
