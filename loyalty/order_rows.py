"""What is kept of an order or a redemption, and what a redemption is called. Plain values, no behaviour."""

from typing import Literal

import msgspec


class Grant(msgspec.Struct, array_like=True, gc=False):
    """One award of an order, as it was: what a refund takes back is computed from these numbers alone.

    `lines` are the indices of the lines that were eligible, empty for the whole order. `lot` is the pending lot, empty
    where the points became active at once. `boosts` are the campaigns with a cap: what each added, and how much of that
    refunds have freed again.
    """

    entry: bytes
    rule: str
    eligible: int
    granted: int
    lines: tuple[int, ...] = ()
    expires_ms: int = 0
    lot: bytes = b""
    taken: int = 0
    qualifying: bool = False
    boosts: list[tuple[str, int, int]] = []


class Order(msgspec.Struct, array_like=True, gc=False):
    """A purchase. Amounts are in minor units of its own `currency`, those named `spend` in the programme's.

    `item_ids` and `amounts` are its lines; `line_refunds` is empty until a line is given back by name. `closed`: all of
    it was given back. `pieces` is what the member's features still count of it.

    A redemption is kept as an order too, with its price as `amount`, its reward as the one line, and the `debits` that
    paid for it: the expiry of each lot and its points. One from stock says how far its `claim` is. `holder` is
    the alias that it, or an order with a referrer, was made under, should that have been linked since; else empty.
    A review whose text is claimed is kept as one too: its item and rating as the one line, its votes as `pieces`.
    `spent` is what grants, by their place, have taken of the budgets of campaigns. `referrer` has been rewarded for it.
    """

    time_ms: int
    currency: str
    amount: int
    spend_minor: int
    item_ids: list[str]
    amounts: list[int]
    grants: list[Grant]
    refunded: int = 0
    spend_refunded_minor: int = 0
    line_refunds: list[int] = []
    closed: bool = False
    debits: list[tuple[int, int]] = []
    claim: Literal["", "pending", "accepted", "refused"] = ""
    pieces: int = 0
    holder: str = ""
    spent: list[tuple[int, str, int]] = []
    referrer: str = ""

    def made_under(self, alias: str) -> None:
        """Note the id that was linked since, where somebody else knows the order by it."""
        if (self.debits or self.referrer) and not self.holder:
            self.holder = alias


def claim_name(source: str, event_id: str) -> str:
    """What the claim of an action is called: two different actions never have one name.

    Example:
        >>> claim_name("shop/web", "r-1"), action_of(claim_name("shop/web", "r-1"))
        ('8:shop/webr-1', ('shop/web', 'r-1'))
    """
    return f"{len(source)}:{source}{event_id}"


def action_of(claim: str) -> tuple[str, str]:
    """Inverse of `claim_name`."""
    length, _, rest = claim.partition(":")
    return rest[: int(length)], rest[int(length) :]


def redemption_id(claim: str) -> str:
    """What a redemption is kept under: apart from all orders, whose ids have no control characters."""
    return f"\0{claim}"
