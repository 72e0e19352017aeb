"""Learned factors of the score's terms: what each term says about a member's next spend, on the scale of the score.

The static score is a weighted sum. If it told the next spend as well as it could, one more score point would be worth
the same spend whichever term it came from. Where a term's points are worth more (or less), its factor rises (or falls),
shrunk by its uncertainty. Factors are never negative, stay in the band, move by one step an epoch, and keep the sum of
the score over all members: thresholds keep their meaning, and more activity never lowers a score.

Fairness: among members who shop as often, what sets scores apart is money. So factors go towards their wishes only as
far as the score's spread among members with equal visits stays within that of the static programme. On the Complete
Journey data, without this the gaps between income groups at equal visits grow by a fifth (`make eval`), and the rank
correlation with the next spend by 0.004.
"""

from collections.abc import Mapping, Sequence

import msgspec

from features.vector import FEATURE_NAMES, feature_index
from loyalty.policy import Learning, ScoreTerm, Tiers
from loyalty.policy.fields import BP
from online_models.budget import Limits, is_settled, limits_of, project
from online_models.examples import Outcome
from online_models.moments import GROUPS, BlockMoments
from online_models.weights import shrunk

_WEEK_MS = 7 * 86_400_000
_QUARTER_DAYS = 90
_MONTH_DAYS = 30
_YEAR_DAYS = 365

# As for the effects: few members make most of the sums.
_CUT = 8

_VISITS = feature_index("purchase_count_90d")

# Wishes that widen the spread are tried again nearer to the static rule, in so many steps. What differs by a
# hundredth of a percent is the same spread: sums of floats.
_FAIR_STEPS = 16
_SAME = 1.0001

# Score points are kept in thousandths, so that a term whose points are rare still has figures to publish.
_MILLI = 1_000


class TermEvidence(msgspec.Struct, frozen=True):
    """Why a term's factor is what it is.

    `worth_micro` is the spend (minor units) that goes with one more score point of this term, in millionths,
    `error_micro` its standard error, `common_micro` the worth of a point of the whole score. `spread_kept`: the wish
    was cut, because it would have set members with equal visits further apart.
    """

    measure: str
    worth_micro: int
    error_micro: int
    common_micro: int
    share_bp: int
    wish_bp: int
    weight_bp: int
    spread_kept: bool = False


def window_days(tiers: Tiers) -> int:
    """Length of the qualification window; a lifetime counts as a year, as features of that length are not kept."""
    return tiers.window_months * _MONTH_DAYS if tiers.window == "rolling_months" else _YEAR_DAYS


def learnable_terms(tiers: Tiers) -> tuple[ScoreTerm, ...]:
    """The terms that may be learned: those the policy allows and whose measure is a feature over 90 days."""
    known = set(FEATURE_NAMES)
    return tuple(term for term in tiers.score if term.learned and f"{term.measure}_90d" in known)


def contribution(term: ScoreTerm, value: int) -> float:
    """What `value` of the term's measure gives, with factor one, in score points."""
    capped = value if term.cap is None else min(value, term.cap)
    per = term.per or term.cap or 1
    return term.weight * capped / per


class TermEstimator:
    """Worth of each learnable term of a policy's score."""

    def __init__(self, tiers: Tiers) -> None:
        self.terms = learnable_terms(tiers)
        self.basis = (self.terms, window_days(tiers))
        self._placed = [(term, feature_index(f"{term.measure}_90d")) for term in self.terms]
        # one column per term, then their sum, the spend, and the visits
        self._moments = BlockMoments(len(self.terms) + 3)
        self._given = [0.0] * len(self.terms)
        self._spend_minor = 0
        self._seen = 0

    def observe(self, outcome: Outcome) -> None:
        """Add one outcome."""
        if not self.terms:
            return
        self._seen += 1
        self._spend_minor += outcome.label_spend_minor
        features, days, given = outcome.features, self.basis[1], self._given
        row = []
        total = 0.0
        for at, (term, place) in enumerate(self._placed):
            value = contribution(term, features[place] * days // _QUARTER_DAYS)
            row.append(value)
            given[at] += value
            total += value
        visits = float(outcome.features[_VISITS])
        spend = min(outcome.label_spend_minor, max(_CUT, _CUT * self._spend_minor // self._seen))
        self._moments.add(
            outcome.predicted_at_ms // _WEEK_MS, int(outcome.member, 16) % GROUPS, [*row, total, spend, visits]
        )

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned."""
        self._moments.forget(share)

    def propose(self, current_bp: Mapping[str, int], learning: Learning) -> tuple[TermEvidence, ...]:
        """The next factor of every learnable term, with the evidence for it."""
        count = len(self.terms)
        if not count or not self._seen:
            return ()
        worth, errors = self._moments.regress(list(range(count)), count + 1)
        common = float(self._moments.regress([count], count + 1)[0][0])
        current = [current_bp.get(term.measure, BP) for term in self.terms]
        wishes = [
            _wish_bp(float(worth[i]), float(errors[i]), common, learning) if self._given[i] > 0.0 else current[i]
            for i in range(count)
        ]
        shares = [round(given * _MILLI / self._seen) for given in self._given]
        low_bp, high_bp = learning.band_low_bp, learning.band_high_bp
        limits = [limits_of(weight, low_bp, high_bp, learning.step_bp) for weight in current]
        weights, kept = self._fair(wishes, shares, limits)
        if is_settled(current, weights):
            weights = tuple(current)
        return tuple(
            TermEvidence(
                measure=term.measure,
                worth_micro=round(worth[i] * _MILLI * _MILLI),
                error_micro=round(errors[i] * _MILLI * _MILLI),
                common_micro=round(common * _MILLI * _MILLI),
                share_bp=shares[i] * BP // max(1, sum(shares)),
                wish_bp=wishes[i],
                weight_bp=weights[i],
                spread_kept=kept,
            )
            for i, term in enumerate(self.terms)
        )

    def _fair(
        self, wishes: Sequence[int], shares: Sequence[int], limits: Sequence[Limits]
    ) -> tuple[tuple[int, ...], bool]:
        """The factors nearest to the wishes that set members with equal visits no further apart than static ones."""
        visits = len(self.terms) + 2
        allowed = self._moments.spread([1.0] * len(self.terms), visits) * _SAME
        for step in range(_FAIR_STEPS, 0, -1):
            nearer = [BP + (wish - BP) * step // _FAIR_STEPS for wish in wishes]
            weights = project(nearer, shares, limits)
            if self._moments.spread([weight / BP for weight in weights], visits) <= allowed:
                return weights, step < _FAIR_STEPS
        return project([BP] * len(wishes), shares, limits), True


def _wish_bp(worth: float, error: float, common: float, learning: Learning) -> int:
    """The factor that makes a point of this term worth what a point of the whole score is."""
    if common <= 0.0:
        return BP
    wish = BP * (1.0 + shrunk(worth - common, error) / common)
    return round(max(learning.band_low_bp, min(learning.band_high_bp, wish)))


def as_pairs(evidence: Sequence[TermEvidence]) -> tuple[tuple[str, int], ...]:
    """The factors as a weights record lists them: those that are not one."""
    return tuple((item.measure, item.weight_bp) for item in evidence if item.weight_bp != BP)
