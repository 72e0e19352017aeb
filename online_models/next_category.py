"""Which category a member buys most of next: the member's own interests, what is popular, and a learner over both.

Candidates are the member's interests and the most popular categories. A candidate is described by a few inputs; one
linear learner of log-odds scores them all, taught by the category that came and one that did not, in turn. Its scores
become chances by a softmax. The chances of the three (own interests smoothed by popularity, popularity, the learner)
are mixed by recent log-loss; own interests are the static rule and answer alone while they do better.
"""

from itertools import islice
from math import exp, log
from typing import NamedTuple

import numpy as np
from river import stats

from online_models.examples import Outcome
from online_models.figures import CategoryFigures
from online_models.moments import Floats
from online_models.odds import LogisticLeastSquares
from online_models.sheets import SheetBook
from online_models.stack import blend, shares_of

_POPULAR = 8
_KEPT = 64
_MOST_COUNTED = 256

# Popularity fades by 3% a day of log time: half in about three weeks.
_DAILY = 0.97

# Own interests are smoothed by this share of popularity, so that what was never bought has a chance.
_SMOOTHED = 0.1

# A sixth of the examples teaches five coefficients as well as all of them, at a sixth of the time: log-loss over that
# of own interests is 0.975 to 0.977, where all of them give 0.976 to 0.977 (60,000 examples of the Complete Journey).
_EVERY = 6

_FADING = 0.003
_SQUARINGS = 5
_HYSTERESIS = 0.01

# What was no candidate, or had no chance, costs as much as a chance of one in a thousand.
_LEAST_CHANCE = 0.001

# own share, its logarithm, popularity, its logarithm, whether it is the member's first
_INPUTS = 5
_SUREST = 30.0

# Shares below a percent say little more than that there is none.
_LEAST_SHARE = 0.01
_BP = 10_000


_CategoryInputs = tuple[float, float, float, float, float]


def _inputs(share: float, popular: float) -> _CategoryInputs:
    """Of any candidate but the first."""
    return share, log(share + _LEAST_SHARE), popular, log(popular + _LEAST_SHARE), 0.0


class CategorySheet(NamedTuple):
    """The model as written down: popularity, most popular first, coefficients, the mix.

    `common` are the most popular names, with the inputs that they have for members who never bought of them.
    """

    popularity: dict[str, float]
    common: dict[str, _CategoryInputs]
    coefficients: Floats
    mix: tuple[float, ...]
    alone: bool

    def candidates(self, interests: tuple[tuple[str, int], ...]) -> tuple[list[str], Floats]:
        """Names, and a row of inputs for each; the member's interests first."""
        popularity = self.popularity
        own = dict(interests)
        names = list(own)
        inputs = [each for name, share in interests for each in _inputs(share / _BP, popularity.get(name, 0.0))]
        for name, its_inputs in self.common.items():
            if name not in own:
                names.append(name)
                inputs += its_inputs
        inputs[_INPUTS - 1] = 1.0
        return names, np.array(inputs).reshape(-1, _INPUTS)

    def chances(self, rows: Floats) -> tuple[list[float], list[float], list[float]]:
        """Chances of the candidates by own interests, by popularity, and by the learner."""
        shares, popular = rows[:, 0].tolist(), rows[:, 2].tolist()
        own = [(1.0 - _SMOOTHED) * share + _SMOOTHED * liked for share, liked in zip(shares, popular, strict=True)]
        scores = rows.dot(self.coefficients).tolist()
        best = max(scores)
        raised = [exp(max(-_SUREST, score - best)) for score in scores]
        return _shares(own), _shares(popular), _shares(raised)

    def mixed(self, chances: tuple[list[float], list[float], list[float]]) -> list[float]:
        """The chances that the model gives."""
        if self.alone:
            return chances[0]
        by_own, by_popular, by_learner = self.mix
        return [
            by_own * own + by_popular * popular + by_learner * learned
            for own, popular, learned in zip(*chances, strict=True)
        ]


def _shares(weights: list[float]) -> list[float]:
    total = sum(weights)
    return [weight / total for weight in weights] if total > 0.0 else [1.0 / len(weights)] * len(weights)


class NextCategory:
    """The category of the next purchase: test, then learn."""

    def __init__(self, horizon_days: int) -> None:
        self._counts: dict[str, float] = {}
        self._learner = LogisticLeastSquares()
        self._losses = tuple(stats.EWMean(_FADING) for _ in range(3))
        self._mixed_loss = stats.EWMean(_FADING)
        self._falls_back = True
        self._sheets: SheetBook[CategorySheet] = SheetBook(horizon_days)
        self._seen = 0
        self._examples = 0
        self._hits = [0, 0, 0]
        self._total_loss = self._own_loss = 0.0

    def sheet_now(self) -> CategorySheet:
        """The model as it is."""
        state = self._learner.state
        mix = shares_of([float(loss.get()) for loss in self._losses], _SQUARINGS)
        coefficients = state.copy() if len(state) else np.zeros(_INPUTS)
        popularity = self._popularity()
        common = {name: _inputs(0.0, share) for name, share in islice(popularity.items(), _POPULAR)}
        return CategorySheet(popularity, common, coefficients, mix, self._falls_back)

    def _popularity(self) -> dict[str, float]:
        """Shares of the most frequent categories, most frequent first, equal ones by name."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:_KEPT]
        total = sum(count for _, count in ordered)
        return {name: count / total for name, count in ordered}

    def learn(self, outcome: Outcome, log_time_ms: int) -> str | None:
        """Learn what was bought next, of every sixth example; return what the model named at its own time."""
        if not outcome.label_category:
            return None
        self._seen += 1
        if self._seen % _EVERY:
            return None
        if self._sheets.is_due(log_time_ms):
            self._fade()
            self._sheets.write(log_time_ms, self.sheet_now())
        sheet = self._sheets.at(outcome.predicted_at_ms)
        named = None
        if sheet is not None and (outcome.interests or sheet.popularity):
            names, rows = sheet.candidates(outcome.interests)
            came = names.index(outcome.label_category) if outcome.label_category in names else -1
            named = names[self._judge(sheet, rows, came)]
            if came >= 0 and len(names) > 1:
                self._learner.update(rows[came], 1.0)
                other = self._examples % (len(names) - 1)
                self._learner.update(rows[other + (other >= came)], 0.0)
        self._counts[outcome.label_category] = self._counts.get(outcome.label_category, 0.0) + 1.0
        if len(self._counts) > _MOST_COUNTED:
            self._fade()
        return named

    def _fade(self) -> None:
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))[:_KEPT]
        self._counts = {name: count * _DAILY for name, count in ordered}

    def _judge(self, sheet: CategorySheet, rows: Floats, came: int) -> int:
        """Note losses and hits; returns the place of the candidate that the model names."""
        chances = sheet.chances(rows)
        mixed = sheet.mixed(chances)
        came_by = [given[came] if came >= 0 else 0.0 for given in chances]
        losses = [_loss(chance) for chance in came_by]
        for recent, loss in zip(self._losses, losses, strict=True):
            recent.update(loss)
        self._mixed_loss.update(_loss(blend(sheet.mix, came_by)))
        own, stack = float(self._losses[0].get()), float(self._mixed_loss.get())
        self._falls_back = own < stack * (1.0 + (_HYSTERESIS if self._falls_back else -_HYSTERESIS))
        self._examples += 1
        self._total_loss += _loss(mixed[came] if came >= 0 else 0.0)
        self._own_loss += losses[0]
        for place, given in enumerate((mixed, chances[0], chances[1])):
            self._hits[place] += given.index(max(given)) == came
        return mixed.index(max(mixed))

    def figures(self) -> CategoryFigures:
        """Where it stands."""
        count = max(1, self._examples)
        return CategoryFigures(
            examples=self._examples,
            loss_micro=round(self._total_loss * 1_000_000 / count),
            own_loss_micro=round(self._own_loss * 1_000_000 / count),
            hits_bp=self._hits[0] * _BP // count,
            own_hits_bp=self._hits[1] * _BP // count,
            popular_hits_bp=self._hits[2] * _BP // count,
            falls_back=self._falls_back,
        )


def _loss(chance: float) -> float:
    return -log(max(_LEAST_CHANCE, chance))
