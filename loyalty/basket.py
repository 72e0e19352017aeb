"""A purchase as the rules see it: amounts in the programme's currency, lines with their categories."""

import msgspec

from features.actions import LineItem, PurchaseData
from loyalty.awards import divide
from loyalty.policy.earning import AmountPart
from loyalty.policy.programme import PPM


class Basket(msgspec.Struct, frozen=True, gc=False):
    """Amounts in minor units of the programme's currency, but for `items`, whose amounts are in the order's.

    `eligible_minor` is the amount less the parts that the policy leaves out.
    """

    amount_minor: int
    eligible_minor: int
    rate_ppm: int
    items: tuple[LineItem, ...]

    def matching(self, categories: frozenset[str], items: frozenset[str]) -> tuple[tuple[int, ...], int]:
        """Indices of the lines of these categories or items, and what they come to, at most the eligible amount."""
        lines = self.items
        if items:
            found = [at for at, line in enumerate(lines) if line.category in categories or line.item_id in items]
        else:
            found = [at for at, line in enumerate(lines) if line.category in categories]
        if not found:
            return (), 0
        total = sum([lines[at].amount for at in found])
        return tuple(found), min(convert(total, self.rate_ppm), self.eligible_minor)


def convert(amount: int, rate_ppm: int) -> int:
    """Minor units at `rate_ppm`, to the nearest, from the middle to the even one.

    Example:
        >>> convert(2599, 1_080_000)
        2807
    """
    return amount if rate_ppm == PPM else divide(amount * rate_ppm, PPM, "half_even")


def basket_of(data: PurchaseData, rate_ppm: int, exclude: tuple[AmountPart, ...]) -> Basket:
    """The basket of a purchase.

    Example:
        >>> data = PurchaseData(order_id="o-1", amount=2_000, currency="EUR", tax=300, shipping=500)
        >>> basket_of(data, 1_100_000, ("tax", "shipping"))
        Basket(amount_minor=2200, eligible_minor=1320, rate_ppm=1100000, items=())
    """
    eligible = data.amount
    for part in exclude:
        match part:
            case "tax":
                eligible -= data.tax
            case "shipping":
                eligible -= data.shipping
            case "discount":
                eligible -= data.discount
    return Basket(convert(data.amount, rate_ppm), convert(max(eligible, 0), rate_ppm), rate_ppm, data.items)
