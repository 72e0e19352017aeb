"""A purchase as the rules see it: amounts in the programme's currency, lines with their categories."""

from typing import NamedTuple

from features.actions import PurchaseData
from loyalty.awards import divide
from loyalty.orders import Line
from loyalty.policy.earning import AmountPart
from loyalty.policy.programme import PPM


class Basket(NamedTuple):
    """Amounts in minor units of the programme's currency, but `lines`, which are in the order's.

    `eligible_minor` is the amount less the parts that the policy leaves out. `categories` go with `lines`; the amount of
    a line in the programme's currency is its share at `rate_ppm`.
    """

    amount_minor: int
    eligible_minor: int
    rate_ppm: int
    lines: list[Line]
    categories: list[str | None]

    def matching(self, categories: frozenset[str], items: frozenset[str]) -> tuple[tuple[int, ...], int]:
        """Indices of the lines of these categories or items, and what they come to, at most the eligible amount."""
        found = tuple(
            index
            for index, (line, category) in enumerate(zip(self.lines, self.categories, strict=True))
            if category in categories or line.item_id in items
        )
        total = convert(sum(self.lines[index].amount for index in found), self.rate_ppm)
        return found, min(total, self.eligible_minor)


def convert(amount: int, rate_ppm: int) -> int:
    """Minor units at `rate_ppm`, to the nearest, from the middle to the even one.

    Example:
        >>> convert(2599, 1_080_000)
        2807
    """
    return amount if rate_ppm == PPM else divide(amount * rate_ppm, PPM, "half_even")


def basket_of(data: PurchaseData, rate_ppm: int, exclude: tuple[AmountPart, ...]) -> Basket:
    """The basket of a purchase. Lines of one item and category become one."""
    eligible = data.amount
    for part in exclude:
        match part:
            case "tax":
                eligible -= data.tax
            case "shipping":
                eligible -= data.shipping
            case "discount":
                eligible -= data.discount
    merged: dict[tuple[str, str | None], int] = {}
    for item in data.items:
        key = (item.item_id, item.category)
        merged[key] = merged.get(key, 0) + item.amount
    return Basket(
        amount_minor=convert(data.amount, rate_ppm),
        eligible_minor=convert(max(eligible, 0), rate_ppm),
        rate_ppm=rate_ppm,
        lines=[Line(item_id, amount) for (item_id, _), amount in merged.items()],
        categories=[category for _, category in merged],
    )
