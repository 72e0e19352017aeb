"""Inputs that tell a habit: how often a member buys, and how long the silence has lasted compared with that.

Whether somebody buys soon is a matter of rate and recency, not of money. Rates are purchases per day, with half a
purchase and five days added so that a new member has one too. Inputs are bounded: a share `1 / (1 + days x rate)` is
the chance of no purchase in `days` when rates among members vary as an exponential distribution, and needs no `exp`.
"""

from collections.abc import Sequence
from math import expm1, log

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.contract import Inputs
from online_models.inputs import MINOR_PER_UNIT, root
from online_models.rows import Row

WEEK_DAYS = 7
MONTH_DAYS = 30
_QUARTER_DAYS = 90

# Prior of a rate: half a purchase in five days, as strong as that much data.
_PRIOR_PURCHASES = 0.5
_PRIOR_DAYS = 5.0

# What is longer ago says no more.
_LONGEST_DAYS = 400.0

# The static rule never claims more than this, either way (log-odds of 4 are 98%).
_SUREST = 4.0

_WEEK_COUNT = feature_index("purchase_count_7d")
_MONTH_COUNT = feature_index("purchase_count_30d")
_QUARTER_COUNT = feature_index("purchase_count_90d")
_COUNT_EVER = feature_index("purchase_count_all")
_MONTH_SPEND = feature_index("spend_minor_30d")
_QUARTER_SPEND = feature_index("spend_minor_90d")
_BASKET = feature_index("basket_minor_90d")
_RECENCY = feature_index("recency_purchase_ms")
_GAP = feature_index("purchase_gap_ms")
_TENURE = feature_index("tenure_days")
_CATEGORIES = feature_index("category_count")
_ENTROPY = feature_index("category_entropy_millibits")
_FAVOURITE = feature_index("top_category_share_bp")
_IRREGULAR = feature_index("gap_irregularity_bp")


def static_input(days: int) -> str:
    """The input that the static rule for a purchase within `days` answers with.

    Example:
        >>> static_input(7)
        'static_7d'
    """
    return f"static_{days}d"


def static_log_odds(rate: float, days: int) -> float:
    """Log-odds of a purchase within `days` by a member who buys at random at `rate` a day: a Poisson process.

    Example:
        >>> round(static_log_odds(1 / 7, 7), 2), static_log_odds(9.0, 30), static_log_odds(1e-9, 7)
        (0.54, 4.0, -4.0)
    """
    expected = rate * days
    return _SUREST if expected > _SUREST else max(-_SUREST, min(_SUREST, log(expm1(expected))))


def habit_inputs(features: Sequence[int]) -> Inputs:
    """The inputs of the habit learners, by name, from a vector in the order of `features.table.FEATURES`."""
    week, month, quarter = features[_WEEK_COUNT], features[_MONTH_COUNT], features[_QUARTER_COUNT]
    tenure = features[_TENURE]
    silence = features[_RECENCY] / DAY_MS
    quarter_rate = (quarter + _PRIOR_PURCHASES) / (min(_QUARTER_DAYS, tenure + 1) + _PRIOR_DAYS)
    month_rate = (month + _PRIOR_PURCHASES) / (min(MONTH_DAYS, tenure + 1) + _PRIOR_DAYS)
    rate = (features[_COUNT_EVER] + _PRIOR_PURCHASES) / (tenure + 1 + _PRIOR_DAYS)
    missed, missed_ever = silence * quarter_rate, silence * rate
    return {
        "static_7d": static_log_odds(quarter_rate, WEEK_DAYS),
        "static_30d": static_log_odds(quarter_rate, MONTH_DAYS),
        "none_in_7d_90d": 1.0 / (1.0 + WEEK_DAYS * quarter_rate),
        "none_in_30d_90d": 1.0 / (1.0 + MONTH_DAYS * quarter_rate),
        "none_in_7d_30d": 1.0 / (1.0 + WEEK_DAYS * month_rate),
        "none_in_30d_30d": 1.0 / (1.0 + MONTH_DAYS * month_rate),
        "none_in_7d_all": 1.0 / (1.0 + WEEK_DAYS * rate),
        "none_in_30d_all": 1.0 / (1.0 + MONTH_DAYS * rate),
        "silent_2d": 1.0 / (1.0 + silence / 2),
        "silent_7d": 1.0 / (1.0 + silence / WEEK_DAYS),
        "silent_30d": 1.0 / (1.0 + silence / MONTH_DAYS),
        "missed_90d": missed / (1.0 + missed),
        "missed_all": missed_ever / (1.0 + missed_ever),
        "few_7d": 1.0 / (1.0 + week),
        "few_30d": 1.0 / (1.0 + month),
        "few_90d": 1.0 / (1.0 + quarter),
        "young": MONTH_DAYS / (MONTH_DAYS + tenure),
        "silence": root(min(silence, _LONGEST_DAYS)),
        "gap": root(min(features[_GAP] / DAY_MS, _LONGEST_DAYS)),
        "purchases_30d": root(month),
        "purchases_90d": root(quarter),
        "tenure": root(min(tenure, _LONGEST_DAYS)),
        "basket": root(features[_BASKET] / MINOR_PER_UNIT),
        "spend_30d": root(features[_MONTH_SPEND] / MINOR_PER_UNIT),
        "spend_90d": root(features[_QUARTER_SPEND] / MINOR_PER_UNIT),
        "categories": root(features[_CATEGORIES]),
        "variety": features[_ENTROPY] / 1_000,
        "favourite": features[_FAVOURITE] / 10_000,
        "irregular": features[_IRREGULAR] / (10_000 + features[_IRREGULAR]),
        "one": 1.0,
    }


_NAMES = tuple(habit_inputs([0] * len(FEATURE_NAMES)))


def habit_row(features: Sequence[int]) -> Row:
    """The same as a row."""
    return Row.named(_NAMES, habit_inputs(features))
