"""The trainer as a process: each version once, the same whatever happens to it, in every partition."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from online_models.examples import Example, PolicyNotice, encode_record
from online_models.published import PublishedWeights, encode_published
from online_models.training import Trainer
from streams.controls import WeightsRecord, decode_control, is_signed, public_key_of
from streams.topics import topic_name, trainer_group
from tests.support.outcomes import World, outcomes, policy_text
from tests.support.processes import eventually
from tests.support.programme import Programme
from tests.support.topic_reader import committed, read_topic

pytestmark = pytest.mark.kafka

POLICY = policy_text(epoch_examples=150, min_examples=300)


def examples() -> list[Example | PolicyNotice]:
    """A notice and some thousand examples of one partition."""
    log: list[Example | PolicyNotice] = [PolicyNotice(version=1, text=POLICY)]
    for number, outcome in enumerate(outcomes(World(members=80, months=14))):
        log.append(Example(partition=0, number=number, log_time_ms=outcome.matured_at_ms, outcome=outcome))
    return log


def versions_of(log: list[Example | PolicyNotice]) -> list[PublishedWeights]:
    trainer = Trainer()
    published = (trainer.learn(record, offset) for offset, record in enumerate(log))
    return [version for version in published if version is not None]


def test_killed_with_and_without_its_checkpoint_it_publishes_each_version_once_and_the_same(
    kafka_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    log = examples()
    expected = versions_of(log)
    assert len(expected) >= 3
    with Programme(kafka_broker, topic_prefix, tmp_path) as programme:
        topic = topic_name(programme.settings, "examples")

        def learn_until(first: int, last: int) -> None:
            producer = Producer({"bootstrap.servers": kafka_broker, "log_level": 0})
            for record in log[first:last]:
                producer.produce(topic, encode_record(record), partition=0)
            assert producer.flush(30) == 0
            group = trainer_group(programme.settings)
            eventually(lambda: committed(kafka_broker, group, topic)[0] == last, 60, f"{last} examples learned")

        # A static member takes its place at once; another would wait for the session of its dead self.
        static = {"TIERSTREAM_GROUP_INSTANCE_ID": "trainer"}
        trainer = programme.process("trainer", "trainer").start(**static)
        learn_until(0, len(log) // 3)
        trainer.kill()
        trainer.start(**static)
        learn_until(len(log) // 3, 2 * len(log) // 3)
        trainer.kill()
        trainer.lose_data()
        trainer.start(**static)
        learn_until(2 * len(log) // 3, len(log))
        assert trainer.stop() == 0

        weights = read_topic(kafka_broker, topic_name(programme.settings, "weights"))[0]
        assert [message.value() for message in weights] == [encode_published(version) for version in expected]
        newest = expected[-1]
        for messages in read_topic(kafka_broker, topic_name(programme.settings, "actions")).values():
            controls = [(message, decode_control(message.value())) for message in messages]
            adopted = [(message, control) for message, control in controls if isinstance(control, WeightsRecord)]
            message, control = adopted[-1]
            assert control.data.weights == newest.weights
            assert message.timestamp()[1] == newest.log_time_ms
            assert is_signed(control, (public_key_of(programme.key),))
