"""Which actions the trainer is told of, and how they are numbered."""

import json

import msgspec
import pytest

from loyalty.policy import parse_policy
from online_models.examples import PolicyNotice, Record, decode_record, pseudonym
from online_models.findings import CopyFinding, Finding
from online_models.sightings import BasketSighting, ConductSighting, OpinionSighting
from online_models.training import Trainer
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from tests.support.partition_log import TOPIC_ID, build_log, policy_data
from tests.support.random_history import DAY_MS, START_MS, event, purchase

SECTIONS = ("recommendations", "opinions", "misconduct")
TEXT = "Bought two of these for my old phone and both of them still work after a year in the sun"


def actions(days: int) -> list[tuple[int, bytes]]:
    found = []
    for day in range(days):
        time_ms = START_MS + day * DAY_MS
        items = [{"item_id": f"p-{item}", "category": "DAIRY", "amount": 500} for item in (1, 2, 1)]
        bought = json.loads(purchase(f"o-{day}", "m-42", time_ms, 1_500))
        bought["data"]["items"] = items
        found.append((time_ms, json.dumps(bought).encode()))
        review = {"item_id": "p-1", "rating": 2, "text": TEXT, "helpful_votes": 3}
        found.append((time_ms, event("review", f"r-{day}", "m-42", time_ms, review)))
        found.append((time_ms, event("feedback", f"f-{day}", "m-42", time_ms, {"satisfaction": 4})))
    return found


def log_of(days: int, sections: tuple[str, ...]) -> list[LogRecord]:
    data = policy_data()
    text = data.text + "".join(f"\n[{section}]\nenabled = true\n" for section in sections)
    return build_log(actions(days), msgspec.structs.replace(data, text=text), tick_every_ms=DAY_MS)


def taught(log: list[LogRecord]) -> list[Record]:
    fold = PartitionFold(0, TOPIC_ID, MemoryStore())
    for record in log:
        fold.apply(record)
    return [decode_record(output.value) for output in fold.take_outputs() if output.topic == "examples"]


def test_nothing_is_told_where_nothing_is_learned_from_it() -> None:
    kinds = {type(record) for record in taught(log_of(40, ()))}
    assert not kinds & {BasketSighting, OpinionSighting, ConductSighting}


KINDS = dict(zip(SECTIONS, (BasketSighting, OpinionSighting, ConductSighting), strict=True))


@pytest.mark.parametrize("section", SECTIONS)
def test_each_switch_brings_its_own_sightings_and_no_others(section: str) -> None:
    kinds = {type(record) for record in taught(log_of(3, (section,)))}
    assert kinds == {PolicyNotice, KINDS[section]}


def test_examples_and_sightings_are_numbered_in_one_row_without_gaps() -> None:
    numbered = [record for record in taught(log_of(60, SECTIONS)) if not isinstance(record, PolicyNotice)]
    assert [record.number for record in numbered] == list(range(len(numbered)))
    assert len({type(record) for record in numbered}) == 4


def test_a_sighting_says_what_happened_and_names_nobody() -> None:
    log = log_of(1, SECTIONS)
    told = taught(log)
    basket = next(record.basket for record in told if isinstance(record, BasketSighting))
    review = next(record.opinion for record in told if isinstance(record, OpinionSighting))
    assert [line.item_id for line in basket.lines] == ["p-1", "p-2"]
    assert (basket.tier, basket.member) == ("member", pseudonym("m-42"))
    assert (review.stars, review.text, review.helpful_votes, review.about) == (2, TEXT, 3, "p-1")


def test_conduct_is_told_at_each_doubling_of_a_days_actions() -> None:
    conducts = [record.conduct for record in taught(log_of(1, ("misconduct",))) if isinstance(record, ConductSighting)]
    assert [conduct.sums[1] for conduct in conducts] == [1, 2]


def test_the_trainer_reads_them_in_their_turn_and_says_what_they_complete() -> None:
    trainer = Trainer()
    found: list[Finding] = []
    for offset, record in enumerate(taught(log_of(3, ("opinions",)))):
        for _ in range(2):  # sent again
            trainer.learn(record, offset)
            found += trainer.findings
    assert (trainer.figures().sightings, trainer.figures().duplicates) == (6, 6)
    assert [type(finding) for finding in found] == [CopyFinding] * 2
    assert [finding.number for finding in found] == [0, 1]


def test_the_sections_are_read_with_their_defaults_where_they_are_missing() -> None:
    policy = parse_policy(policy_data().text, "retail")
    assert not policy.observes
