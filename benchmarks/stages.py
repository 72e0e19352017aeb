"""Where actions spend their time between being due and being read, in the median and in the slowest hundredth."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean, median
from typing import NamedTuple

import msgspec

from benchmarks.stamped_worker import Pause, StampedAction, StampedBatch

# Milliseconds of an action; the first six follow on one another, the last two run beside the sixth.
STAGES = (
    "due to appended by the broker",
    "appended to its lane",
    "lane to its fold",
    "fold to end of the batch",
    "batch to its commit",
    "commit to read",
    "commit to outputs acknowledged",
    "outputs to state acknowledged",
)
_FOLLOWING = 6
_MOST_PAUSES = 5

_decode = msgspec.json.Decoder(StampedBatch | Pause).decode


class Sent(NamedTuple):
    """A run of the sender: its name, when number 0 was due (monotonic seconds), and actions per second."""

    name: str
    started_s: float
    rate: float


class Stages(msgspec.Struct):
    """Milliseconds by stage, in which tenths of a second the slowest were due, and the longest pauses for garbage."""

    median_ms: dict[str, float]
    slowest_hundredth_ms: dict[str, float]
    slowest_hundredth_due_s: dict[str, int]
    longest_pauses_for_garbage: list[dict[str, float]]


def stages_of(notes: bytes, sent: Sent, arrivals: Mapping[int, float], first: int) -> Stages:
    """Stages of the actions of a run, and the longest pauses for garbage.

    Args:
        notes: Those of the worker (`benchmarks.stamped_worker`).
        sent: The run.
        arrivals: Monotonic seconds at which an action's entry was read, by its number.
        first: Number of the first action to count.
    """
    ended_s = max(arrivals.values())
    rows: dict[int, list[float]] = {}
    pauses: list[Pause] = []
    for line in notes.splitlines():
        note = _decode(line)
        if isinstance(note, Pause):
            if sent.started_s <= note.began_s <= ended_s:
                pauses.append(note)
            continue
        for action in note.actions:
            name, _, number = action.id.rpartition("/")
            if name == sent.name and int(number) >= first:
                due_s = sent.started_s + int(number) / sent.rate
                rows[int(number)] = stage_ms(due_s, action, note, arrivals[int(number)])
    slowest = sorted(rows, key=lambda number: sum(rows[number][:_FOLLOWING]))[-max(1, len(rows) // 100) :]
    due = Counter(f"{number / sent.rate:.1f}" for number in slowest)
    longest = sorted(pauses, key=lambda pause: -pause.took_s)[:_MOST_PAUSES]
    return Stages(
        _table([median(column) for column in zip(*rows.values(), strict=True)]),
        _table([mean(column) for column in zip(*(rows[number] for number in slowest), strict=True)]),
        dict(sorted(due.items(), key=lambda item: float(item[0]))),
        [
            {"at_s": round(p.began_s - sent.started_s, 1), "ms": round(p.took_s * 1_000, 1), "generation": p.generation}
            for p in longest
        ],
    )


def stage_ms(due_s: float, action: StampedAction, batch: StampedBatch, read_s: float) -> list[float]:
    """Milliseconds of each of `STAGES`.

    Example:
        >>> action = StampedAction("load/7", appended_s=2.0, in_lane_s=3.0, begun_s=5.0)
        >>> batch = StampedBatch([action], folded_s=5.5, commit_s=6.0, outputs_s=8.0, state_s=9.0)
        >>> stage_ms(1.5, action, batch, read_s=7.0)
        [500.0, 1000.0, 2000.0, 500.0, 500.0, 1000.0, 2000.0, 1000.0]
    """
    stamps = (due_s, action.appended_s, action.in_lane_s, action.begun_s, batch.folded_s, batch.commit_s, read_s)
    following = [(later - earlier) * 1_000 for earlier, later in pairwise(stamps)]
    return [*following, (batch.outputs_s - batch.commit_s) * 1_000, (batch.state_s - batch.outputs_s) * 1_000]


def _table(values: Sequence[float]) -> dict[str, float]:
    return {stage: round(value, 1) for stage, value in zip(STAGES, values, strict=True)}
