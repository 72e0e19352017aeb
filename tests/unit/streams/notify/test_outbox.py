"""The outbox: what was taken in is there after a crash, once; what is done is gone."""

import sqlite3
from pathlib import Path

import pytest

from features.errors import CorruptStateError, SettingsError
from streams.notify.intake import Arrival
from streams.notify.outbox import Depth, Outbox
from tests.support.post_office import NOON_MS, record

TOPIC = b"a topic's own id"


def arrivals(first: int, *values: bytes) -> list[Arrival]:
    return [Arrival(0, first + number, NOON_MS + number, value, mine=True) for number, value in enumerate(values)]


def opened(folder: Path, topic_id: bytes = TOPIC) -> Outbox:
    outbox = Outbox(folder)
    outbox.follow(topic_id)
    return outbox


def test_what_was_taken_in_is_there_after_a_crash_with_numbers_and_position(tmp_path: Path) -> None:
    records = arrivals(0, record(sequence=1), record(member="m-2"))
    with opened(tmp_path) as outbox:
        outbox.take_in(0, records, "email")
    with opened(tmp_path) as outbox:
        assert (outbox.count, outbox.position(0), outbox.position(1)) == (2, 2, None)
        # The process died before Kafka was told: the same records come again.
        assert outbox.take_in(0, records, "email").repeated == 2
        assert outbox.count == 2
        assert outbox.take_in(0, arrivals(2, record(sequence=2)), "email").accepted == 1


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as outbox:
        monkeypatch.setattr("streams.notify.outbox._row", lambda _delivery: ("too", "few"))
        with pytest.raises(sqlite3.Error):
            outbox.take_in(0, arrivals(0, record()), "email")
        assert (outbox.count, outbox.position(0)) == (0, None)
        monkeypatch.undo()
        assert outbox.take_in(0, arrivals(0, record()), "email").accepted == 1


def test_a_member_gets_one_after_another_and_others_do_not_wait(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        outbox.take_in(0, arrivals(0, record(sequence=1), record(sequence=2), record(member="m-2")), "email")
        first, other = outbox.claim("email", NOON_MS + 9), outbox.claim("email", NOON_MS + 9)
        assert first is not None
        assert other is not None
        assert (first.member, other.member, outbox.claim("email", NOON_MS + 9)) == ("m-1", "m-2", None)
        outbox.done(first)
        outbox.release(first)
        second = outbox.claim("email", NOON_MS + 9)
        assert second is not None
        assert (second.member, outbox.count) == ("m-1", 2)


def test_what_is_postponed_is_not_due_until_then_also_after_a_crash(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        outbox.take_in(0, arrivals(0, record()), "email")
        assert outbox.claim("email", NOON_MS - 1) is None
        delivery = outbox.claim("email", NOON_MS)
        assert delivery is not None
        outbox.postpone(delivery, NOON_MS + 500, attempts=1, code="TimeoutError")
    with opened(tmp_path) as outbox:
        assert outbox.claim("email", NOON_MS + 499) is None
        again = outbox.claim("email", NOON_MS + 500)
        assert again is not None
        assert (again.attempts, again.code, again.given_up, again.id) == (1, "TimeoutError", None, delivery.id)
        outbox.give_up(again, "not_reached", "TimeoutError")
        outbox.release(again)
        given_up = outbox.claim("email", NOON_MS + 500)
        assert given_up is not None
        assert given_up.given_up == "not_reached"


def test_the_depth_of_each_channel_is_known_also_of_those_that_nobody_serves(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        assert (outbox.channels(), outbox.depths()) == ([], {})
        both, one = record(channels=("sms", "app")), record(member="m-2", channels=("app",))
        outbox.take_in(0, arrivals(0, both, one), "email")
        assert outbox.channels() == ["app", "sms"]
        assert outbox.depths() == {"app": Depth(2, NOON_MS), "sms": Depth(1, NOON_MS)}


def test_another_topic_under_the_name_begins_anew_and_what_is_under_way_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        outbox.take_in(0, arrivals(7, record(sequence=3)), "email")
    with opened(tmp_path, b"another topic") as outbox:
        assert (outbox.count, outbox.position(0)) == (1, None)
        assert outbox.take_in(0, arrivals(0, record(member="m-1", sequence=9)), "email").accepted == 1


def test_a_partition_whose_log_was_cut_off_forgets_its_numbers(tmp_path: Path) -> None:
    with opened(tmp_path) as outbox:
        outbox.take_in(0, arrivals(0, record(sequence=1)), "email")
        assert outbox.take_in(0, arrivals(9, record(sequence=5)), "email").accepted == 0
        outbox.forget_numbers(0)
        assert outbox.take_in(0, arrivals(9, record(sequence=5)), "email").accepted == 1


def test_a_second_process_in_the_folder_is_refused_with_a_cure(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(SettingsError, match="data_dir of its own"):
        Outbox(tmp_path)


def test_a_file_of_another_format_or_none_at_all_is_not_guessed_at(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "outbox.sqlite") as file:
        file.execute("PRAGMA user_version = 9")
    file.close()
    with pytest.raises(CorruptStateError, match="format 9"):
        Outbox(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "outbox.sqlite").write_bytes(b"no database" * 1_000)
    with pytest.raises(CorruptStateError, match="outbox"):
        Outbox(tmp_path / "other")


def test_nobody_else_can_read_it_and_no_name_is_left_in_it_when_all_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "notify"
    with opened(folder) as outbox:
        outbox.take_in(0, arrivals(0, record(member="household-1229")), "email")
        delivery = outbox.claim("email", NOON_MS)
        assert delivery is not None
        outbox.done(delivery)
    assert (folder.stat().st_mode & 0o777, (folder / "outbox.sqlite").stat().st_mode & 0o777) == (0o700, 0o600)
    assert all(b"household-1229" not in path.read_bytes() for path in folder.iterdir())
