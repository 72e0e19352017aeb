"""The ladder of tiers as look-up tables, and what is counted for it."""

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import msgspec

from features.event_time import DAY_MS, Period
from features.table import measure_index
from loyalty.policy.fields import BP
from loyalty.policy.rule_checks import ACTIVE_MONTHS, EARNED_POINTS, QUALIFYING_POINTS
from loyalty.policy.tiers import ScoreTerm, Tiers

if TYPE_CHECKING:
    from loyalty.weights import Weights


class TermPlan(msgspec.Struct, frozen=True, gc=False):
    """A counted measure: value on the ladder's scale is `weight * min(x, cap) * learned // (per * 10,000)`.

    `key` is the measure's index in `features.table`, or `EARNED_KEY`, `QUALIFYING_KEY`, `MONTHS_KEY`.
    """

    key: int
    measure: str
    weight: int
    per: int
    cap: int | None
    learned: bool

    def points(self, amount: int, weights: "Weights") -> int:
        """What `amount` of the measure contributes."""
        capped = amount if self.cap is None or amount < self.cap else self.cap
        if not self.learned or not weights.score_bp:  # without learned factors each is one
            return self.weight * capped // self.per
        return self.weight * capped * weights.score(self.measure) // (self.per * BP)


EARNED_KEY = -1
QUALIFYING_KEY = -2
MONTHS_KEY = -3

MONTH_KEYS = -1_000
"""The purchases of a local month are summed under this less the month's number; `MONTHS_KEY` has how many there are."""

_BASIS_MEASURE = {
    "spend": "spend_minor",
    "visits": "purchase_count",
    "earned_points": EARNED_POINTS,
    "qualifying_points": QUALIFYING_POINTS,
    "months": ACTIVE_MONTHS,
}
_LEDGER_KEYS = {EARNED_POINTS: EARNED_KEY, QUALIFYING_POINTS: QUALIFYING_KEY, ACTIVE_MONTHS: MONTHS_KEY}
_PERIODS: dict[str, Period] = {"calendar_year": "year", "anniversary": "year", "rolling_months": "month"}


class Ladder:
    """The tiers in order, and what is counted for them. `period` is None for a lifetime window."""

    def __init__(self, tiers: Tiers) -> None:
        self.ids = tuple(tier.id for tier in tiers.ladder)
        self.index = {tier.id: index for index, tier in enumerate(tiers.ladder)}
        self.thresholds = tuple(tier.threshold for tier in tiers.ladder)
        self.holds_lower = tiers.hold_bp < BP
        self.hold_thresholds = tuple(-(-threshold * tiers.hold_bp // BP) for threshold in self.thresholds)
        self.multipliers_bp = {tier.id: tier.multiplier_bp for tier in tiers.ladder}
        self.benefits = {tier.id: tier.benefits for tier in tiers.ladder}
        self.window = tiers.window
        self.period = _PERIODS.get(tiers.window)
        self.window_months = tiers.window_months if tiers.window == "rolling_months" else 1
        self.valid_periods = tiers.valid_periods
        self.downgrade = tiers.downgrade
        self.grace_ms = tiers.grace_days * DAY_MS
        self.warn_ms = tiers.warn_days * DAY_MS
        terms = tiers.score or (ScoreTerm(measure=_BASIS_MEASURE[tiers.basis], weight=1, per=1, learned=False),)
        self.terms = tuple(_term(term) for term in terms)
        self.counted = frozenset(term.key for term in self.terms)
        self._caps = tuple(term.cap for term in self.terms if term.cap is not None)
        self.top = sum(term.weight * cap // term.per for term, cap in zip(self.terms, self._caps, strict=False))

    def rank(self, value: int) -> int:
        """Index of the tier that `value` reaches."""
        return bisect_right(self.thresholds, value) - 1

    def value(self, sums: dict[int, int], weights: "Weights") -> int:
        """The qualification value of a window's sums by measure."""
        total = 0
        for term in self.terms:
            amount = sums.get(term.key)
            if amount:
                total += term.points(amount, weights)
        return self._on_scale(total, weights) if weights.score_bp and total > self.thresholds[-1] else total

    def parts(self, sums: dict[int, int], weights: "Weights") -> list[int]:
        """What each term adds to the value, in order: they sum up to it, whatever the scale does to the whole."""
        raw = [term.points(sums.get(term.key, 0), weights) for term in self.terms]
        total, value = sum(raw), self.value(sums, weights)
        if total == value:
            return raw
        shares = [value * reached // total for reached in accumulate(raw)]
        return [share - before for before, share in zip((0, *shares), shares, strict=False)]

    def _on_scale(self, total: int, weights: "Weights") -> int:
        """A sum above the highest threshold, brought back to the scale of the static score.

        Factors keep the mean of the score over members, so thresholds keep their meaning; but they move its end, where
        all terms are at their caps. From the highest threshold on, where nothing is decided, the scale is stretched so
        that the end is that of the static score again: monotone, and no tier is another one for it.
        """
        if len(self._caps) < len(self.terms):
            return total  # a term without a cap: no end to be kept
        end = sum(term.points(cap, weights) for term, cap in zip(self.terms, self._caps, strict=True))
        knee = self.thresholds[-1]
        if end == self.top or self.top <= knee:
            return total
        return knee + (total - knee) * (self.top - knee) // (end - knee)


def _term(term: ScoreTerm) -> TermPlan:
    key = _LEDGER_KEYS[term.measure] if term.measure in _LEDGER_KEYS else measure_index(term.measure)
    return TermPlan(key, term.measure, term.weight, term.per or term.cap or 1, term.cap, term.learned)
