"""Policy section on trials: small random variations in members' favour, clean evidence on what a point buys."""

from typing import Annotated

import msgspec

from loyalty.policy.fields import Name, Section, ShareBp


class Trial(Section, frozen=True):
    """Members in the trial get `bonus_bp` on the awards of one of `actions`, or, in the hold-out, nothing extra.

    Off without actions. `id` names the trial: who gets what is drawn by hash of it and the member id, once and for all,
    so another id draws anew. `share_bp`: share of members that take part, dealt evenly to the actions and the hold-out
    (2,000: a fifth). `bonus_bp`: factor on the learned weight, which counts as one where it is lower (12,000). What the
    trial gives away is taken off the budget of learned weights, as far as any have moved.
    """

    id: Name = "trial"
    actions: tuple[Name, ...] = ()
    share_bp: ShareBp = 2_000
    bonus_bp: Annotated[int, msgspec.Meta(ge=10_001, le=20_000)] = 12_000
