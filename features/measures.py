"""From one action to what it adds to the member's measures, and from a refund to what it takes back."""

from typing import Final, assert_never

from features import actions as on
from features.aggregates import Amounts
from features.table import (
    ACTIVITY,
    BROWSE_MS,
    BROWSES,
    CAMPAIGNS,
    CART_ADDS,
    CLICKS,
    COUPONS,
    FAVOURITES,
    FEEDBACKS,
    HELPFUL_VOTES,
    ITEMS,
    LOGINS,
    MISCONDUCTS,
    PURCHASES,
    RATINGS,
    REDEMPTIONS,
    REFERRALS,
    REFUNDED,
    REFUNDS,
    REVIEWS,
    SATISFACTION,
    SEARCHES,
    SEVERITIES,
    SHARES,
    SPEND,
)

# What actions add that carry no number of their own.
_PLAIN: Final[dict[type[on.Envelope], Amounts]] = {
    on.Enroll: ((ACTIVITY, 1),),
    on.Login: ((ACTIVITY, 1), (LOGINS, 1)),
    on.Search: ((ACTIVITY, 1), (SEARCHES, 1)),
    on.Click: ((ACTIVITY, 1), (CLICKS, 1)),
    on.Favourite: ((ACTIVITY, 1), (FAVOURITES, 1)),
    on.AddToCart: ((ACTIVITY, 1), (CART_ADDS, 1)),
    on.Share: ((ACTIVITY, 1), (SHARES, 1)),
    on.Referral: ((ACTIVITY, 1), (REFERRALS, 1)),
    on.CouponRedeem: ((ACTIVITY, 1), (COUPONS, 1)),
    on.CampaignReceived: ((CAMPAIGNS, 1),),
}


def measures_of(action: on.Action, amount_minor: int = 0) -> Amounts:
    """What the action adds to the measures at its event time.

    Args:
        action: any member action; those that say nothing about behaviour add nothing.
        amount_minor: a purchase's or refund's amount in minor units of the programme's currency.

    Returns:
        `(measure index, value)` pairs, in ascending order of index, values not negative.
    """
    amounts = _PLAIN.get(type(action))
    return _numbers_of(action, amount_minor) if amounts is None else amounts


def _numbers_of(action: on.Action, amount_minor: int) -> Amounts:
    match action:
        case on.Browse(data=data):
            amounts: Amounts = (ACTIVITY, 1), (BROWSES, 1), (BROWSE_MS, data.duration_ms)
        case on.Purchase(data=data):
            pieces = sum([item.quantity for item in data.items])
            amounts = (ACTIVITY, 1), (PURCHASES, 1), (SPEND, amount_minor), (ITEMS, pieces)
        case on.Refund():
            amounts = (REFUNDS, 1), (REFUNDED, amount_minor)
        case on.Review(data=data):
            amounts = (ACTIVITY, 1), (REVIEWS, 1), (RATINGS, data.rating), (HELPFUL_VOTES, data.helpful_votes)
        case on.Feedback(data=data):
            amounts = (ACTIVITY, 1), (FEEDBACKS, 1), (SATISFACTION, data.satisfaction)
        case on.Redeem(data=data):
            amounts = (ACTIVITY, 1), (REDEMPTIONS, data.quantity)
        case on.Misconduct(data=data):
            amounts = (MISCONDUCTS, 1), (SEVERITIES, data.severity)
        case on.Adjust() | on.LinkIdentity() | on.Consent() | on.Erase() | on.RedeemCancel() | on.Delivery():
            amounts = ()
        case (
            on.Enroll()
            | on.Login()
            | on.Search()
            | on.Click()
            | on.Favourite()
            | on.AddToCart()
            | on.Share()
            | on.Referral()
            | on.CouponRedeem()
            | on.CampaignReceived()
        ):
            amounts = _PLAIN[type(action)]
        case _:
            assert_never(action)
    return amounts


def refunded_measures(amount_minor: int, pieces: int = 0, *, in_full: bool) -> Amounts:
    """What a refund takes back from the buckets of its purchase (`ActivityWindows.undo` at the purchase's time).

    Args:
        amount_minor: what this refund gives back, in minor units of the programme's currency.
        pieces: the items given back by this refund.
        in_full: whether nothing of the order is left after it; then the purchase no longer counts as one.

    >>> refunded_measures(500, in_full=False)
    ((2, 500),)
    """
    amounts: Amounts = ((SPEND, amount_minor), (ITEMS, pieces)) if pieces else ((SPEND, amount_minor),)
    return ((PURCHASES, 1), *amounts) if in_full else amounts
