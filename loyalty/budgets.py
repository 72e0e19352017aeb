"""Budgets of campaigns: what a campaign may add for all members together, spent in slices.

A budget has an owner, `budget/<campaign>`. An award cannot wait for the owner's answer, so each partition holds a slice
of the budget and spends from it; when less than half a slice is left it asks for another one. What the slices do not
hold is not granted, so the budget is never exceeded; what lies unspent in them is at most one slice and a half for each
partition. Once no action can be late enough for the campaign any more, a partition gives back what is left of its slice
and forgets it.
"""

import msgspec

from loyalty.effects import BudgetGrant, BudgetRequest, ClaimReturn, Effect
from loyalty.policy.offers import Campaign, to_ms

BUDGET = "budget/"

# So many slices make a budget for each partition: few enough requests, and little waste at the end.
_SLICES = 8


class Slice(msgspec.Struct, array_like=True, gc=False):
    """What a partition holds of a campaign's budget.

    `asked`: a request is on its way. `dry`: the owner has no more to give under the policy that it knew. `end_ms`: when
    the campaign is over, as far as is known.
    """

    left: int = 0
    asked: bool = False
    dry: bool = False
    end_ms: int = 0


class Slices:
    """The slices that one of so many `partitions` holds, by campaign.

    Example:
        >>> from datetime import UTC, datetime
        >>> start, end = datetime(2017, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
        >>> campaign = Campaign(id="c7", start=start, end=end, bonus=5, budget_points=320)
        >>> slices = Slices({}, partitions=4)
        >>> slices.request(campaign, time_ms=0).body
        BudgetRequest(points=10)
        >>> slices.granted("c7", BudgetGrant(points=10))
        >>> slices.draw("c7", 7), slices.draw("c7", 7)
        (7, 3)
    """

    def __init__(self, rows: dict[str, Slice] | None = None, partitions: int = 1) -> None:
        self._rows = {} if rows is None else rows
        self._partitions = partitions

    def draw(self, campaign: str, wanted: int) -> int:
        """Take up to `wanted` points; returns how many there were."""
        held = self._rows.get(campaign)
        if held is None:
            return 0
        drawn = min(wanted, held.left)
        held.left -= drawn
        return drawn

    def left(self, campaign: str) -> int:
        """How many points there are to take."""
        held = self._rows.get(campaign)
        return 0 if held is None else held.left

    def put_back(self, campaign: str, points: int) -> None:
        """What was granted of the budget has been taken back."""
        self._rows.setdefault(campaign, Slice()).left += points

    def request(self, campaign: Campaign, time_ms: int) -> Effect | None:
        """Ask the owner for another slice where less than half of one is left; None where that is no use."""
        size = self._size(campaign)
        held = self._rows.setdefault(campaign.id, Slice())
        held.end_ms = to_ms(campaign.end)
        if held.asked or held.dry or held.left * 2 >= size:
            return None
        held.asked = True
        return Effect(BUDGET + campaign.id, time_ms, BudgetRequest(points=size))

    def granted(self, campaign: str, grant: BudgetGrant) -> None:
        """The owner has answered."""
        held = self._rows[campaign]
        held.left += grant.points
        held.asked, held.dry = False, grant.exhausted

    def retire(self, log_time_ms: int, lateness_ms: int) -> list[Effect]:
        """Give back what is left for campaigns that no action can be about any more, and forget their slices.

        One of which nothing but a refund is known, as after a move to other partitions, is given back at once.
        """
        over = [
            campaign
            for campaign, held in self._rows.items()
            if not held.asked and held.end_ms + lateness_ms <= log_time_ms
        ]
        left = [(campaign, self._rows.pop(campaign).left) for campaign in over]
        return [Effect(BUDGET + each, log_time_ms, ClaimReturn(quantity=points)) for each, points in left if points]

    def ask_anew(self) -> None:
        """A new policy may have raised a budget."""
        for held in self._rows.values():
            held.dry = False

    def _size(self, campaign: Campaign) -> int:
        if campaign.budget_slice_points is not None:
            return campaign.budget_slice_points
        return max(1, (campaign.budget_points or 0) // (_SLICES * self._partitions))
