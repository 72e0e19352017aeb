"""What a point is worth in money: as the policy says, or at the best price of a reward in cash."""

import msgspec

from loyalty.awards import divide
from loyalty.policy.model import Policy
from loyalty.policy.programme import PPM


class PointValue(msgspec.Struct, frozen=True):
    """The fair value of a point of the smallest unit: minor units of the currency, in parts per million.

    `source` is `policy`, or the id of the reward that it was derived from.
    """

    currency: str
    ppm: int
    source: str

    def minor(self, points: int) -> int:
        """What points are worth in minor units, rounded to the nearest, from the middle to the even one.

        Example:
            >>> PointValue("USD", 500_000, "policy").minor(3)  # half a cent a point
            2
        """
        return divide(points * self.ppm, PPM, "half_even") if points >= 0 else -self.minor(-points)


def point_value(policy: Policy) -> PointValue | None:
    """The value that the policy gives a point, or else that of the reward in cash that gives most for a point.

    The list price counts, not that of a tier. None where the policy does not say and no reward is cash.
    """
    programme = policy.programme
    if programme.point_value_ppm is not None:
        return PointValue(programme.currency, programme.point_value_ppm, "policy")
    found = [
        (divide(reward.value_minor * PPM, reward.price, "half_even"), reward.id)
        for reward in policy.rewards
        if reward.kind == "cash_back" and reward.value_minor
    ]
    ppm, reward_id = max(found, default=(0, ""))
    return PointValue(programme.currency, ppm, reward_id) if found else None
