"""What a new version of a policy may not change: what the points that members hold already mean."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loyalty.policy.model import Policy


def edit_problems(before: "Policy", after: "Policy") -> Iterator[str]:
    """Why `after` cannot follow `before`, each problem with its path in the file.

    Tiers, rules and rewards may come and go: a tier that is no more ends with an event, a rule's points stay.
    """
    was, new = before.programme, after.programme
    if new.currency != was.currency:
        yield f"programme.currency: is {was.currency}; orders, scores and prices that are counted already are in it"
    if new.point_scale != was.point_scale:
        yield f"programme.point_scale: is {was.point_scale}; balances that are there already are counted in it"
