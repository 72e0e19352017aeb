"""What members do in a campaign: many who browse and buy, drawn from a seed, with all that producers get wrong.

Nothing here depends on time: the n-th action of a seed is the same whenever and however often it is made.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

import msgspec

START = datetime(2024, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPAN_DAYS = 120
"""So long is a campaign's history: four months, whatever the number of actions."""

_CATEGORIES = ("grocery", "produce", "dairy", "meat", "household", "books")
_ACTIONS_PER_MEMBER = 60
_FEWEST_MEMBERS = 200
_KEPT = 3
"""So many of a member's orders and redemptions can still be given back."""
_REWARDS = ("voucher", "delivery", "mug", "ticket")
# Chances of a thousand.
_KINDS = {
    "browse": 680,
    "search": 60,
    "login": 50,
    "click": 40,
    "add_to_cart": 30,
    "purchase": 80,
    "refund": 20,
    "redeem": 15,
    "redeem_cancel": 3,
    "referral": 4,
    "link_identity": 0.3,
    "review": 12,
    "misconduct": 2,
    "malformed": 1,
    "too_large": 0.02,
    "foreign": 10,
}
DRAW = "ticket"
DRAW_SEED = "ab" * 32
"""The secret of the draw in `policy.toml`."""
_DUPLICATES = 0.02
_LATE = ((0.90, 0), (0.97, HOUR_MS), (0.997, 60 * HOUR_MS), (1.0, 300 * HOUR_MS))
_TOO_LARGE = b'{"specversion":"1.0","x":"' + b"x" * 1_100_000 + b'"}'


class Event(msgspec.Struct, frozen=True, gc=False):
    """An action as a producer sends it."""

    id: str
    source: str
    type: str
    time: str
    subject: str
    data: dict[str, object]
    specversion: str = "1.0"


@dataclass(frozen=True, slots=True)
class Line:
    """A record for the actions topic; `again` where the same action was sent before."""

    key: bytes | None
    value: bytes
    stamp_ms: int
    again: bool


def members_of(actions: int) -> int:
    """How many members a history of so many actions has.

    Example:
        >>> members_of(1_000), members_of(600_000)
        (200, 10000)
    """
    return max(_FEWEST_MEMBERS, actions // _ACTIONS_PER_MEMBER)


def history(seed: int, actions: int, days: int = SPAN_DAYS) -> Iterator[Line]:
    """`actions` different actions within `days`, in order of arrival, and now and then one of them again.

    Example:
        >>> lines = list(history(1, 500))
        >>> sum(not line.again for line in lines), lines == list(history(1, 500)), len(lines) > 500
        (500, True, True)
    """
    draw = random.Random(f"history {seed}")
    people = _People(draw, members_of(actions))
    again: list[tuple[int, int, Line]] = []
    for number in range(actions):
        stamp_ms = START_MS + days * DAY_MS * number // actions
        while again and again[0][0] <= number:
            line = heappop(again)[2]
            yield Line(line.key, line.value, stamp_ms, again=True)
        key, value = people.act(number, stamp_ms)
        line = Line(key, value, stamp_ms, again=False)
        yield line
        if draw.random() < _DUPLICATES:
            # At once, as a retry; or hours of the history later, as a log that is sent again.
            after = draw.choice((1, 2, 50, actions // 500, actions // 50))
            heappush(again, (number + after, number, line))


class _People:
    """Members, some of whom do a hundred times as much as others, and what they have bought."""

    def __init__(self, draw: random.Random, members: int) -> None:
        self._draw = draw
        self._members = members
        self._orders: dict[int, list[tuple[str, int]]] = {}
        self._redeemed: dict[int, list[str]] = {}
        self._kinds = list(_KINDS)
        self._weights = [sum(list(_KINDS.values())[: place + 1]) for place in range(len(_KINDS))]

    def act(self, number: int, now_ms: int) -> tuple[bytes | None, bytes]:
        """Key and value of one more action."""
        draw = self._draw
        member = int(self._members * draw.random() ** 2)
        name = f"m-{member}"
        (kind,) = draw.choices(self._kinds, cum_weights=self._weights)
        if kind == "malformed":
            return name.encode(), b'{"specversion": "1.0", "id": %d' % number
        if kind == "too_large":
            return name.encode(), _TOO_LARGE
        if kind == "foreign":  # a field that nobody knows, a kind that nobody knows
            kind = draw.choice(("browse", "yodel"))
        kind, data = self._data(kind, member, number)
        luck = draw.random()
        most_ms = next(most for share, most in _LATE if luck < share)
        at = START + timedelta(milliseconds=now_ms - START_MS - int(most_ms * draw.random()))
        event = Event(
            id=f"a-{number}",
            source="shop/web",
            type=f"loyalty.action.{kind}",
            time=at.isoformat(timespec="milliseconds"),
            subject=name,
            data=data,
        )
        return name.encode(), msgspec.json.encode(event)

    def _data(self, kind: str, member: int, number: int) -> tuple[str, dict[str, object]]:
        """The kind and what the action carries; a refund without an order becomes a look at something."""
        draw = self._draw
        orders = self._orders.setdefault(member, [])
        if kind == "refund" and orders:
            order_id, amount = draw.choice(orders)
            return kind, {"order_id": order_id, "amount": draw.choice((amount, amount // 2)), "currency": "USD"}
        if kind == "purchase":
            amount = int(draw.paretovariate(1.5) * 800)
            orders.append((f"o-{number}", amount))
            del orders[:-_KEPT]
            line = {"item_id": f"p-{number % 997}", "amount": amount, "category": draw.choice(_CATEGORIES)}
            return kind, {"order_id": f"o-{number}", "amount": amount, "currency": "USD", "items": [line]}
        if kind in {"redeem", "redeem_cancel"}:
            return self._redemption(kind, member, number)
        plain: dict[str, dict[str, object]] = {
            "referral": {"referred": self._other(member)},
            "link_identity": {"other": self._other(member)},
            "review": {"item_id": f"p-{number % 997}", "rating": draw.randint(1, 5), "text": "as it should be"},
            "misconduct": {"kind": draw.choice(("fraud", "spam")), "severity": draw.randint(1, 5)},
            "search": {"query": draw.choice(_CATEGORIES)},
            "click": {"item_id": f"p-{number % 997}"},
            "add_to_cart": {"item_id": f"p-{number % 997}"},
            "login": {},
            "yodel": {},
        }
        if kind in plain:
            return kind, plain[kind]
        return "browse", {"duration_ms": draw.randrange(120_000), "category": draw.choice(_CATEGORIES)}

    def _redemption(self, kind: str, member: int, number: int) -> tuple[str, dict[str, object]]:
        """Something of what all share, or for oneself; or one of the last redemptions called off."""
        redeemed = self._redeemed.setdefault(member, [])
        if kind == "redeem_cancel" and redeemed:
            return kind, {"redeem_id": self._draw.choice(redeemed)}
        redeemed.append(f"a-{number}")
        del redeemed[:-_KEPT]
        return "redeem", {"reward_id": self._draw.choice(_REWARDS)}

    def _other(self, member: int) -> str:
        return f"m-{(member + self._draw.randrange(1, self._members)) % self._members}"
