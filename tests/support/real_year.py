"""What the real data do not have, made from them: households that return goods and spend their points.

The same every time: it follows from each household's own orders, by their number.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush

import msgspec

from features.actions import Purchase, decode_action

REDEEM_EVERY = 9
CALL_OFF_EVERY = 4
RETURN_EVERY = 17


def with_returns_and_rewards(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in order of time, with redemptions, redemptions called off and returns between them."""
    waiting: list[tuple[datetime, int, bytes]] = []
    orders: Counter[str] = Counter()
    redeemed: Counter[str] = Counter()
    for number, line in enumerate(lines):
        action = decode_action(line)
        while waiting and waiting[0][0] <= action.time:
            yield heappop(waiting)[2]
        yield line
        if not isinstance(action, Purchase):
            continue
        member = action.subject
        orders[member] += 1
        order = orders[member]
        if order % REDEEM_EVERY == 0:
            redeemed[member] += 1
            reward = "delivery" if redeemed[member] % 3 == 0 else "voucher-5"
            at = action.time + timedelta(hours=2)
            name = f"redeem-{action.id}"
            heappush(waiting, (at, number, _event("redeem", name, member, at, {"reward_id": reward})))
            if redeemed[member] % CALL_OFF_EVERY == 1:
                later = at + timedelta(days=1)
                data: dict[str, object] = {"redeem_id": name}
                heappush(waiting, (later, number, _event("redeem_cancel", f"x-{name}", member, later, data)))
        if order % RETURN_EVERY == 0:
            later = action.time + timedelta(days=3 * (order % 13))
            heappush(waiting, (later, number, _return(action, order, later)))
    while waiting:
        yield heappop(waiting)[2]


def _return(action: Purchase, order: int, at: datetime) -> bytes:
    """All of the order, half of its amount, or its first line."""
    bought = action.data
    data: dict[str, object] = {"order_id": bought.order_id, "currency": bought.currency, "amount": bought.amount}
    if order % 3 == 1:
        data["amount"] = bought.amount // 2
    elif order % 3 == 2 and bought.items and bought.items[0].amount <= bought.amount:
        first = bought.items[0]
        data["amount"] = first.amount
        data["items"] = [{"item_id": first.item_id, "amount": first.amount}]
    return _event("refund", f"return-{action.id}", action.subject, at, data)


def _event(kind: str, event_id: str, member: str, at: datetime, data: dict[str, object]) -> bytes:
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "grocer/desk",
            "type": f"loyalty.action.{kind}",
            "time": at.isoformat(),
            "subject": member,
            "data": data,
        }
    )
