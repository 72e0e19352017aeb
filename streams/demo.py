"""The main job, to look at: real households through an embedded broker, one worker, one trainer.

Everything runs as it does in earnest (own processes, the whole commit protocol); only the broker is a small one that
keeps nothing.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import orjson

from features.errors import BrokerError
from loyalty.decisions import TierChange
from loyalty.policy import Policy
from loyalty.weights import BP, STATIC, Weights
from online_models.figures import ValueFigures
from online_models.published import PublishedWeights, decode_published
from streams import accounting
from streams.client import Reader
from streams.decision_log import DECISION_TOPICS, DecisionLog, DecisionTopic
from streams.progress import Progress
from streams.replay import check_published
from streams.settings import Settings
from streams.summary import Summary, mae_over_naive, summarise, total_counts

# A demo that has made no progress for this long has failed, and says so.
_STALLED_S = 60.0
_STOP_S = 20.0

_COUNTERS: Mapping[DecisionTopic, str] = {
    "points": accounting.LEDGER_ENTRIES,
    "tier-changes": accounting.TIER_CHANGES,
    "notifications": accounting.NOTIFICATIONS,
}

# The embedded broker keeps 5 MB a partition: with four of them and a basket of 1 KB, some 20,000 records.
_MOST_LAG = 4_000

_TIER_CHANGE = msgspec.json.Decoder(TierChange)


@dataclass
class Outcome:
    """What the demo saw on the topics."""

    decisions: DecisionLog = field(default_factory=DecisionLog)
    tiers: Counter[tuple[str, str]] = field(default_factory=Counter)
    weights: list[PublishedWeights] = field(default_factory=list)

    def newest_weights(self) -> Weights | None:
        """The last weights version published."""
        return self.weights[-1].weights if self.weights else None


def tier_line(change: TierChange) -> str:
    """A tier change for people.

    Example line: `2017-03-04 18:22  household-42  silver -> gold  (score 412; 88 to platinum)`
    """
    data = change.data
    ahead = f"; {data.to_next} to {data.next_tier}" if data.next_tier else ""
    move = f"{data.old_tier or 'nobody'} -> {data.new_tier}"
    return f"{change.time:%Y-%m-%d %H:%M}  {change.subject}  {data.kind}: {move}  (score {data.score}{ahead})"


@contextmanager
def process(command: str, settings_file: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `tierstream COMMAND` as a process of its own while the block runs; its log goes to a file."""
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "streams.cli", command, "--settings", str(settings_file)],
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def start_processes(stack: ExitStack, settings: Settings, folder: Path) -> list[subprocess.Popen[bytes]]:
    """Start worker and trainer; they end with `stack`."""
    children = []
    for command in ("worker", "trainer"):
        own = msgspec.structs.replace(settings, data_dir=settings.data_dir / command)
        settings_file = folder / f"{command}.toml"
        settings_file.write_text(settings_text(own), encoding="utf-8")
        children.append(stack.enter_context(process(command, settings_file, folder / f"{command}.log")))
    return children


def settings_text(settings: Settings) -> str:
    """Settings as the TOML file that `Settings.load` reads."""
    lines = []
    for name in Settings.__struct_fields__:
        value = getattr(settings, name)
        if value is not None:
            text = value if isinstance(value, (bool, int)) else str(value)
            lines.append(f"{name} = {orjson.dumps(text).decode()}")
    return "\n".join(lines) + "\n"


class Watch:
    """Follows the topics until everything that was produced has been decided, learned from and adopted."""

    def __init__(self, settings: Settings, children: list[subprocess.Popen[bytes]]) -> None:
        self.outcome = Outcome()
        self._settings = settings
        self._children = children
        self._reader = Reader(settings, (*DECISION_TOPICS, "weights"))
        self._progress = Progress(settings)
        self._started_s: float | None = None
        self._moved_s = time.monotonic()

    def close(self) -> None:
        """Disconnect."""
        self._reader.__exit__()
        self._progress.__exit__()

    def step(self) -> list[str]:
        """Take in what has arrived; return a line for each tier change.

        Raises:
            BrokerError: a process has ended, or nothing moves any more.
        """
        lines = []
        for kind, message in self._reader.poll():
            self._moved_s = time.monotonic()
            self._started_s = self._started_s or self._moved_s
            if kind == "weights":
                self._add_weights(message.value())
            elif kind in DECISION_TOPICS and self._add(kind, message.value()) and kind == "tier-changes":
                change = _TIER_CHANGE.decode(message.value())
                self.outcome.tiers[change.data.old_tier, change.data.new_tier] += 1
                lines.append(tier_line(change))
        self._check_alive()
        return lines

    def _add(self, kind: str, value: bytes) -> bool:
        return any(self.outcome.decisions.add(topic, value) for topic in DECISION_TOPICS if topic == kind)

    def _add_weights(self, value: bytes) -> None:
        published = decode_published(value)
        if published.weights.version > len(self.outcome.weights):  # the first record of a version wins
            self.outcome.weights.append(published)

    def _check_alive(self) -> None:
        for child in self._children:
            if child.poll() is not None:
                raise BrokerError(f"process {child.args!r} ended with code {child.returncode}; see its log in out/demo")
        if time.monotonic() - self._moved_s > _STALLED_S:
            raise BrokerError(f"nothing has moved for {_STALLED_S:.0f} s; see worker.log and trainer.log in out/demo")

    def seconds_since_start(self) -> float:
        """Time since the worker's first decisions came."""
        return 0.0 if self._started_s is None else time.monotonic() - self._started_s

    def is_behind(self) -> bool:
        """Whether so much waits for the worker that the embedded broker might drop records nobody has read."""
        return self._progress.lag() > _MOST_LAG

    def is_settled(self) -> bool:
        """Whether everything produced has been decided, learned from and adopted."""
        return self._progress.is_settled()

    def has_seen_all(self) -> bool:
        """Whether every decision that was counted has arrived here too."""
        decisions = self.outcome.decisions
        counts = total_counts([row.counts for _, row in self._progress.heads().values()])
        return all(decisions.count(topic) >= counts.get(counter, 0) for topic, counter in _COUNTERS.items())

    def _relearn(self) -> ValueFigures:
        """Learn again from the examples topic: the same versions must come out, and the error with them.

        Raises:
            ContractError: what was published is not what follows from the examples.
        """
        with Reader(self._settings, ("examples",)) as reader:
            records = [(message.offset(), message.value()) for _, message in reader.to_end()]
        return check_published(records, self.outcome.weights)

    def summary(self, seconds: float) -> Summary:
        """The summary of what was seen and counted."""
        heads = self._progress.heads()
        weights = self.outcome.weights
        return summarise(
            total_counts([row.counts for _, row in heads.values()]),
            self.outcome.decisions,
            weights_versions=len(weights),
            model_mae_over_naive=mae_over_naive(self._relearn()),
            seconds=seconds,
            final_lag=self._progress.lag(),
        )


def report(summary: Summary, outcome: Outcome, policy: Policy) -> list[str]:
    """The summary for people."""
    rows = [
        f"actions in       {summary['actions_in']:>10,}",
        f"  applied        {summary['applied']:>10,}",
        f"  duplicate      {summary['duplicates']:>10,}",
        f"  dead-lettered  {summary['dead_lettered']:>10,}",
        f"members          {summary['members']:>10,}   ledger entries {summary['ledger_entries']:,}",
        *(f"points {kind:<12}{points:>8,}" for kind, points in summary["points_by_kind"].items()),
        "tier moves:",
        *(f"  {old or '(none)':>10} -> {new:<10}{count:>6,}" for (old, new), count in sorted(outcome.tiers.items())),
    ]
    newest = outcome.newest_weights() or STATIC
    rows.append(f"weights before and after {newest.version} versions:")
    rows.extend(
        f"  earning {action:<22}1.00 -> {newest.earning(action) / BP:.2f}"
        for action in sorted({rule.action for rule in policy.earning})
    )
    rows.extend(
        f"  score   {term.measure:<22}1.00 -> {newest.score(term.measure) / BP:.2f}" for term in policy.tiers.score
    )
    error = summary["model_mae_over_naive"]
    rows.append(f"model error over the naive forecast: {'not enough labels yet' if error is None else f'{error:.3f}'}")
    rows.append(f"{summary['actions_per_s']:,.0f} actions/s, lag {summary['final_lag']}, digest {summary['digest']}")
    return rows
