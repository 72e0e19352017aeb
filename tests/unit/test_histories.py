"""The real history is complete, in order and exact; files are repeatable; broken histories keep their clean core."""

import gzip
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.actions import Action, CampaignReceived, CouponRedeem, Purchase, decode_action
from features.errors import HistoryError
from streams.codecs import InvalidAction, decode
from streams.histories import complete_journey
from streams.histories.__main__ import main, month_end_ms
from streams.histories.breaking import break_history
from streams.histories.complete_journey import Selection, read_actions
from streams.histories.files import read_lines, write_lines
from streams.records import LogRecord


@pytest.fixture(scope="module")
def everything() -> list[bytes]:
    encoder = msgspec.json.Encoder()
    return [encoder.encode(action) for action in read_actions(Selection())]


def test_the_whole_year_is_there_in_order_and_to_the_cent(everything: list[bytes]) -> None:
    names: Counter[str] = Counter()
    ids: set[tuple[str, str]] = set()
    members: set[str] = set()
    cents = lines = last_ms = 0
    for raw in everything:
        action = decode_action(raw)
        assert last_ms <= action.time_ms
        last_ms = action.time_ms
        names[action.name] += 1
        ids.add((action.source, action.id))
        members.add(action.subject)
        if isinstance(action, Purchase):
            cents += action.data.amount
            lines += len(action.data.items)
            assert action.data.amount == sum(item.amount for item in action.data.items)
    assert names == {"purchase": 155_848, "coupon_redeem": 2_102, "campaign_received": 6_589}
    assert len(everything) == len(ids) == 164_539
    assert len(members) == 2_469
    assert (cents, lines) == (459_603_958, 1_469_307)
    assert last_ms == 1_514_779_280_000  # 2018-01-01T04:01:20Z, still 2017 in New York


def first(kind: type[Action], lines: list[bytes]) -> Action:
    return next(action for action in map(decode_action, lines) if isinstance(action, kind))


def test_dates_without_a_time_begin_at_the_stores_midnight(everything: list[bytes]) -> None:
    mailing, redemption = first(CampaignReceived, everything), first(CouponRedeem, everything)
    assert mailing.time.isoformat() == "2016-11-14T05:00:00+00:00"
    assert redemption.time.isoformat() == "2017-01-01T05:00:00+00:00"
    summer = next(a for a in map(decode_action, everything) if a.source.endswith("mailings") and a.time.month == 6)
    assert (summer.time.hour, summer.time.minute) == (4, 0)


def test_fuel_and_returned_lines_count_as_one_item(everything: list[bytes]) -> None:
    items = [
        item
        for raw in everything[:20_000]
        for a in (decode_action(raw),)
        if isinstance(a, Purchase)
        for item in a.data.items
    ]
    assert {item.quantity for item in items if item.category in {"FUEL", "MISCELLANEOUS"}} == {1}
    assert max(item.quantity for item in items) < 100


def test_a_few_households_are_a_part_of_all_and_always_the_same() -> None:
    few = list(read_actions(Selection(households=20, until_ms=month_end_ms(2))))
    more = list(read_actions(Selection(households=40, until_ms=month_end_ms(2))))
    members = {action.subject for action in few}
    assert 0 < len(members) <= 20
    assert few == [action for action in more if action.subject in members]
    assert few == list(read_actions(Selection(households=20, until_ms=month_end_ms(2))))


def test_a_span_of_time_is_half_open() -> None:
    actions = list(read_actions(Selection(households=20, from_ms=month_end_ms(1), until_ms=month_end_ms(2))))
    assert all(month_end_ms(1) <= action.time_ms < month_end_ms(2) for action in actions)


def test_without_the_data_set_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(complete_journey, "PACKAGE", "no_such_package")
    with pytest.raises(HistoryError, match="make setup"):
        next(read_actions(Selection()))


def test_the_command_writes_the_same_file_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "one" / "a.jsonl.gz", tmp_path / "two" / "b.jsonl.gz"]
    for path in files:
        assert main(["--out", str(path), "--households", "5", "--months", "1"]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    count = len(gzip.decompress(files[0].read_bytes()).splitlines())
    assert f"a.jsonl.gz: {count} actions" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_lines_come_back_as_they_were_written(tmp_path: Path, name: str) -> None:
    lines = [b"{}", b"\xff\xfe broken", "Gru\u00df".encode()]
    assert write_lines(tmp_path / name, lines) == 3
    assert list(read_lines(tmp_path / name)) == lines
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"none\.jsonl: cannot be read"):
        list(read_lines(tmp_path / "none.jsonl"))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(b"line\n" * 1_000)[:-9])
    with pytest.raises(HistoryError, match=r"cut\.jsonl\.gz: cannot be read"):
        list(read_lines(cut))
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(HistoryError, match="cannot be written"):
        write_lines(tmp_path / "a" / "b", [b""])


def test_every_added_record_is_what_it_claims_to_be(everything: list[bytes]) -> None:
    clean = everything[:2_000]
    broken = list(break_history(clean, duplicates_pct=5, malformed_pct=5))
    assert [entry.line for entry in broken if entry.kind == "clean"] == clean
    assert {entry.line for entry in broken if entry.kind == "duplicate"} <= set(clean)
    counts = Counter(entry.kind for entry in broken)
    assert all(60 < counts[kind] < 140 for kind in ("duplicate", "malformed"))
    invalid = 0
    for entry in broken:
        if entry.kind == "malformed":
            got = decode(LogRecord(0, 0, 0, b"", entry.line))
            # The rest decodes, and is refused for its date or its missing signature.
            invalid += isinstance(got, InvalidAction)
            assert isinstance(got, InvalidAction) or b"2099" in entry.line or b"4070908800000" in entry.line
    assert invalid > counts["malformed"] * 3 // 4


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 5))
def test_breaking_is_repeatable_and_keeps_the_clean_core(duplicates: int, malformed: int, seed: int) -> None:
    clean = [b'{"id":"%d","time":"2017-01-01T00:00:00Z"}' % number for number in range(200)]
    runs = [list(break_history(clean, duplicates_pct=duplicates, malformed_pct=malformed, seed=seed)) for _ in range(2)]
    assert runs[0] == runs[1]
    assert [entry.line for entry in runs[0] if entry.kind == "clean"] == clean
    seen: set[bytes] = set()
    for entry in runs[0]:
        assert entry.kind == "malformed" or (entry.line in seen) == (entry.kind == "duplicate")
        seen.add(entry.line)
