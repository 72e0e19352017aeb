"""What an action is worth beyond the member who does it and the week it is done in, with a check that may say: nothing.

Counts of actions predict spend because good customers do more of everything. Three comparisons take that apart:

* **Member effects**: a member is compared with the same member earlier. Counts in the last 30 days and spend in the
  next 30 both have the member's own 30-day rate over the two months before taken off.
* **Time effects**: centring by week, see `online_models.moments`.
* **Placebo**: the same comparison in the mirror of time: can actions of the *next* 30 days tell the spend of the *last*
  30? An action cannot cause what came before it, so where they can, something else drives both (mailings go to members
  who already spend, a busy month follows a busy month), and the effect found forwards proves nothing either.

Standard errors are by leaving out groups of members, and hold for examples that overlap.
"""

from collections.abc import Sequence

import msgspec

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.examples import Outcome
from online_models.moments import GROUPS, BlockMoments

_WEEK_MS = 7 * DAY_MS

# A member must have a rate of two months to be compared with.
_BASELINE_DAYS = 90

_SPEND_30D = feature_index("spend_minor_30d")
_SPEND_90D = feature_index("spend_minor_90d")
_TENURE = feature_index("tenure_days")

# Few members make most of the sums: counts and amounts are cut at this multiple of their running mean.
_CUT = 8


class Effect(msgspec.Struct, frozen=True):
    """What one more action adds to a member's spend of the next 30 days, in minor units.

    `error_minor` is the standard error; `placebo_minor` is what one more *future* action seems to have added to past
    spend, and should be nothing.
    """

    action: str
    effect_minor: int
    error_minor: int
    placebo_minor: int
    placebo_error_minor: int


def learnable_actions(names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names`, in order and each once, whose counts are features over 30 and 90 days.

    Example:
        >>> learnable_actions(["purchase", "enroll", "review", "purchase"])
        ('purchase', 'review')
    """
    known = set(FEATURE_NAMES)
    return tuple(name for name in dict.fromkeys(names) if f"{name}_count_30d" in known and f"{name}_count_90d" in known)


class EffectEstimator:
    """Effects of `actions`, from outcomes as they come."""

    def __init__(self, actions: Sequence[str]) -> None:
        self.actions = tuple(actions)
        self._months = [feature_index(f"{action}_count_30d") for action in self.actions]
        self._quarters = [feature_index(f"{action}_count_90d") for action in self.actions]
        # now and ahead for each action, then spend after and spend before, each less the member's own rate
        self._moments = BlockMoments(2 * len(self.actions) + 2)
        self._totals = [0] * (len(self.actions) + 1)
        self._seen = 0

    @property
    def examples(self) -> int:
        """Examples that had a baseline to compare with and came in time for their week."""
        return self._moments.examples

    def observe(self, outcome: Outcome) -> None:
        """Add one outcome."""
        before, after = outcome.features, outcome.features_after
        if before[_TENURE] < _BASELINE_DAYS:
            return
        self._seen += 1
        now: list[float] = []
        ahead: list[float] = []
        for place, (month, quarter) in enumerate(zip(self._months, self._quarters, strict=True)):
            cut = self._cut(place, before[month])
            base = min(cut, (before[quarter] - before[month]) / 2)
            now.append(min(cut, before[month]) - base)
            ahead.append(min(cut, after[month]) - base)
        spend = before[_SPEND_30D]
        cut = self._cut(-1, spend)
        base = min(cut, (before[_SPEND_90D] - spend) / 2)
        differences = [*now, *ahead, min(cut, outcome.label_spend_minor) - base, min(cut, spend) - base]
        week = outcome.predicted_at_ms // _WEEK_MS
        self._moments.add(week, int(outcome.member, 16) % GROUPS, differences)

    def _cut(self, place: int, value: int) -> int:
        """`_CUT` times the running mean, at least `_CUT`."""
        self._totals[place] += value
        return max(_CUT, _CUT * self._totals[place] // self._seen)

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned."""
        self._moments.forget(share)

    def effects(self) -> tuple[Effect, ...]:
        """All effects, each with all other actions held constant."""
        count = len(self.actions)
        now, ahead = list(range(count)), list(range(count, 2 * count))
        effects, errors = self._moments.regress(now, 2 * count)
        placebos, placebo_errors = self._moments.regress(ahead, 2 * count + 1)
        return tuple(
            Effect(
                action=action,
                effect_minor=round(effects[i]),
                error_minor=round(errors[i]),
                placebo_minor=round(placebos[i]),
                placebo_error_minor=round(placebo_errors[i]),
            )
            for i, action in enumerate(self.actions)
        )
