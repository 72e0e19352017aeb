"""The trainer: one log in, the same weights out, whatever happens to the process."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from features.errors import ContractError
from loyalty.weights import STATIC
from online_models.examples import Example, PolicyNotice, decode_record, encode_record
from online_models.published import PublishedWeights, encode_published
from online_models.training import Trainer
from tests.support.outcomes import AWARDS, World, outcomes, policy_text

ROOT = Path(__file__).parents[3]

POLICY = policy_text(epoch_examples=400, min_examples=800)

Log = list[Example | PolicyNotice]


def make_log(world: World, policy: str = POLICY, partitions: int = 2) -> Log:
    """The records of a world, numbered per partition, members dealt to partitions by pseudonym."""
    log: Log = [PolicyNotice(version=1, text=policy)] * partitions
    numbers = [0] * partitions
    for outcome in outcomes(world):
        partition = int(outcome.member, 16) % partitions
        log.append(
            Example(
                partition=partition,
                number=numbers[partition],
                log_time_ms=outcome.matured_at_ms,
                outcome=outcome,
            )
        )
        numbers[partition] += 1
    return log


def run(log: Log, trainer: Trainer | None = None, first: int = 0) -> list[PublishedWeights]:
    trainer = trainer or Trainer()
    published = (trainer.learn(record, offset) for offset, record in enumerate(log[first:], first))
    return [version for version in published if version is not None]


WORLD = World(members=200, months=20)
LOG = make_log(WORLD)


@pytest.fixture(scope="module")
def versions() -> list[PublishedWeights]:
    return run(LOG)


def test_versions_are_numbered_without_gaps_and_name_their_example(versions: list[PublishedWeights]) -> None:
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    assert len(versions) >= 3
    for version in versions:
        assert isinstance(LOG[version.example_offset], Example)


def test_no_weight_moves_by_more_than_a_step_per_version(versions: list[PublishedWeights]) -> None:
    before = STATIC
    for version in versions:
        after = version.weights
        for action in AWARDS:
            assert abs(after.earning(action) - before.earning(action)) <= 500
        for measure in ("spend_minor", "review_count"):
            assert abs(after.score(measure) - before.score(measure)) <= 500
        before = after


def test_a_published_earning_weight_is_proven_or_static_or_on_its_way_back(versions: list[PublishedWeights]) -> None:
    before = STATIC
    for version in versions:
        for item in version.evidence.actions:
            weight, last = version.weights.earning(item.action), before.earning(item.action)
            assert weight == item.weight_bp
            assert item.verdict == "learned" or abs(weight - 10_000) == max(0, abs(last - 10_000) - 500)
        before = version.weights


def test_two_runs_publish_the_same_bytes(versions: list[PublishedWeights]) -> None:
    assert [encode_published(version) for version in run(LOG)] == [encode_published(version) for version in versions]


@pytest.mark.parametrize("stop", [1, 2, 57, 400, 402, 1_111, len(LOG) - 1])
def test_a_trainer_restored_from_a_checkpoint_publishes_the_same_bytes(
    stop: int, versions: list[PublishedWeights]
) -> None:
    trainer = Trainer()
    before = run(LOG[:stop], trainer)

    restored = Trainer.from_checkpoint(trainer.to_checkpoint())
    after = run(LOG, restored, stop)

    assert [encode_published(version) for version in (*before, *after)] == [
        encode_published(version) for version in versions
    ]


def test_records_sent_again_count_once(versions: list[PublishedWeights]) -> None:
    """After a crash a partition sends its last examples again, in order, with the same numbers."""
    trainer = Trainer()
    again: list[PublishedWeights] = []
    for offset, record in enumerate(LOG):
        for _ in range(2):
            version = trainer.learn(record, offset)
            again += [version] if version else []

    assert again == versions
    assert trainer.figures().duplicates == trainer.figures().examples == len(LOG) - 2


def test_an_example_out_of_turn_waits_for_those_before_it() -> None:
    trainer = Trainer()
    examples = [record for record in make_log(WORLD, partitions=1)[1:20] if isinstance(record, Example)]
    trainer.learn(LOG[0], 0)

    for offset, record in enumerate([examples[0], examples[2], examples[1], examples[2]], 1):
        trainer.learn(record, offset)

    figures = trainer.figures()
    assert (figures.examples, figures.ahead, figures.duplicates) == (3, 1, 0)


def test_an_example_of_another_feature_table_is_counted_and_not_learned() -> None:
    trainer = Trainer()
    trainer.learn(LOG[0], 0)
    examples = [record for record in make_log(WORLD, partitions=1)[1:20] if isinstance(record, Example)]
    foreign = msgspec.structs.replace(examples[0].outcome, table="00000000")

    trainer.learn(msgspec.structs.replace(examples[0], outcome=foreign), 1)
    trainer.learn(examples[1], 2)

    assert (trainer.figures().examples, trainer.figures().foreign) == (1, 1)


def test_an_example_before_any_policy_is_a_broken_contract() -> None:
    with pytest.raises(ContractError, match="before any policy"):
        Trainer().learn(LOG[2], 0)


def _changed(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_the_operators_switch_freezes_the_weights() -> None:
    frozen = _changed(POLICY, ("enabled = true", "enabled = true\nfrozen = true"))
    trainer = Trainer()

    assert run(make_log(WORLD, frozen), trainer) == []
    assert trainer.figures().frozen
    assert trainer.figures().epoch > 3
    assert trainer.weights == STATIC


def test_freezing_in_mid_course_keeps_the_last_weights_and_thawing_goes_on(versions: list[PublishedWeights]) -> None:
    trainer = Trainer()
    half = versions[1].example_offset + 1
    published = run(LOG[:half], trainer)
    last = trainer.weights
    frozen = _changed(POLICY, ("enabled = true", "enabled = true\nfrozen = true"))

    trainer.learn(PolicyNotice(version=2, text=frozen), half)
    quiet = run(LOG[: half + 900], trainer, half)
    assert (quiet, trainer.weights) == ([], last)

    trainer.learn(PolicyNotice(version=3, text=POLICY), half)
    resumed = run(LOG, trainer, half + 900)
    assert resumed[0].version == published[-1].version + 1


def test_only_the_first_notice_of_a_version_and_no_older_one_counts() -> None:
    trainer = Trainer()
    trainer.learn(PolicyNotice(version=2, text=POLICY), 0)
    trainer.learn(PolicyNotice(version=1, text="not even a policy"), 1)
    trainer.learn(PolicyNotice(version=2, text="not even a policy"), 2)

    assert trainer.figures().policy_version == 2


def test_a_policy_that_rewards_other_actions_keeps_the_weights_until_there_is_evidence(
    versions: list[PublishedWeights],
) -> None:
    other = _changed(POLICY, ('action = "login"', 'action = "favourite"'))
    trainer = Trainer()
    stop = versions[-1].example_offset + 1
    run(LOG[:stop], trainer)
    before = trainer.weights

    trainer.learn(PolicyNotice(version=2, text=other), stop)

    assert trainer.weights == before
    evidence = trainer.review()
    assert evidence is not None
    assert evidence.actions == ()
    assert evidence.terms != ()


def test_a_drift_freezes_the_weights_for_a_while() -> None:
    """Everybody spends thrice as much from one month on: an alarm, two epochs of silence, and on it goes."""
    log = make_log(World(members=300, months=30, shift_month=14))
    trainer = Trainer()
    alarm_epochs: list[int] = []
    published_epochs: list[int] = []
    for offset, record in enumerate(log):
        alarms = trainer.figures().drift_alarms if offset % 50 == 0 else 0
        if alarms > len(alarm_epochs):
            alarm_epochs += [trainer.figures().epoch] * (alarms - len(alarm_epochs))
        version = trainer.learn(record, offset)
        if version:
            published_epochs.append(version.evidence.epoch)

    assert alarm_epochs
    silent = {alarm_epochs[0] + 1, alarm_epochs[0] + 2}
    assert not silent & set(published_epochs)
    assert max(published_epochs) > max(silent)


def test_records_survive_the_wire() -> None:
    for record in LOG[:10]:
        assert decode_record(encode_record(record)) == record


def test_no_number_published_is_a_float(versions: list[PublishedWeights]) -> None:
    def leaves(value: object) -> list[object]:
        if isinstance(value, dict):
            return [leaf for part in value.values() for leaf in leaves(part)]
        if isinstance(value, list):
            return [leaf for part in value for leaf in leaves(part)]
        return [value]

    for version in versions:
        tree = msgspec.json.decode(encode_published(version))
        assert {type(leaf) for leaf in leaves(tree)} <= {int, bool, str, type(None)}


_PROGRAM = """
import sys, hashlib
sys.path.insert(0, "tests/unit/online_models")
from test_training import LOG, run
from online_models.published import encode_published
print(hashlib.sha256(b"".join(encode_published(v) for v in run(LOG))).hexdigest())
"""


def test_processes_with_different_hash_seeds_publish_the_same_bytes() -> None:
    digests = set()
    for seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())

    assert len(digests) == 1
    assert len(digests.pop()) == 64
