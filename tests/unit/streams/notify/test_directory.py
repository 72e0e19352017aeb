"""Contacts from a service and from a file."""

import json
from pathlib import Path

import pytest

from features.errors import SettingsError
from streams.notify.contacts import Contact
from streams.notify.deliveries import Failed
from streams.notify.directory import open_directory
from streams.notify.settings import Directory
from tests.support.post_office import Gateway
from tests.support.web import HOST, free_port

ANN: dict[str, object] = {"member": "m-1", "addresses": {"email": "ann@example.org"}, "quiet_hours": "22:00-06:00"}


def test_a_service_is_asked_for_each_member_by_a_path_that_no_id_can_break_out_of(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    with Gateway() as platform:
        platform.contacts = {"m-1": ANN, "..%2F%3Fa%26b": {"language": "de"}}
        asked = open_directory(Directory(url=f"{platform.url}/members/{{member}}", token_file=tmp_path / "token"))
        assert asked.find("m-1", 0) == Contact(
            member="m-1", addresses={"email": "ann@example.org"}, quiet_hours="22:00-06:00"
        )
        assert asked.find("../?a&b", 0) == Contact(language="de")
        assert asked.find("m-2", 0) == Failed(code="contacts http 404", reason="unknown_member")
        platform.gone = {"m-3"}
        assert asked.find("m-3", 0) == Failed(code="contacts http 410", reason="unknown_member", for_good=True)
        asked.close()
        assert {headers["Authorization"] for _, headers, _ in platform.asked} == {"Bearer t0ken"}


def test_a_service_that_does_not_answer_is_asked_again_later() -> None:
    nobody = open_directory(Directory(url=f"http://{HOST}:{free_port()}/{{member}}"))
    assert nobody.find("m-1", 0) == Failed(code="contacts ConnectionRefusedError")


def test_an_answer_that_is_no_contact_is_a_failure_that_tells_nothing_of_the_member() -> None:
    with Gateway() as platform:
        platform.contacts = {"m-1": {"addresses": "ann@example.org"}}
        asked = open_directory(Directory(url=f"{platform.url}/{{member}}"))
        assert asked.find("m-1", 0) == Failed(code="contacts unreadable")
        asked.close()


def test_a_file_is_read_again_when_it_has_changed_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "contacts.jsonl"
    file.write_text(json.dumps(ANN) + "\n\n")
    listed = open_directory(Directory(file=file))
    assert listed.find("m-2", 0) == Failed(code="not listed", reason="unknown_member")
    file.write_text(json.dumps(ANN) + "\n" + json.dumps({"member": "m-2"}) + "\n")
    assert listed.find("m-2", 0) == Contact(member="m-2")
    file.write_text("{")
    assert listed.find("m-2", 0) == Contact(member="m-2")
    file.unlink()
    assert listed.find("m-2", 0) == Contact(member="m-2")


def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "contacts.jsonl"
    with pytest.raises(SettingsError, match="name a file"):
        open_directory(Directory(file=file))
    file.write_text(json.dumps(ANN) + '\n{"member": 7}\n')
    with pytest.raises(SettingsError, match=r"contacts\.jsonl:2: contact: Expected `str`"):
        open_directory(Directory(file=file))


def test_without_a_directory_everyone_is_as_the_settings_say() -> None:
    assert open_directory(Directory()).find("m-1", 0) == Contact()
