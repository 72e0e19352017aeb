"""What a format's code wrote, kept in `tests/fixtures`: rows, messages and a trainer's checkpoint, and how it went on.

`python -m tests.support.past_format tests/fixtures/format-1` writes them anew with the code at hand. Once a format is
released, its folder is never written again: later code has to read it.
"""

import hashlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from loyalty.weights import Weights
from online_models.examples import decode_record
from online_models.training import Trainer
from streams.controls import PolicyData, WeightsData, policy_record, public_key_of, weights_record
from streams.histories.files import read_lines, write_lines
from streams.memory_store import MemoryStore
from streams.pipeline import PartitionFold
from streams.records import LogRecord, Output
from streams.row_format import row_payload
from streams.versions import ENGINES
from streams.zones import zone_rules
from tests.support.partition_log import KEY, TOPIC_ID, build_log
from tests.support.random_history import DAY_MS, START_MS, event, purchase

MEMBERS = tuple(f"m-{number}" for number in range(5))
ACTIONS = 220

POLICY = """
format = 1
[programme]
name = "Kept for later code"
currency = "USD"
[input]
lateness_days = 10
refund_horizon_days = 20
[points]
pending_days = 3
expiry = { kind = "after_days", days = 40 }
[[earning]]
id = "buy"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "look"
action = "login"
points = 3
[tiers]
basis = "spend"
ladder = [{id = "member", threshold = 0}, {id = "silver", threshold = 90_000}, {id = "gold", threshold = 300_000}]
[learning]
enabled = true
sample_share_bp = 3_000
epoch_examples = 8
min_examples = 8
horizon_days = 7
"""


class Facts(msgspec.Struct, frozen=True):
    """What the code that wrote the fixture came to. `half` records were applied when the rows were kept."""

    row_format: int
    engine: int
    half: int
    outputs: int
    rows_digest: str
    learned: int
    evidence_digest: str


class PastFormat:
    """One folder of fixtures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def facts(self) -> Facts:
        """What it came to."""
        return msgspec.json.decode((self.folder / "facts.json").read_bytes(), type=Facts)

    def log(self) -> list[LogRecord]:
        """The whole log."""
        return [msgspec.json.decode(line, type=LogRecord) for line in read_lines(self.folder / "log.jsonl.gz")]

    def outputs(self) -> list[Output]:
        """All outputs, in order."""
        return [msgspec.json.decode(line, type=Output) for line in read_lines(self.folder / "outputs.jsonl.gz")]

    def rows(self) -> MemoryStore:
        """The rows after the first half of the log."""
        store = MemoryStore()
        rows = (msgspec.json.decode(line, type=tuple[bytes, bytes]) for line in read_lines(self.folder / "rows.jsonl"))
        store.write(list(rows))
        return store

    def checkpoint(self) -> bytes:
        """The trainer's checkpoint after the examples of the first half."""
        return (self.folder / "trainer.checkpoint").read_bytes()

    def write(self) -> Facts:
        """Write everything with the code at hand."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = make_log()
        half = len(log) // 2
        store = MemoryStore()
        fold = PartitionFold(0, TOPIC_ID, store)
        outputs = go_on(fold, store, log[:half])
        kept = [(key, store.get(key)) for key in store.scan(b"", b"\xff")]
        trainer = Trainer()
        learned = learn(trainer, outputs)
        (self.folder / "trainer.checkpoint").write_bytes(trainer.to_checkpoint())
        outputs += go_on(fold, store, log[half:])
        learn(trainer, outputs, after=learned)
        write_lines(self.folder / "log.jsonl.gz", map(msgspec.json.encode, log))
        write_lines(self.folder / "outputs.jsonl.gz", map(msgspec.json.encode, outputs))
        write_lines(self.folder / "rows.jsonl", map(msgspec.json.encode, kept))
        row_format = (kept[0][1] or b"\x00")[0]
        facts = Facts(
            row_format, max(ENGINES), half, len(outputs), rows_digest(store), learned, evidence_digest(trainer)
        )
        (self.folder / "facts.json").write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
        return facts


def make_log() -> list[LogRecord]:
    """Purchases, refunds and other actions of five members over some months, duplicates, and learned weights."""
    draw = random.Random(1)
    actions: list[tuple[int, bytes]] = []
    now_ms = START_MS
    for number in range(ACTIONS):
        now_ms += draw.randrange(DAY_MS)
        member = draw.choice(MEMBERS)
        kind = draw.choice(("purchase", "purchase", "refund", "login", "browse", "review", "misconduct", "again"))
        if kind == "again" and actions:
            actions.append((now_ms, draw.choice(actions[-20:])[1]))
            continue
        actions.append((now_ms, _action(draw, kind, number, member, now_ms - draw.randrange(2 * DAY_MS))))
    zone = zone_rules("America/New_York").to_text()
    policy = PolicyData(1, 0, max(ENGINES), POLICY, zone, (public_key_of(KEY),))
    log = build_log(actions, policy, tick_every_ms=DAY_MS)
    third = len(log) // 3
    weights = WeightsData(Weights(1, (("purchase", 10_500),), ()), 3, log[third].timestamp_ms)
    later = msgspec.structs.replace(policy, version=2, effective_from_ms=now_ms - 20 * DAY_MS)
    ours = {third: weights_record(weights, KEY), 2 * third: policy_record(later, KEY)}
    renumbered: list[LogRecord] = []
    for at, record in enumerate(log):
        if at in ours:
            renumbered.append(LogRecord(0, len(renumbered), record.timestamp_ms, None, ours[at]))
        renumbered.append(msgspec.structs.replace(record, offset=len(renumbered)))
    return renumbered


def _action(draw: random.Random, kind: str, number: int, member: str, time_ms: int) -> bytes:
    name = f"a-{number}"
    if kind == "refund":
        order: dict[str, object] = {"order_id": f"a-{draw.randrange(max(1, number))}", "amount": 900, "currency": "USD"}
        return event("refund", name, member, time_ms, order)
    if kind in {"purchase", "again"}:
        return purchase(name, member, time_ms, draw.randrange(500, 40_000))
    data: dict[str, dict[str, object]] = {
        "browse": {"duration_ms": 45_000},
        "review": {"item_id": "p-1", "rating": 4, "text": "good"},
        "misconduct": {"kind": "spam", "severity": 2},
    }
    return event(kind, name, member, time_ms, data.get(kind, {}))


def go_on(fold: PartitionFold, store: MemoryStore, records: Sequence[LogRecord]) -> list[Output]:
    """Fold records in small batches into the store."""
    outputs: list[Output] = []
    for start in range(0, len(records), 25):
        batch = fold.fold(records[start : start + 25])
        store.write(batch.rows)
        fold.landed(batch.mark)
        outputs += batch.outputs
    return outputs


def learn(trainer: Trainer, outputs: Sequence[Output], after: int = 0) -> int:
    """Learn the examples among the outputs, the first `after` excepted; returns how many there are."""
    examples = [output.value for output in outputs if output.topic == "examples"]
    for offset, value in enumerate(examples):
        if offset >= after:
            trainer.learn(decode_record(value), offset)
    return len(examples)


def rows_digest(store: MemoryStore) -> str:
    """SHA-256 over keys and payloads."""
    digest = hashlib.sha256()
    for key in store.scan(b"", b"\xff"):
        digest.update(msgspec.msgpack.encode((key, row_payload(key, store.get(key) or b""))))
    return digest.hexdigest()


def evidence_digest(trainer: Trainer) -> str:
    """SHA-256 over all that the trainer would say now."""
    return hashlib.sha256(msgspec.json.encode((trainer.figures(), trainer.review()))).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(f"{PastFormat(Path(sys.argv[1])).write()}\n")
