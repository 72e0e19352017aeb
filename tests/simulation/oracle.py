"""What a run should have come to: an undisturbed fold of each partition's log, held against what was delivered."""

from collections import defaultdict
from collections.abc import Iterable

from features.errors import ContractError
from loyalty.draw_checks import check_draws
from loyalty.draw_records import decode_draw
from online_models.published import decode_published
from streams.accounting import is_balanced
from streams.changelog import Replay
from streams.decision_log import DECISION_TOPICS, DecisionLog, OnceInOrder
from streams.effects import seal
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold, new_fold
from streams.records import LogIdentity, LogRecord, Output
from streams.replay import check_published
from streams.row_format import row_mark, row_payload
from streams.stores import MemoryPartition, PartitionStore
from tests.simulation.broker import Broker, Stored
from tests.simulation.cluster import ACTIONS, CHANGELOG, EXAMPLES, OUTPUTS, WEIGHTS, Cluster
from tests.simulation.workload import KEY
from tests.support.delivered import once

Rows = dict[bytes, bytes]


def judge(cluster: Cluster) -> list[str]:
    """Everything that is wrong with the run; nothing in a right one."""
    wrong: list[str] = []
    sent: list[Output] = []
    folds: list[PartitionFold] = []
    examples: set[bytes] = set()
    version = 0
    for partition in range(cluster.partitions):
        log = cluster.broker.log(ACTIONS, partition).records
        outputs, rows, fold = undisturbed(cluster.identity, partition, log)
        wrong += [f"partition {partition}: {problem}" for problem in _outputs(cluster.broker, partition, outputs)]
        wrong += [f"partition {partition}: {problem}" for problem in _state(cluster, partition, rows, fold.mark)]
        if not is_balanced(fold.counts):
            wrong.append(f"partition {partition}: the accounting does not balance: {fold.counts}")
        examples |= {output.value for output in outputs if output.topic == EXAMPLES}
        sent += [output for output in outputs if output.topic == "effects"]
        folds.append(fold)
        version = max(version, fold.weights_version)
        if partition and fold.weights_version != version:
            wrong.append(f"partition {partition} has weights {fold.weights_version}, another has {version}")
    wrong += _effects(cluster, sent, folds)
    wrong += _draws(cluster)
    moved = sum(fold.counts.get(f"points.transferred_{way}", 0) for fold in folds for way in ("in", "out"))
    if moved:
        wrong.append(f"links between members have made {moved} points out of nothing, or lost them")
    wrong += _learning(cluster.broker, examples, version)
    return wrong


def undisturbed(
    identity: LogIdentity, partition: int, log: Iterable[Stored]
) -> tuple[list[Output], Rows, PartitionFold]:
    """Outputs and rows of a fold that nothing happens to."""
    store = MemoryStore()
    fold = new_fold(partition, identity, store)
    batch = fold.fold([LogRecord(r.partition, r.offset, r.timestamp, r.key, r.value) for r in log])
    rows = {key: row_payload(key, row) for key, row in batch.rows if row is not None}
    return batch.outputs, rows, fold


def _outputs(broker: Broker, partition: int, outputs: list[Output]) -> Iterable[str]:
    expected: dict[str, list[bytes]] = defaultdict(list)
    for output in outputs:
        expected[output.topic].append(output.value)
    decisions = DecisionLog()
    reader = OnceInOrder()
    for topic in OUTPUTS:
        if topic == EXAMPLES:
            continue
        delivered = [record.value or b"" for record in broker.log(topic, partition).records]
        wanted, got = set(expected[topic]), set(delivered)
        yield from (f"{topic}: never delivered: {value[:200]!r}" for value in sorted(wanted - got))
        yield from (f"{topic}: of no event in the log: {value[:200]!r}" for value in sorted(got - wanted))
        for name in DECISION_TOPICS:
            if name == topic:
                try:
                    accepted = [
                        value for value in delivered if decisions.add(name, value) | reader.accepts(name, value)
                    ]
                except ContractError as failure:
                    yield str(failure)
                else:
                    if sorted(accepted) != sorted(expected[topic]):
                        yield f"{topic}: a reader accepts {len(accepted)}, there are {len(expected[topic])}"


def _draws(cluster: Cluster) -> Iterable[str]:
    """What was published of draws stands up to anyone's check."""
    published = [
        record.value or b""
        for p in range(cluster.partitions)
        for record in cluster.broker.log(OUTPUTS["draws"], p).records
    ]
    for check in check_draws(map(decode_draw, published)):
        yield from (f"draw {check.draw}: {problem}" for problem in check.problems)


def _effects(cluster: Cluster, sent: list[Output], folds: list[PartitionFold]) -> Iterable[str]:
    """Every effect has arrived where it was to go, nothing else has, and each was applied once, in order."""
    wanted: dict[int, set[bytes]] = defaultdict(set)
    for effect in (seal(output.value, KEY) for output in sent):
        wanted[effect.receiver].add(effect.value)
    for partition, fold in enumerate(folds):
        log = cluster.broker.log(ACTIONS, partition).records
        got = {record.value or b"" for record in log if b"loyalty.effect." in (record.value or b"")}
        yield from (f"effects: never arrived: {value[:200]!r}" for value in sorted(wanted[partition] - got))
        yield from (f"effects: of no event in a log: {value[:200]!r}" for value in sorted(got - wanted[partition]))
        for sender, other in enumerate(folds):
            out, taken = (
                row.get(n, 0)
                for row, n in ((other._partition.row.effects_out, partition), (fold._partition.row.effects_in, sender))
            )
            if out != taken:
                yield f"effects: {sender} has sent {out} to {partition}, which has applied {taken}"


def _state(cluster: Cluster, partition: int, rows: Rows, mark: int) -> Iterable[str]:
    log = cluster.broker.log(CHANGELOG, partition)
    yield from (f"recovered from the changelog: {problem}" for problem in _rows(recovered(log.records), rows, mark))
    owner = cluster.owners()[partition]
    if owner.stores is not None:
        store = owner.stores.partitions[partition]
        yield from (f"store of {owner.name}: {problem}" for problem in _rows(store, rows, mark))
    log.compact(float("inf"))
    yield from (f"recovered after compaction: {problem}" for problem in _rows(recovered(log.records), rows, mark))


def recovered(records: list[Stored]) -> PartitionStore:
    """A store built from the changelog alone."""
    store = MemoryPartition()
    Replay(store).apply(records, len(records))  # type: ignore[arg-type]  # simulated records may lack a key, those of a changelog do not
    return store


def _rows(store: PartitionStore, rows: Rows, mark: int) -> Iterable[str]:
    found = {key: store.get(key) or b"" for key in store.scan(b"", b"\xff")}
    marks = [row_mark(row) for row in found.values()]
    if max(marks, default=-1) != mark:
        yield f"stands at {max(marks, default=-1)}, the log at {mark}"
    payloads = {key: row_payload(key, row) for key, row in found.items()}
    for key in sorted(payloads.keys() | rows.keys()):
        if payloads.get(key) != rows.get(key):
            yield f"row {key!r} is {payloads.get(key)!r}, should be {rows.get(key)!r}"


def _learning(broker: Broker, examples: set[bytes], version: int) -> Iterable[str]:
    delivered = broker.log(EXAMPLES, 0).records
    got = {record.value for record in delivered}
    if got != examples:
        yield f"examples: {len(examples - got)} never delivered, {len(got - examples)} of no event in the log"
    first: dict[int, bytes] = {}
    for record in broker.log(WEIGHTS, 0).records:
        raw = record.value or b""
        if first.setdefault(decode_published(raw).version, raw) != raw:
            yield f"two records of weights version {decode_published(raw).version} differ"
    published = [decode_published(first[number]) for number in sorted(first)]
    try:
        check_published(once((record.offset, record.value or b"") for record in delivered), published)
    except ContractError as failure:
        yield str(failure)
    if max(first, default=0) != version:
        yield f"weights {max(first, default=0)} are published, the partitions have {version}"
