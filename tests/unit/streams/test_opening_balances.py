"""Importing opening balances: from a file to lots with their own ends, however often it is sent."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from features.errors import HistoryError
from streams.accounting import DUPLICATES
from streams.cli.balances import import_balances, instant_of
from streams.histories.balances import Import, balance_actions, read_lots
from streams.histories.files import read_lines, write_lines
from streams.replaying import replay_file
from tests.support.partition_log import POLICIES

TERMS = Import("old-club", datetime(2017, 3, 1, tzinfo=UTC), "ann")
CSV = [
    b"\xef\xbb\xbfmember,points,expires,earned",
    b"m-1,500,2017-12-31T00:00:00-05:00,",
    b"m-1,20,,2017-02-01T00:00:00Z",
    b'"m,2",7,,',
    b"m-1,20,,2017-02-01T00:00:00Z",
]


def file_of(folder: Path, lines: list[bytes], name: str = "lots.csv") -> Path:
    write_lines(folder / name, lines)
    return folder / name


def test_equal_lots_are_two_and_the_order_of_lines_changes_no_action(tmp_path: Path) -> None:
    lots = read_lots(file_of(tmp_path, CSV))
    assert [(lot.member, lot.points) for lot in lots] == [("m-1", 500), ("m-1", 20), ("m,2", 7), ("m-1", 20)]
    lines = sorted(balance_actions(lots, TERMS))
    assert len(set(lines)) == 4
    assert sorted(balance_actions(lots[::-1], TERMS)) == lines


def test_a_file_that_is_imported_twice_gives_its_points_once(tmp_path: Path) -> None:
    json_lines = [
        b'{"member":"m-1","points":500,"expires":"2017-12-31T00:00:00-05:00"}',
        b'{"member":"m-1","points":1}',
    ]
    out = tmp_path / "once.jsonl"
    import_balances(file_of(tmp_path, json_lines, "lots.jsonl"), "2017-03-01T00:00:00Z", "ann", out=out)
    once = list(read_lines(out))
    twice = file_of(tmp_path, once + once[::-1], "twice.jsonl")
    first, second = (replay_file(path, POLICIES / "retail.toml", learning=False) for path in (out, twice))
    assert first.decisions.digest() == second.decisions.digest()
    assert second.counts[DUPLICATES] == 2
    entries = [value for value in second.decisions.values() if b'"adjusted"' in value]
    assert [(b'"active_points":500' in value, b'"operator":"ann"' in value) for value in entries] == [
        (True, True),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([b"member,points", b"m-1,0"], "2: Expected `int` >= 1"),
        ([b"member,points,expires", b"m-1,5,2017-12-31"], "2: .*expires"),
        ([b"member,points,ends", b"m-1,5,2017-12-31"], "2: .*unknown field `ends`"),
        ([b"member,points", b"m-1,5,6"], "2: .*None"),
        ([b"member,points", b"m-1"], "2: .*missing required field `points`"),
    ],
)
def test_a_file_with_a_line_that_is_no_lot_is_refused_whole(tmp_path: Path, lines: list[bytes], says: str) -> None:
    with pytest.raises(HistoryError, match=says):
        read_lots(file_of(tmp_path, [*lines, *lines[1:]]))


def test_the_first_of_many_problems_are_listed(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="and 5 more"):
        read_lots(file_of(tmp_path, [b"member,points"] + [b"m-1,x"] * 25))


@pytest.mark.parametrize("text", ["tomorrow", "2017-03-01T00:00:00"])
def test_an_instant_needs_its_offset(text: str) -> None:
    with pytest.raises(HistoryError, match="--as-of"):
        instant_of(text)
