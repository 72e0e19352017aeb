"""Logs: JSON Lines with listed fields only."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from features.errors import BrokerError, ContractError
from streams.logs import FIELDS, configure_logs, fields, log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    configure_logs("info", stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)


def fail(failure: Exception) -> None:
    raise failure


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object(lines: io.StringIO) -> None:
    log("worker").info("batch landed", extra=fields(partition=1, records=300))
    (line,) = read(lines)
    assert line.items() >= {"level": "info", "event": "batch landed", "partition": 1, "records": 300}.items()
    assert str(line["time"]).endswith("+00:00")


@pytest.mark.parametrize("name", ["member", "subject", "key", "value", "data", "action", "name", "email"])
def test_a_field_that_may_name_a_member_is_refused(name: str) -> None:
    assert name not in FIELDS
    with pytest.raises(ContractError, match=name):
        fields(**{name: "household-123"})


def test_an_exception_tells_its_place_but_not_its_message(lines: io.StringIO) -> None:
    try:
        fail(ValueError("cannot decode household-123"))
    except ValueError:
        log("worker").exception("fold failed")
    (line,) = read(lines)
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["trace"])
    assert "household" not in lines.getvalue()


def test_an_error_for_operators_tells_its_message(lines: io.StringIO) -> None:
    try:
        fail(BrokerError("topics: missing; run `tierstream topics`"))
    except BrokerError:
        log("worker").exception("stopped")
    assert read(lines)[0]["message"] == "topics: missing; run `tierstream topics`"


def test_talkative_libraries_are_heard_from_warnings_on(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka.consumer").info("chatter")
    logging.getLogger("faust.app").warning("heed")
    log("worker").debug("below the level")
    assert [line["event"] for line in read(lines)] == ["heed"]


def test_a_library_that_says_there_is_no_exception_is_understood(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").warning("slow", exc_info=False)
    assert json.loads(lines.getvalue())["event"] == "slow"
