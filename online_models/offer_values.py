"""What an offer is worth: members to whom it was made beside members of the hold-out to whom it could have been.

Chance deals both, so they differ by nothing else. Those it was made to count by one over the chance that they had of it
(inverse propensity, Horvitz and Thompson 1952, J. Am. Stat. Assoc. 47, 663-685), so a choice that learns whom it is
good for is still measured on all who could have had it. The spend before the choice explains most of the spend after
it, and is taken out by regression (Deng et al. 2013, "Improving the sensitivity of online controlled experiments by
utilizing pre-experiment data", WSDM). Weeks are centred, errors are those of leaving out groups of members
(`online_models.moments`).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from features.event_time import DAY_MS
from online_models.chances import Belief
from online_models.moments import GROUPS, BlockMoments

_WEEK_MS = 7 * DAY_MS

# Columns: whether the offer was made, spend before, and what came of it.
_MADE, _BEFORE, _SPEND, _POINTS, _VALUE = range(5)

LEAST = 200
"""Outcomes with and without an offer, each, before anything is said about it."""

# The same in one segment alone.
_LEAST_IN_SEGMENT = 100


class Result(NamedTuple):
    """What came of a moment: spend before and after it, points earned after it, and what all that is worth."""

    member: str
    time_ms: int
    before_minor: float
    spend_minor: float
    points: float
    value_minor: float


class Estimate(NamedTuple):
    """An effect, and its standard error."""

    effect: float
    error: float

    def reaches(self, errors: float) -> tuple[float, float]:
        """The ends of so many errors to either side."""
        return self.effect - errors * self.error, self.effect + errors * self.error


class Contrast:
    """One offer against the hold-out, in one segment or in all.

    Example:
        >>> contrast = Contrast()
        >>> for n in range(960):
        ...     result = Result(f"{n:x}", (n // 240) * _WEEK_MS, 0.0, 100.0 + 40.0 * (n % 2), 1.0, 7.0 + n % 2)
        ...     contrast.add(result, 10_000 if n % 2 else None)
        >>> round(contrast.spend().effect), round(contrast.value().effect, 2), (contrast.made, contrast.held_out)
        (40, 1.0, (480, 480))
    """

    def __init__(self) -> None:
        self._moments = BlockMoments(5)
        self.made = 0
        self.held_out = 0

    def add(self, result: Result, propensity_bp: int | None) -> None:
        """Add what came of an offer that had this chance; None for a member of the hold-out."""
        is_made = propensity_bp is not None
        self.made += is_made
        self.held_out += not is_made
        row = [float(is_made), result.before_minor, result.spend_minor, result.points, result.value_minor]
        group = int(result.member, 16) % GROUPS
        weight = 1.0 if propensity_bp is None else 10_000 / propensity_bp
        self._moments.add(result.time_ms // _WEEK_MS, group, row, weight)

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned."""
        self._moments.forget(share)

    def is_known(self, least: int = LEAST) -> bool:
        """Whether there are outcomes enough on both sides."""
        return min(self.made, self.held_out) >= least

    def spend(self) -> Estimate:
        """What it adds to the spend of the horizon, in minor units."""
        return self._effect(_SPEND)

    def points(self) -> Estimate:
        """What it adds to the points earned in the horizon."""
        return self._effect(_POINTS)

    def value(self) -> Estimate:
        """What it adds to the value of a member in the horizon, in minor units."""
        return self._effect(_VALUE)

    def _effect(self, target: int) -> Estimate:
        effects, errors = self._moments.regress([_MADE, _BEFORE], target)
        return Estimate(float(effects[0]), float(errors[0]))


def beliefs_of(overall: Contrast, segments: Sequence[tuple[str, Contrast]]) -> dict[str, Belief]:
    """What the offer is worth in each segment that has been seen, and under the empty name in one that has not.

    A segment's own estimate is drawn towards that of all, the more the less is known of it, and the less segments
    really differ (random effects, DerSimonian and Laird 1986, Controlled Clinical Trials 7, 177-188). Nothing before
    there are outcomes enough in all.
    """
    if not overall.is_known():
        return {}
    mean, error = overall.value()
    if error <= 0.0:
        return {}  # all of them lie in weeks that are not over yet
    own = {name: contrast.value() for name, contrast in segments if contrast.is_known(_LEAST_IN_SEGMENT)}
    own = {name: estimate for name, estimate in own.items() if estimate.error > 0.0}
    around = error * error + _between(own.values())
    beliefs = {"": Belief(mean, around**0.5)}
    for name, _ in segments:
        beliefs[name] = beliefs[""] if name not in own else _drawn_to(own[name], mean, around)
    return beliefs


def _drawn_to(own: Estimate, mean: float, around: float) -> Belief:
    mine, theirs = 1.0 / own.error**2, 1.0 / max(around, 1e-9)
    return Belief((own.effect * mine + mean * theirs) / (mine + theirs), (1.0 / (mine + theirs)) ** 0.5)


def _between(estimates: Iterable[Estimate]) -> float:
    """The variance of true effects between segments, beyond what errors explain.

    Example:
        >>> round(_between([Estimate(0.0, 1.0), Estimate(10.0, 1.0)]), 1), _between([Estimate(1.0, 5.0)] * 3)
        (49.0, 0.0)
    """
    weighted = [(1.0 / each.error**2, each.effect) for each in estimates]
    if len(weighted) <= 1:
        return 0.0
    total = sum(weight for weight, _ in weighted)
    mean = sum(weight * effect for weight, effect in weighted) / total
    spread = sum(weight * (effect - mean) ** 2 for weight, effect in weighted)
    scale = total - sum(weight * weight for weight, _ in weighted) / total
    return max(0.0, (spread - (len(weighted) - 1)) / scale)
