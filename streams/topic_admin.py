"""Makes the declared topics and verifies those that exist.

A topic that exists with other partitions or limits than declared is an error with a cure, never something to work
around: the partition count is part of what a member's history means, and retention is part of the promise.
"""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ClusterMetadata, ConfigResource, NewTopic

from features.errors import BrokerError
from streams.broker import PARTITIONS as EMBEDDED_PARTITIONS
from streams.broker import is_embedded
from streams.records import LogIdentity
from streams.settings import Settings
from streams.topics import TOPICS, TopicKind, topic_config, topic_name, topic_partitions

_TIMEOUT_S = 30.0
_POLL_S = 0.1
# The embedded broker has no topic ids; a constant keeps rows readable, and it never outlives the broker's own process.
EMBEDDED_TOPIC_ID = b"embedded-broker!"
_DECLARE = "run `tierstream topics`"
_PARTITION_CURE = "set `partitions` to what exists; another count needs a new generation of topics"


class _Problem(NamedTuple):
    """What is wrong with a topic; `unknown`: the broker that was asked does not know it."""

    text: str
    unknown: bool = False


class TopicAdmin:
    """The topics of one programme on one broker. Its calls block; from an event loop use a thread.

    Args:
        settings: The broker, names, partitions and replication.

    Raises:
        BrokerError: no broker answers.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AdminClient(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "allow.auto.create.topics": True,  # how topics are made on the embedded broker
                "log_level": 0,
            }
        )
        self._embedded = is_embedded(self._metadata().cluster_id)

    @property
    def embedded(self) -> bool:
        """Whether the broker is the embedded one, which has no topic ids and no topic settings."""
        return self._embedded

    def ensure(self) -> tuple[str, ...]:
        """Make the missing topics, then verify all. Several processes may do so at once.

        Returns:
            The names of the topics that were missing, in order of declaration.

        Raises:
            BrokerError: the broker refuses, or an existing topic differs from its declaration.
        """
        counts = self._partition_counts()
        missing = [spec.kind for spec in TOPICS if self._name(spec.kind) not in counts]
        if self._embedded:
            for kind in missing:
                self._metadata(self._name(kind))
        elif missing:
            self._create(missing)
            self._await_leaders(missing)
        self._refuse(self._problems_once_known() if missing else self._problems())
        return tuple(self._name(kind) for kind in missing)

    def verify(self) -> None:
        """Compare what exists with what is declared.

        Raises:
            BrokerError: lists every topic that is missing or different.
        """
        self._refuse(self._problems())

    def _refuse(self, problems: Sequence[_Problem]) -> None:
        if problems:
            texts = [problem.text for problem in problems]
            raise BrokerError("\n  ".join([f"topics on {self._settings.bootstrap_servers}:", *texts]))

    def log_identity(self, kind: TopicKind) -> LogIdentity:
        """The 16 bytes of the topic's UUID, and its partitions; a topic that was made again has another UUID.

        Raises:
            BrokerError: the topic does not exist or the broker does not answer.
        """
        name = self._name(kind)
        if self._embedded:
            return LogIdentity(EMBEDDED_TOPIC_ID, self._partition_counts()[name])
        try:
            described = self._admin.describe_topics(TopicCollection([name]), request_timeout=_TIMEOUT_S)
            found = described[name].result(_TIMEOUT_S)
        except KafkaException as failure:
            raise BrokerError(f"{name}: cannot be described: {_said(failure)}; {_DECLARE}") from failure
        # Java's longs are signed.
        halves = (found.topic_id.get_most_significant_bits(), found.topic_id.get_least_significant_bits())
        topic_id = b"".join(half.to_bytes(8, "big", signed=half < 0) for half in halves)
        return LogIdentity(topic_id, len(found.partitions))

    def topic_id(self, kind: TopicKind) -> bytes:
        """The UUID of `log_identity`."""
        return self.log_identity(kind).topic_id

    def identity(self, kind: TopicKind) -> bytes:
        """What tells a topic from another one that later has its name: UUID and partition count.

        Raises:
            BrokerError: as `topic_id`.
        """
        topic_id, partitions = self.log_identity(kind)
        return topic_id + partitions.to_bytes(4, "big")

    def _name(self, kind: TopicKind) -> str:
        return topic_name(self._settings, kind)

    def _metadata(self, topic: str | None = None) -> ClusterMetadata:
        try:
            return self._admin.list_topics(topic, timeout=_TIMEOUT_S)
        except KafkaException as failure:
            where = self._settings.bootstrap_servers
            raise BrokerError(
                f"{where}: no answer: {_said(failure)}; start the broker or set bootstrap_servers"
            ) from failure

    def _partition_counts(self) -> dict[str, int]:
        return {name: len(topic.partitions) for name, topic in self._metadata().topics.items()}

    def _problems(self) -> list[_Problem]:
        counts = self._partition_counts()
        problems = [problem for spec in TOPICS for problem in self._count_problems(spec.kind, counts)]
        if not self._embedded:
            problems += self._config_problems([spec.kind for spec in TOPICS if self._name(spec.kind) in counts])
        return problems

    def _count_problems(self, kind: TopicKind, counts: dict[str, int]) -> Iterator[_Problem]:
        name, wanted = self._name(kind), topic_partitions(self._settings, kind)
        if self._embedded and wanted == 1:
            wanted = EMBEDDED_PARTITIONS  # it knows no other count; readers and writers use partition 0
        if name not in counts:
            yield _Problem(f"{name}: does not exist; {_DECLARE}", unknown=True)
        elif counts[name] != wanted:
            yield _Problem(f"{name}: has {counts[name]} partitions, {wanted} are declared; {_PARTITION_CURE}")

    def _config_problems(self, kinds: Sequence[TopicKind]) -> Iterator[_Problem]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, self._name(kind)) for kind in kinds]
        described = self._admin.describe_configs(resources, request_timeout=_TIMEOUT_S) if resources else {}
        for kind, resource in zip(kinds, resources, strict=True):
            try:
                actual = described[resource].result(_TIMEOUT_S)
            except KafkaException as failure:
                unknown = failure.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
                yield _Problem(f"{resource.name}: cannot be described: {_said(failure)}; {_DECLARE}", unknown)
                continue
            for option, wanted in topic_config(self._settings, kind).items():
                found = actual[option].value
                if found != wanted:
                    change = f"kafka-configs --alter --topic {resource.name} --add-config {option}={wanted}"
                    yield _Problem(f"{resource.name}: {option} is {found}, {wanted} is declared; {change}")

    def _create(self, kinds: Sequence[TopicKind]) -> None:
        new = [
            NewTopic(
                self._name(kind),
                topic_partitions(self._settings, kind),
                self._settings.replication_factor,
                config=topic_config(self._settings, kind),
            )
            for kind in kinds
        ]
        for name, made in self._admin.create_topics(new, request_timeout=_TIMEOUT_S).items():
            try:
                made.result(_TIMEOUT_S)
            except KafkaException as failure:
                if failure.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process was quicker
                    raise BrokerError(f"{name}: cannot be made: {_said(failure)}") from failure

    def _await_leaders(self, kinds: Sequence[TopicKind]) -> None:
        """A new topic takes a moment until each partition has a leader; whoever uses it sooner is refused."""
        waiting = {self._name(kind): topic_partitions(self._settings, kind) for kind in kinds}
        deadline = time.monotonic() + _TIMEOUT_S
        while waiting:
            topics = self._metadata().topics
            for name in [name for name in waiting if name in topics]:
                led = [partition for partition in topics[name].partitions.values() if partition.leader >= 0]
                if len(led) >= waiting[name]:
                    del waiting[name]
            if waiting and time.monotonic() > deadline:
                raise BrokerError(f"{', '.join(waiting)}: no leader after {_TIMEOUT_S:.0f} s; check that brokers run")
            time.sleep(_POLL_S)

    def _problems_once_known(self) -> list[_Problem]:
        """Brokers learn of a new topic one after another, and each question goes to any of them."""
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            problems = self._problems()
            if time.monotonic() > deadline or not any(problem.unknown for problem in problems):
                return problems
            time.sleep(_POLL_S)


def _said(failure: KafkaException) -> str:
    """What the broker or the client says about it."""
    return str(failure.args[0].str())
