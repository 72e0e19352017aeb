"""What the naive ledger keeps: grants, orders, redemptions."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(eq=False)
class Grant:
    """Points of one rule for one action; `taken` of them have gone back with refunds.

    While they wait for an action, `until`, they are due to lapse; `days` is how long they wait after it.
    """

    rule: str
    points: int
    lines: list[int]
    due: datetime | None
    expires: datetime
    taken: int = 0
    void: bool = False
    boost: tuple[str, int] = ("", 0)
    freed: int = 0
    budget: int = 0
    until: str | None = None
    days: int = 0


@dataclass
class Bought:
    """An order with what it earned; `line_refunds` are by line, `refunded` is all that went back."""

    at: datetime
    amount: int
    items: list[tuple[str, int]]
    grants: list[Grant] = field(default_factory=list)
    refunded: int = 0
    line_refunds: list[int] = field(default_factory=list)
    closed: bool = False

    def left(self, item_id: str) -> int:
        lines = zip(self.items, self.line_refunds, strict=True)
        return sum(amount - back for (item, amount), back in lines if item == item_id)


@dataclass
class Redemption:
    """A redemption: its reward, when and how many, and what each pool paid; `answer` is that of a stock's owner."""

    at: datetime
    reward: str
    paid: list[tuple[datetime, int]]
    quantity: int = 1
    off: bool = False
    answer: str = ""
