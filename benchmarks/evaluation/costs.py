"""What learning costs, in microseconds of CPU: on the hot path per action, in the trainer per example.

The fastest of several rounds counts, as a busy machine only ever adds time, and of a long round each piece by itself:
machines that others share are never left alone for a minute. The interval ends with the slowest round. Garbage is
collected as seldom as in the processes of worker and trainer: the evaluation's own rows are no part of their work.

`python -m benchmarks.evaluation.costs FILE` measures this alone, on as much of the file as it takes; the whole
evaluation reports the same figures.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import NamedTuple, Self

from benchmarks.evaluation.measures import Interval
from benchmarks.evaluation.rows import History, replay_file
from features.actions import LineItem
from features.event_time import DAY_MS
from features.table import ACTIVITY, ITEMS, PURCHASES, SPEND
from features.windows import ActivityWindows
from online_models.examples import Example, Outcome
from online_models.habits import habit_row
from online_models.inputs import FlatScore, model_row
from online_models.models import PORTRAIT_EVERY, Models
from online_models.odds_model import OddsModel
from online_models.rows import Row
from online_models.stack import ValueStack
from online_models.training import Trainer
from streams.collector import collect_seldom

_TRAINER_ROUNDS = 5
_PIECE = 500
_HOT_PATH_ROUNDS = 15
_MICROSECONDS = 1e6

# A member who acts three times an hour for a year: more than any bucket can hold on to.
_ACTIONS = 20_000
_ACTION_EVERY_MS = 1_200_000
_AMOUNTS = ((ACTIVITY, 1), (PURCHASES, 1), (SPEND, 2_599), (ITEMS, 3))
_ITEMS = (LineItem(item_id="p-9", amount=2_599, quantity=3, category="dairy"),)

_HOT_PATH_STEPS = ("enter windows", "enter interests", "read vector", "score")

# Enough examples for a steady figure.
_MOST_EXAMPLES = 30_000


def trainer_us(history: History) -> Interval:
    """All learners, per example, epochs and sheets included."""
    examples = list(enumerate(history.examples[:_MOST_EXAMPLES], start=1))
    pieces = [examples[start : start + _PIECE] for start in range(0, len(examples), _PIECE)]

    def learn(trainer: Trainer, piece: Sequence[tuple[int, Example]]) -> None:
        for offset, example in piece:
            trainer.learn(example, offset)

    def one_round() -> list[float]:
        trainer = Trainer()
        trainer.learn(history.notice, 0)
        return [_once(partial(learn, trainer, piece)) for piece in pieces]

    collect_seldom()
    rounds = [one_round() for _ in range(_TRAINER_ROUNDS)]
    fastest = sum(map(min, zip(*rounds, strict=True))) / len(examples) * _MICROSECONDS
    return Interval(fastest, fastest, max(map(sum, rounds)) / len(examples) * _MICROSECONDS)


def hot_path_us(history: History) -> Interval:
    """A purchase enters windows and interests, the vector is read, and the flattened value model scores it."""
    return _timed(partial(_act, _flat_score(history), len(_HOT_PATH_STEPS)), _ACTIONS, _HOT_PATH_ROUNDS)


def hot_path_parts_us(history: History) -> dict[str, float]:
    """What each step of the hot path adds: the same loop, cut short after it."""
    score = _flat_score(history)
    cuts = range(len(_HOT_PATH_STEPS) + 1)
    up_to = [_timed(partial(_act, score, steps), _ACTIONS, _HOT_PATH_ROUNDS).low for steps in cuts]
    return {name: after - before for name, (before, after) in zip(_HOT_PATH_STEPS, pairwise(up_to), strict=True)}


def _flat_score(history: History) -> FlatScore:
    stack = ValueStack(history.policy.learning.horizon_days)
    for example in history.examples[:_MOST_EXAMPLES]:
        outcome = example.outcome
        row = model_row(outcome.features)
        stack.learn(row, outcome.label_spend_minor, outcome.predicted_at_ms, example.log_time_ms)
    return FlatScore(stack.sheet_now(0).flat())


def _act(score: FlatScore, steps: int) -> None:
    """A member's year, each action up to a step of `_HOT_PATH_STEPS`."""
    windows = ActivityWindows.load(lambda _: None)
    for number in range(_ACTIONS):
        time_ms = number * _ACTION_EVERY_MS
        if steps:
            windows.observe(_AMOUNTS, time_ms)
            if steps > 1:
                windows.interests.bought(_ITEMS, time_ms, time_ms // DAY_MS, time_ms % DAY_MS)
                if steps > 2:  # noqa: PLR2004 - the places in the list
                    vector = windows.vector(time_ms)
                    if steps > 3:  # noqa: PLR2004 - likewise
                        score(vector)


def per_action_us(history: History, trainer: Interval) -> float:
    """All learners, per action of the log: there is at most one example per member and day."""
    return trainer.value * len(history.examples) / history.actions


def memory_bytes(history: History) -> dict[str, int]:
    """Size of a checkpoint after a tenth of the examples, and after all of them."""
    examples = history.examples[:_MOST_EXAMPLES]
    trainer, sizes = Trainer(), {}
    trainer.learn(history.notice, 0)
    for offset, example in enumerate(examples, start=1):
        trainer.learn(example, offset)
        if offset in {len(examples) // 10, len(examples)}:
            sizes[f"after {offset} examples"] = len(trainer.to_checkpoint())
    return sizes


class _Prepared(NamedTuple):
    """An example with the rows that several models read."""

    outcome: Outcome
    log_time_ms: int
    value: Row
    habits: Row

    @classmethod
    def of(cls, example: Example) -> Self:
        features = example.outcome.features
        return cls(example.outcome, example.log_time_ms, model_row(features), habit_row(features))

    def chance(self, model: OddsModel, happened: int) -> object:
        return model.learn(self.habits, happened, self.outcome.predicted_at_ms, self.log_time_ms)

    def spend(self, model: ValueStack) -> object:
        outcome = self.outcome
        return model.learn(self.value, outcome.label_spend_minor, outcome.predicted_at_ms, self.log_time_ms)


def parts_us(history: History) -> dict[str, float]:
    """Where a trainer's time goes: each part alone, per example."""
    examples = history.examples[:_MOST_EXAMPLES]
    models = Models(history.policy)
    prepared = [_Prepared.of(example) for example in examples]
    parts: dict[str, Callable[[_Prepared], object]] = {
        "value": lambda e: e.spend(models.value),
        "buys_in_week": lambda e: e.chance(models.buys_in_week, int(e.outcome.label_week_minor > 0)),
        "stays_active": lambda e: e.chance(models.stays_active, int(e.outcome.label_spend_minor > 0)),
        "burn": lambda e: models.burn.learn(e.outcome, e.log_time_ms),
        "next_category": lambda e: models.next_category.learn(e.outcome, e.log_time_ms),
        "effects": lambda e: models.effects.observe(e.outcome),
        "terms": lambda e: models.terms.observe(e.outcome),
        "issuance": lambda e: models.issuance.observe(e.outcome),
    }

    def each(part: Callable[[], object]) -> float:
        return _once(part) / len(examples) * _MICROSECONDS

    def spent(part: Callable[[_Prepared], object], among: Sequence[_Prepared]) -> float:
        return each(lambda: deque(map(part, among), maxlen=0))

    return {
        "inputs": each(lambda: deque(map(_Prepared.of, examples), maxlen=0)),
        **{name: spent(part, prepared) for name, part in parts.items()},
        "portrait": spent(lambda e: models.portrait.learn(e.outcome.features), prepared[::PORTRAIT_EVERY]),
    }


def _once(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


def _timed(run: Callable[[], None], count: int, rounds: int) -> Interval:
    collect_seldom()
    taken = [_once(run) / count * _MICROSECONDS for _ in range(rounds)]
    return Interval(min(taken), min(taken), max(taken))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evaluation.costs",
        description="Microseconds of CPU that learning costs: per action on the hot path, per example in the trainer.",
        epilog="example: python -m benchmarks.evaluation.costs .cache/histories/year.jsonl.gz",
    )
    parser.add_argument("file", type=Path, help="action file, .jsonl or .jsonl.gz")
    parser.add_argument("--policy", type=Path, default=Path("deploy/policies/retail.toml"), help="one that learns")
    arguments = parser.parse_args()
    history = replay_file(arguments.file, arguments.policy, _MOST_EXAMPLES)
    for name, interval, parts in (
        ("hot_path_us", hot_path_us(history), hot_path_parts_us(history)),
        ("trainer_us", trainer_us(history), parts_us(history)),
    ):
        sys.stdout.write(f"{name}: {interval.value:.1f} ({interval.low:.1f} to {interval.high:.1f})\n")
        for part, microseconds in parts.items():
            sys.stdout.write(f"  {part}: {microseconds:.1f}\n")


if __name__ == "__main__":
    main()
