"""From the feature vector to model inputs: square roots of counts, money and times.

A root tames the long tails of money and counts as a logarithm does, and is the scale on which a Poisson count has a
constant variance. Measured on the Complete Journey data (40,504 examples after the first 60% of 2017, labels 30 days
late), recursive least squares on roots has 0.871 of persistence's absolute error, on logarithms 0.962. A square root is
also exact in IEEE 754, where a logarithm may differ between machines in its last bit.
"""

from collections.abc import Sequence
from math import sqrt
from operator import itemgetter, mul

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.contract import Inputs
from online_models.rows import Row

# Inputs are roots of whole currency units, days or counts. Money is scaled by the usual 100 minor units, whatever the
# currency: a scale is a matter of numerical comfort here, not of meaning.
MINOR_PER_UNIT = 100.0

_MONTH_DAYS = 30
_QUARTER_DAYS = 90
_ROOT_MONTH_DAYS = sqrt(_MONTH_DAYS)
_ROOT_QUARTER_DAYS = sqrt(_QUARTER_DAYS)
_ROOT_MONTH = sqrt(_MONTH_DAYS / MINOR_PER_UNIT)

# name of the input, feature, divisor under the root
_ROOTS: tuple[tuple[str, int, float], ...] = tuple(
    (name, feature_index(name), divisor)
    for name, divisor in (
        ("spend_minor_7d", MINOR_PER_UNIT),
        ("spend_minor_30d", MINOR_PER_UNIT),
        ("spend_minor_90d", MINOR_PER_UNIT),
        ("spend_minor_all", MINOR_PER_UNIT),
        ("basket_minor_90d", MINOR_PER_UNIT),
        ("purchase_count_7d", 1.0),
        ("purchase_count_30d", 1.0),
        ("purchase_count_90d", 1.0),
        ("purchase_count_all", 1.0),
        ("coupon_redeem_count_90d", 1.0),
        ("campaign_received_count_90d", 1.0),
        ("activity_count_30d", 1.0),
        ("browse_ms_30d", 60_000.0),
        ("add_to_cart_count_30d", 1.0),
        ("review_count_90d", 1.0),
        ("recency_activity_ms", float(DAY_MS)),
        ("recency_purchase_ms", float(DAY_MS)),
        ("purchase_gap_ms", float(DAY_MS)),
        ("tenure_days", 1.0),
    )
)
_SPEND_EVER = feature_index("spend_minor_all")
_SPEND_QUARTER = feature_index("spend_minor_90d")
_SPEND_MONTH = feature_index("spend_minor_30d")
_TENURE = feature_index("tenure_days")

LAST_MONTH = "spend_minor_30d"
"""The input that persistence forecasts with."""


def root(value: float) -> float:
    """Square root, 0 for what is negative.

    Example:
        >>> root(9.0), root(-4.0)
        (3.0, 0.0)
    """
    return sqrt(value) if value > 0.0 else 0.0


def model_inputs(features: Sequence[int]) -> Inputs:
    """The inputs of every learner, by name, from a vector in the order of `features.table.FEATURES`."""
    # `root` written out, since it is called here more often than anywhere
    inputs = {name: sqrt(features[i] / divisor) if features[i] > 0 else 0.0 for name, i, divisor in _ROOTS}
    days = max(_MONTH_DAYS, features[_TENURE] + 1)
    inputs["spend_per_month"] = root(features[_SPEND_EVER] / MINOR_PER_UNIT * _MONTH_DAYS / days)
    quarter_days = min(_QUARTER_DAYS, days)
    inputs["spend_per_month_90d"] = root(features[_SPEND_QUARTER] / MINOR_PER_UNIT * _MONTH_DAYS / quarter_days)
    inputs["one"] = 1.0
    return inputs


_NAMES = tuple(model_inputs([0] * len(FEATURE_NAMES)))


def model_row(features: Sequence[int]) -> Row:
    """The same as a row."""
    return Row.named(_NAMES, model_inputs(features))


class FlatScore:
    """A linear model of `model_inputs`, straight from the vector: what a worker can afford to answer with an action.

    No decision uses it: what is learned reaches decisions as whole numbers in the weights record alone.

    Example:
        >>> score = FlatScore({"spend_minor_30d": 0.5, "one": 2.0})
        >>> vector = [0] * (feature_index("spend_minor_30d") + 1)
        >>> vector[feature_index("spend_minor_30d")] = 1_600
        >>> score(vector + [0] * 200)
        4.0
    """

    def __init__(self, flat: Inputs) -> None:
        self._one = flat.get("one", 0.0)
        # A root of a quotient is a quotient of roots: the divisors go into the coefficients, once.
        terms = {index: flat[name] / sqrt(divisor) for name, index, divisor in _ROOTS if flat.get(name)}
        # These two are of two inputs each: their roots are taken once, and stand last.
        self._ever, self._quarter = terms.pop(_SPEND_EVER, 0.0), terms.pop(_SPEND_QUARTER, 0.0)
        self._ever_monthly = flat.get("spend_per_month", 0.0) * _ROOT_MONTH
        self._quarter_monthly = flat.get("spend_per_month_90d", 0.0) * _ROOT_MONTH
        self._coefficients = list(terms.values())
        self._pick = itemgetter(*terms, _SPEND_EVER, _SPEND_QUARTER)

    def __call__(self, features: Sequence[int]) -> float:
        """The score of a member with this vector."""
        picked = self._pick(features)
        try:
            roots = [*map(sqrt, picked)]
        except ValueError:  # seldom: more was given back within a window than was spent in it
            roots = [*map(root, picked)]
        days = features[_TENURE] + 1
        root_days = sqrt(days) if days > _MONTH_DAYS else _ROOT_MONTH_DAYS
        root_quarter_days = root_days if days < _QUARTER_DAYS else _ROOT_QUARTER_DAYS
        spent = roots[-2] * (self._ever + self._ever_monthly / root_days)
        spent += roots[-1] * (self._quarter + self._quarter_monthly / root_quarter_days)
        return sum(map(mul, self._coefficients, roots), self._one + spent)  # ends with the coefficients


def persistence_minor(features: Sequence[int], horizon_days: int) -> int:
    """The naive forecast of spend over the horizon: the last 30 days' spend, in proportion, in minor units."""
    return max(0, features[_SPEND_MONTH]) * horizon_days // _MONTH_DAYS
