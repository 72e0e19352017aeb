"""Which actions the trainer is told of: purchases, opinions, busy members; each where the policy learns from it.

Pure. A partition sends what it saw with its outputs, so a record that is folded again sends the same again.
"""

from features.actions import Action, Adjust, Feedback, Purchase, Review
from features.table import ACTIVITY, DAY_WINDOW
from loyalty.policy import Policy
from online_models.examples import pseudonym
from online_models.sightings import (
    CONDUCT_TABLE,
    MAX_BASKET_ITEMS,
    MAX_OPINION_CHARACTERS,
    Basket,
    BasketLine,
    Conduct,
    Opinion,
    Seen,
    conduct_sums,
)
from streams.state import Member


def observations(member: Member, action: Action, policy: Policy) -> list[Seen]:
    """What the trainer is to know of an action that has just been applied."""
    seen: list[Seen] = []
    match action:
        case Purchase() if policy.recommendations.enabled and action.data.items:
            seen.append(_basket(member, action))
        case Review(data=review) if policy.opinions.enabled:
            text = review.text[:MAX_OPINION_CHARACTERS]
            seen.append(
                Opinion(
                    member=pseudonym(member.id),
                    time_ms=action.time_ms,
                    kind="review",
                    stars=review.rating,
                    text=text,
                    helpful_votes=review.helpful_votes,
                    about=review.item_id,
                )
            )
        case Feedback(data=answer) if policy.opinions.enabled:
            text = answer.text[:MAX_OPINION_CHARACTERS]
            seen.append(
                Opinion(
                    member=pseudonym(member.id),
                    time_ms=action.time_ms,
                    kind="feedback",
                    stars=answer.satisfaction,
                    text=text,
                    about=answer.about,
                )
            )
        case _:
            pass
    if policy.misconduct.enabled:
        pardoned = isinstance(action, Adjust) and action.data.verdict == "release"
        if pardoned or _doubled(member.windows.total(ACTIVITY, DAY_WINDOW)):
            seen.append(_conduct(member, action.time_ms, pardoned=pardoned))
    return seen


def _doubled(count: int) -> bool:
    """Whether a day's count is a power of two: the quiet are seen now and then, the busy no more than once a doubling.

    Example:
        >>> [count for count in range(40) if _doubled(count)]
        [1, 2, 4, 8, 16, 32]
    """
    return count > 0 and count & (count - 1) == 0


def _basket(member: Member, action: Purchase) -> Basket:
    lines = {item.item_id: BasketLine(item.item_id, item.category) for item in action.data.items[:MAX_BASKET_ITEMS]}
    return Basket(
        member=pseudonym(member.id),
        time_ms=action.time_ms,
        tier=member.account.core.tier.tier,
        lines=tuple(lines.values()),
    )


def _conduct(member: Member, time_ms: int, *, pardoned: bool) -> Conduct:
    core = member.account.core
    return Conduct(
        member=pseudonym(member.id),
        time_ms=time_ms,
        table=CONDUCT_TABLE,
        sums=conduct_sums(member.windows.total),
        joined_ms=core.joined_ms,
        pending_points=sum(lot.points for lot in core.pending),
        pardoned=pardoned,
    )
