"""A reader sees each decision once, in order, whatever is delivered again."""

import json
import random

import pytest

from features.errors import ContractError
from streams.decision_log import DecisionLog, OnceInOrder


def entry(member: str, sequence: int, points: int = 1) -> bytes:
    data = {"sequence": sequence, "points": points}
    return json.dumps({"type": "loyalty.points.earned", "subject": member, "data": data}).encode()


def test_a_digest_does_not_depend_on_delivery() -> None:
    entries = [entry(f"m-{member}", sequence) for member in range(5) for sequence in range(1, 20)]
    once, often = DecisionLog(), DecisionLog()
    for value in entries:
        once.add("points", value)
    shuffled = entries * 3
    random.Random(7).shuffle(shuffled)
    for value in shuffled:
        often.add("points", value)
    assert once.digest() == often.digest()
    assert once.count("points") == often.count("points") == len(entries)


def test_two_decisions_under_one_number_are_a_broken_promise() -> None:
    log = DecisionLog()
    log.add("points", entry("m-1", 1))
    with pytest.raises(ContractError, match="two decisions under one number"):
        log.add("points", entry("m-1", 1, points=2))


def test_the_same_number_on_another_topic_is_another_decision() -> None:
    log = DecisionLog()
    assert log.add("points", entry("m-1", 1))
    assert log.add("tier-changes", entry("m-1", 1))


def test_gaps_are_found() -> None:
    log = DecisionLog()
    for sequence in (1, 2, 5):
        log.add("points", entry("m-1", sequence))
    assert log.gaps() == [("m-1", "points", 3), ("m-1", "points", 4)]


def test_a_reader_that_takes_only_the_next_number_sees_each_once_in_order() -> None:
    # A crash sends 1..6, then again from 3 on; a late delivery jumps ahead before that.
    delivered = [1, 2, 5, 3, 4, 5, 6, 3, 4, 5, 6, 7]
    reader = OnceInOrder()
    seen = [number for number in delivered if reader.accepts("points", entry("m-1", number))]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


def test_a_reader_that_kept_its_numbers_goes_on_after_its_own_crash() -> None:
    first = OnceInOrder()
    assert first.accepts("points", entry("m-1", 1))
    second = OnceInOrder(dict(first.last))
    assert not second.accepts("points", entry("m-1", 1))
    assert second.accepts("points", entry("m-1", 2))
