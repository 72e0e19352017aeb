"""`tierstream repartition`: from a generation of topics to the next one, with another number of partitions.

Everything is checked before anything is written, and what decides is written at once: the openings of all partitions
are one transaction, so the new generation begins whole or not at all. Stopped anywhere, it can be run again.
"""

from collections.abc import Callable, Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import BrokerError, ContractError
from streams.client import Reader
from streams.controls import opening_record
from streams.ledger_audit import audit_ledger, log_of
from streams.memory_store import MemoryStore
from streams.partition import Partition
from streams.pipeline import new_fold
from streams.progress import Progress
from streams.records import LogRecord, RowStore
from streams.repartitioning import moving_digest, moving_rows, openings, settled_rows, undelivered, undrained
from streams.settings import Settings
from streams.table_reading import read_table
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind, topic_name, trainer_group

# What the trainer has learned from, and what it has published: the new trainer comes to the same from them.
_COPIED: tuple[TopicKind, ...] = ("examples", "weights")
_TIMEOUT_S = 60.0
# The longest that brokers allow as shipped (transaction.max.timeout.ms).
_TRANSACTION_MS = 15 * 60_000


class Moved(msgspec.Struct, frozen=True):
    """Rows of members and owners that were moved, and their digest. `before`: an earlier run had done it."""

    rows: int
    digest: str
    before: bool


def repartition(
    old: Settings, new: Settings, key: Ed25519PrivateKey, on_step: Callable[[str], None] = lambda _step: None
) -> Moved:
    """Begin the generation `new` with what the generation `old` has come to.

    Args:
        old: The settings of the generation that ends.
        new: Those of the one that begins: another `topic_prefix`, another `app_id`, any number of `partitions`.
        key: Signs the openings; its public half is in the newest policy.
        on_step: Told of each step.

    Raises:
        ContractError: the old generation is not at rest, not in order, or has moved on meanwhile; or the new one holds
            something else already.
        BrokerError: a broker does not answer or does not take a record.
    """
    if {old.topic_prefix, old.app_id} & {new.topic_prefix, new.app_id}:
        raise ContractError("the new generation needs a topic prefix and an app_id of its own")
    on_step("checking that nobody works on the old generation, and that nothing is left to do")
    _refuse_running(old)
    ends = _ends(old)
    tables = [read_table(old, number) for number in range(old.partitions)]
    _refuse_undrained(old, tables)
    on_step("auditing it")
    audit = audit_ledger(old)
    if audit.mismatches or audit.ahead:
        raise ContractError("the old generation is not in order: `tierstream audit` says what and how to mend it")
    on_step("making the new topics")
    TopicAdmin(new).ensure()
    for kind in _COPIED:
        on_step(f"copying {kind}")
        _copy(old, new, kind)
    wanted = [[opening_record(part, key) for part in parts] for parts in openings(tables, new.partitions)]
    found = [[record.value for record in log_of(new, number)] for number in range(new.partitions)]
    if any(found) and found != wanted:
        raise ContractError(
            f"{topic_name(new, 'actions')} holds other records than this opening: the generation has begun, or the "
            "topics are somebody else's; delete them if nothing was decided from them, or choose another name"
        )
    if not any(found):
        on_step("writing the openings")
        if _ends(old) != ends:
            raise ContractError("the old generation has moved on meanwhile: stop its producers, and begin again")
        _write(new, wanted, max(Partition.stored(n, rows).row.log_time_ms for n, rows in enumerate(tables)))
    on_step("comparing")
    rows = list(settled_rows(tables))
    digest = moving_digest(rows)
    if digest != opened_digest(new):
        raise ContractError("the new generation does not open with what the old one has: keep both, and report this")
    return Moved(len(rows), digest, any(found))


def opened_digest(settings: Settings) -> str:
    """Digest of the members' rows that the openings of a generation bring in."""
    identity = TopicAdmin(settings).log_identity("actions")
    rows = []
    for number in range(settings.partitions):
        store = MemoryStore()
        fold = new_fold(number, identity, store)
        records: Sequence[LogRecord] = list(log_of(settings, number))
        while records and fold.mark < records[-1].offset:
            batch = fold.fold(records)
            store.write(batch.rows)
            fold.landed(batch.mark)
        rows += list(moving_rows(store))
    return moving_digest(rows)


def _refuse_running(settings: Settings) -> None:
    """Nobody may be in the groups of workers and trainer."""
    groups = [settings.app_id, trainer_group(settings)]
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})
    for group, described in admin.describe_consumer_groups(groups, request_timeout=_TIMEOUT_S).items():
        try:
            members = described.result(_TIMEOUT_S).members
        except KafkaException as failure:
            if failure.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                continue
            raise BrokerError(f"group {group} cannot be described: {failure.args[0].str()}") from failure
        if members:
            raise ContractError(f"group {group} has {len(members)} members: stop all workers and the trainer first")


def _ends(settings: Settings) -> list[int]:
    with Progress(settings) as progress:
        return [progress.end("actions", number) for number in range(settings.partitions)]


def _refuse_undrained(settings: Settings, tables: Sequence[RowStore]) -> None:
    with Progress(settings) as progress:
        lag, newest = progress.lag(), progress.newest_weights()
    if lag:
        raise ContractError(f"{lag} records are not applied yet: stop the producers, and let the workers finish")
    for number, rows in enumerate(tables):
        problem = undrained(number, rows)
        if not problem and Partition.stored(number, rows).row.weights_version < newest:
            problem = f"partition {number} has not read weights {newest}: let trainer and workers run on"
        if problem:
            raise ContractError(problem)
    problem = undelivered([Partition.stored(number, rows).row for number, rows in enumerate(tables)])
    if problem:
        raise ContractError(problem)


def _copy(old: Settings, new: Settings, kind: TopicKind) -> None:
    """Append what the new topic lacks of the old one; offsets stay the same, because weights name them."""
    with Reader(new, (kind,), 0) as reader:
        found = [(message.offset(), message.value()) for _, message in reader.to_end()]
    sender = _Sender(new)
    with Reader(old, (kind,), 0) as reader:
        for place, (_, message) in enumerate(reader.to_end()):
            if place < len(found) and found[place] != (message.offset(), message.value()):
                raise ContractError(f"{topic_name(new, kind)} holds something else than a copy; choose another prefix")
            if place >= len(found):
                sender.send(kind, 0, message.value(), message.key(), message.timestamp()[1], at=message.offset())
    sender.finish()


def _write(new: Settings, values: Sequence[Sequence[bytes]], timestamp_ms: int) -> None:
    """Write all openings, in one transaction; what an earlier run has left open is aborted by it."""
    sender = _Sender(new, transaction=f"{new.app_id}-opening")
    for number, parts in enumerate(values):
        for value in parts:
            sender.send("actions", number, value, None, timestamp_ms)
    sender.finish()


class _Sender:
    """An idempotent producer whose failures are raised, with or without a transaction."""

    def __init__(self, settings: Settings, transaction: str | None = None) -> None:
        options: dict[str, str | int | bool] = {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "log_level": 0,
        }
        if transaction is not None:
            options |= {"transactional.id": transaction, "transaction.timeout.ms": _TRANSACTION_MS}
        self._settings = settings
        self._producer = Producer(options)
        self._in_transaction = transaction is not None
        self._failures: list[str] = []
        if self._in_transaction:
            self._producer.init_transactions(_TIMEOUT_S)
            self._producer.begin_transaction()

    def send(
        self,
        kind: TopicKind,
        partition: int,
        value: bytes,
        key: bytes | None,
        timestamp_ms: int,
        *,
        at: int | None = None,
    ) -> None:
        """Send a record, to be stored at offset `at`."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failures.append(error.str())
            elif at is not None and message.offset() != at:
                self._failures.append(f"a record of offset {at} was stored at {message.offset()}")

        topic = topic_name(self._settings, kind)
        while True:
            try:
                self._producer.produce(topic, value, key, partition, on_delivery=delivered, timestamp=timestamp_ms)
            except BufferError:
                self._producer.poll(1)
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        """Wait for every acknowledgement, and commit."""
        left = self._producer.flush(_TIMEOUT_S)
        if left or self._failures:
            raise BrokerError(f"records were not taken ({left} unanswered): {self._failures[:3]}; run it again")
        if self._in_transaction:
            self._producer.commit_transaction(_TIMEOUT_S)
