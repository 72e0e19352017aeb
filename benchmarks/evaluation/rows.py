"""The rows of an evaluation: every prediction moment of a file, with its outcome and what the online models said then.

A file is replayed through the engine with the trainer inline, so rows, labels and their delays are those of live
operation. What the models said is as of each row's own time; see `online_models.stack`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.vector import feature_index
from loyalty.policy import Policy, parse_policy
from loyalty.policy.ladder import Ladder
from loyalty.weights import STATIC
from online_models.examples import Example, PolicyNotice, Record
from online_models.habits import MONTH_DAYS, WEEK_DAYS, habit_row
from online_models.inputs import model_row, persistence_minor
from online_models.odds_model import OddsModel
from online_models.published import PublishedWeights
from online_models.stack import Prediction, ValueStack
from online_models.tier_score import window_days
from online_models.training import Trainer, TrainerFigures
from streams import accounting
from streams.histories.files import read_lines
from streams.policy_files import first_policy
from streams.replay import Replay, replay_lines

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_QUARTER_DAYS = 90

# Households are dealt into five parts by hash of their pseudonym; the last one is for reporting only.
_PARTS = 5

# Rows after this share of the time are reported on, those before are the warm-up.
_WARM_UP = 0.6


class _Recorder(Trainer):
    """A trainer that keeps what it was taught."""

    def __init__(self) -> None:
        super().__init__()
        self.notice: PolicyNotice | None = None
        self.examples: list[Example] = []

    def learn(self, record: Record, offset: int) -> PublishedWeights | None:
        if isinstance(record, Example):
            self.examples.append(record)
        elif isinstance(record, PolicyNotice) and self.notice is None:
            self.notice = record
        return super().learn(record, offset)


@dataclass(frozen=True)
class History:
    """What the engine made of a file: examples in the order of the log, and the weights published on the way.

    `figures` are the trainer's at the end, `actions` is how many were applied.
    """

    policy: Policy
    notice: PolicyNotice
    examples: Sequence[Example]
    published: Sequence[PublishedWeights]
    figures: TrainerFigures
    actions: int


def replay_file(path: Path, policy_path: Path, most_examples: int | None = None) -> History:
    """Replay a file with learning on, to its end or until there are `most_examples`.

    Raises:
        LoyaltyError: the file or the policy cannot be read.
        ValueError: nothing matured, or the policy does not learn.
    """
    trainer = _Recorder()
    lines = takewhile(lambda _: most_examples is None or len(trainer.examples) < most_examples, read_lines(path))
    replay = replay_lines(lines, Replay(first_policy(policy_path, ()), trainer))
    if trainer.notice is None or not trainer.examples:
        raise ValueError(
            f"{path}: no example matured under {policy_path}; take a longer file, or a policy with [learning] enabled"
        )
    policy = parse_policy(trainer.notice.text, str(policy_path))
    applied = replay.fold.counts[accounting.APPLIED]
    return History(policy, trainer.notice, trainer.examples, replay.published, trainer.figures(), applied)


@dataclass(frozen=True)
class Rows:
    """Columns over all examples, in the order of the log. Spend is in minor units, times in milliseconds."""

    features: Ints
    moment_ms: Ints
    log_time_ms: Ints
    member: Ints
    members: Sequence[str]
    spend: Floats
    active: Flags
    buys_in_week: Flags
    persistence: Floats
    static_score: Floats
    learned_score: Floats
    typical: Floats
    expected: Floats
    active_chance: Floats
    week_chance: Floats

    def feature(self, name: str) -> Floats:
        """A column of the feature table."""
        return self.features[:, feature_index(name)].astype(np.float64)

    @property
    def cut_ms(self) -> int:
        """Where the warm-up ends: at a share of the time from the first moment to the last label."""
        first, last = int(self.moment_ms.min()), int(self.log_time_ms.max())
        return first + int((last - first) * _WARM_UP)

    @property
    def reported(self) -> Flags:
        """Later rows that every online model had something to say about."""
        known = ~(np.isnan(self.typical) | np.isnan(self.active_chance) | np.isnan(self.week_chance))
        later: Flags = self.moment_ms >= self.cut_ms
        return later & known

    @property
    def held_out(self) -> Flags:
        """Rows of the last fifth of the households."""
        parts = np.array([int(name, 16) % _PARTS == _PARTS - 1 for name in self.members])
        held: Flags = parts[self.member]
        return held


def rows_of(history: History) -> Rows:
    """All rows of a history: the online models learn once more, from the same examples in the same order."""
    days = history.policy.learning.horizon_days
    outcomes = [example.outcome for example in history.examples]
    members = sorted({outcome.member for outcome in outcomes})
    place = {name: index for index, name in enumerate(members)}
    values = _values(history)
    typical = [np.nan if value is None else float(value.typical_minor) for value in values]
    expected = [np.nan if value is None else float(value.expected_minor) for value in values]
    spend = np.array([outcome.label_spend_minor for outcome in outcomes], dtype=np.float64)
    week = np.array([outcome.label_week_minor > 0 for outcome in outcomes])
    return Rows(
        features=np.array([outcome.features for outcome in outcomes], dtype=np.int64),
        moment_ms=np.array([outcome.predicted_at_ms for outcome in outcomes], dtype=np.int64),
        log_time_ms=np.array([example.log_time_ms for example in history.examples], dtype=np.int64),
        member=np.array([place[outcome.member] for outcome in outcomes], dtype=np.int64),
        members=members,
        spend=spend,
        active=spend > 0,
        buys_in_week=week,
        persistence=np.array([persistence_minor(outcome.features, days) for outcome in outcomes], dtype=np.float64),
        static_score=_scores(history, ()),
        learned_score=_scores(history, history.published),
        typical=np.array(typical),
        expected=np.array(expected),
        active_chance=_chances(history, OddsModel(MONTH_DAYS, days), spend > 0),
        week_chance=_chances(history, OddsModel(WEEK_DAYS, days), week),
    )


def _values(history: History) -> list[Prediction | None]:
    stack = ValueStack(history.policy.learning.horizon_days)
    return [
        stack.learn(
            model_row(example.outcome.features),
            example.outcome.label_spend_minor,
            example.outcome.predicted_at_ms,
            example.log_time_ms,
        )
        for example in history.examples
    ]


def _chances(history: History, model: OddsModel, happened: Iterable[np.bool_]) -> Floats:
    chances = [
        model.learn(
            habit_row(example.outcome.features),
            int(label),
            example.outcome.predicted_at_ms,
            example.log_time_ms,
        )
        for example, label in zip(history.examples, happened, strict=True)
    ]
    return np.array([np.nan if chance is None else chance for chance in chances])


def _scores(history: History, published: Sequence[PublishedWeights]) -> Floats:
    """The programme's own score at each row, each term over its last 90 days brought to the window's length.

    With the weights in force at the row's moment; without any, it is the static programme.
    """
    tiers, ladder = history.policy.tiers, Ladder(history.policy.tiers)
    known = [(term.key, feature_index(f"{term.measure}_90d")) for term in ladder.terms]
    since_ms = [version.log_time_ms for version in published]
    scores = []
    for example in history.examples:
        outcome = example.outcome
        in_force = bisect_right(since_ms, outcome.predicted_at_ms)
        sums = {key: outcome.features[at] * window_days(tiers) // _QUARTER_DAYS for key, at in known}
        scores.append(float(ladder.value(sums, published[in_force - 1].weights if in_force else STATIC)))
    return np.array(scores)


def digest(columns: Sequence[Floats]) -> str:
    """SHA-256-sized BLAKE2 digest of columns of predictions: two runs of one file have the same one."""
    state = blake2b(digest_size=32)
    for column in columns:
        state.update(column.tobytes())
    return state.hexdigest()
