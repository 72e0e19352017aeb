"""Offers in a replay with learning on: made inline, each once, the same each time, however the log is read again."""

from collections import Counter
from functools import cache

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.decisions import Factors, LedgerEntry, Notification
from loyalty.owner_rows import Budget
from online_models.examples import decode_record, pseudonym
from online_models.findings import Finding, OfferFinding, OffersFinding
from online_models.sightings import Occasion, OccasionSighting
from online_models.training import Trainer
from streams.controls import PolicyData
from streams.records import LogRecord
from streams.replay import Replay, replay_lines
from tests.support.offering import OFFERS, is_held_out, offering, retail_with_offers, shopping
from tests.support.partition_log import decisions_of, read_at_once, read_in_batches
from tests.support.random_history import DAY_MS

MEMBERS, DAYS = 40, 90


class Recorded(Replay):
    """A replay that keeps its log, as a recorded topic would."""

    def __init__(self, policy: PolicyData) -> None:
        self.log: list[LogRecord] = []
        super().__init__(policy, Trainer(), DAY_MS)

    def _append(self, timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        self.log.append(LogRecord(0, len(self.log), timestamp_ms, key, value))
        super()._append(timestamp_ms, key, value)


@cache
def run() -> Recorded:
    """Three months of the corner shop."""
    replay = Recorded(offering())
    replay_lines((line for _, line in shopping(MEMBERS, DAYS)), replay)
    return replay


def told(replay: Replay) -> list[Notification]:
    """What members were told of offers."""
    values = [value for value in replay.decisions.values() if b'"type":"loyalty.notification.offer_made"' in value]
    return [msgspec.json.decode(value, type=Notification) for value in values]


def awards(replay: Replay) -> list[Factors]:
    """How all awards came about."""
    values = [value for value in replay.decisions.values() if b'"type":"loyalty.points.earned"' in value]
    entries = [msgspec.json.decode(value, type=LedgerEntry) for value in values]
    return [entry.data.factors for entry in entries if entry.data.factors is not None]


def occasions(replay: Replay) -> list[Occasion]:
    """The moments at which something could be offered."""
    seen = [decode_record(raw) for raw in replay._taught]
    return [record.occasion for record in seen if isinstance(record, OccasionSighting)]


def findings(records: list[bytes], stop: int = -1) -> list[Finding]:
    """All that a trainer finds, one that was restored from its checkpoint before the record at `stop`."""
    trainer, found = Trainer(), list[Finding]()
    for offset, raw in enumerate(records):
        if offset == stop:
            trainer = Trainer.from_checkpoint(trainer.to_checkpoint())
        trainer.learn(decode_record(raw), offset)
        found += trainer.findings
    return found


def made_by_trainer() -> list[tuple[str, str]]:
    chosen = [finding.chosen for finding in findings(run()._taught) if isinstance(finding, OfferFinding)]
    return [(each.member, each.offer) for each in chosen if each.offer]


def test_members_are_told_of_what_the_trainer_chose_for_them_each_once() -> None:
    made = [(pseudonym(each.subject), each.data.about) for each in told(run())]
    assert sorted(made) == sorted(made_by_trainer())
    assert {offer for _, offer in made} == set(OFFERS)
    assert len(made) > MEMBERS


def test_awards_say_which_offer_they_come_from_and_are_never_less_than_without_it() -> None:
    raised = 0
    for factors in awards(run()):
        plain = factors.eligible // 100
        assert factors.granted >= plain
        assert bool(factors.offers) or factors.granted == plain
        raised += factors.granted > plain
    assert raised > MEMBERS


def test_the_hold_out_is_seen_and_is_never_made_an_offer() -> None:
    held_out = {f"m-{number}" for number in range(MEMBERS) if is_held_out(f"m-{number}")}
    assert len(held_out) > 3
    assert held_out.isdisjoint(each.subject for each in told(run()))
    assert {each.member for each in occasions(run()) if each.held_out} == {pseudonym(member) for member in held_out}


def test_a_member_is_considered_at_most_once_in_every_days() -> None:
    at_ms: dict[str, int] = {}
    for occasion in occasions(run()):
        assert occasion.time_ms >= at_ms.get(occasion.member, -(10**15)) + 20 * DAY_MS
        at_ms[occasion.member] = occasion.time_ms


def test_all_offers_together_stay_within_their_budgets() -> None:
    replay = Recorded(offering(budget=300))
    replay_lines((line for _, line in shopping(MEMBERS, 60)), replay)
    given_away: Counter[str] = Counter()
    for factors in awards(replay):
        for offer in factors.offers:
            given_away[offer] += factors.granted - factors.eligible // 100
    for offer in OFFERS:
        owner = replay.fold.owner(f"budget/{offer}")
        assert isinstance(owner, Budget)
        assert 250 <= given_away[offer] <= owner.given <= 300


def test_an_epoch_tells_of_each_offer_what_was_made_and_taken_and_the_chances_from_here_on() -> None:
    last = [finding.judged for finding in findings(run()._taught) if isinstance(finding, OffersFinding)][-1]
    made = Counter(offer for _, offer in made_by_trainer())
    for each in last.offers:
        assert 0 < each.taken <= each.settled <= each.made <= made[each.offer]
        assert each.added_points > 0
        assert each.held_out > 0
    assert {sum(dict(chances).values()) for _, chances in last.segments} == {10_000}


def test_two_replays_and_a_replay_of_the_recorded_log_give_the_same_ledger() -> None:
    again = Recorded(offering())
    replay_lines((line for _, line in shopping(MEMBERS, DAYS)), again)
    assert again.log == run().log
    assert again.decisions.digest() == run().decisions.digest()
    outputs, fold = read_at_once(run().log)
    assert decisions_of(outputs).digest() == run().decisions.digest()
    assert fold.counts == run().fold.counts


@given(st.lists(st.integers(0, 3_000), max_size=8))
@settings(max_examples=5)
def test_read_in_any_batches_with_restarts_the_log_gives_the_same_bytes(ends: list[int]) -> None:
    outputs, _ = read_at_once(run().log)
    assert read_in_batches(run().log, ends, restart=True)[0] == outputs


def test_a_trainer_restored_anywhere_chooses_the_same() -> None:
    records = run()._taught
    for stop in (1, 57, len(records) // 2, len(records) - 1):
        assert findings(records, stop) == findings(records)


def test_the_retail_preset_makes_offers_once_the_lines_of_its_comment_are_let_in() -> None:
    replay = Recorded(retail_with_offers())
    replay_lines((line for _, line in shopping(30, 60)), replay)
    assert {each.data.about for each in told(replay)} == {"half-as-much-again", "fresh-twice"}
    assert any(factors.offers for factors in awards(replay))
    outputs, _ = read_at_once(replay.log)
    assert decisions_of(outputs).digest() == replay.decisions.digest()
