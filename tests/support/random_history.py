"""Random action histories: every kind of action, duplicates, late ones, refunds of real orders, and malformed bytes."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

START = datetime(2017, 3, 1, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1_000
MEMBERS = ("m-1", "m-2", "m-3")
DAY_MS = 86_400_000


def event(kind: str, event_id: str, member: str, time_ms: int, data: dict[str, object] | None = None) -> bytes:
    """An action as a producer sends it."""
    at = START + timedelta(milliseconds=time_ms - START_MS)
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": "shop/test",
        "type": f"loyalty.action.{kind}",
        "time": at.isoformat(),
        "subject": member,
        "data": data or {},
    }
    return json.dumps(body).encode()


def purchase(event_id: str, member: str, time_ms: int, amount: int, order_id: str = "") -> bytes:
    """A purchase of one line."""
    data: dict[str, object] = {
        "order_id": order_id or event_id,
        "amount": amount,
        "currency": "USD",
        "items": [{"item_id": "p-1", "category": "GROCERY", "amount": amount}],
    }
    return event("purchase", event_id, member, time_ms, data)


_OTHERS: dict[str, dict[str, object]] = {
    "login": {},
    "search": {"query": "milk"},
    "browse": {"duration_ms": 45_000},
    "click": {"item_id": "p-1"},
    "add_to_cart": {"item_id": "p-1"},
    "review": {"item_id": "p-1", "rating": 4, "text": "good"},
    "share": {"channel": "x"},
    "coupon_redeem": {"coupon_id": "c-1"},
    "campaign_received": {"campaign_id": "k-1"},
    "feedback": {"satisfaction": 4},
    "misconduct": {"kind": "spam", "severity": 2},
}


@st.composite
def histories(draw: st.DrawFn, most: int = 40) -> list[tuple[int, bytes]]:
    """A list of (append time, value) in order of append time, over some months."""
    now_ms = START_MS
    log: list[tuple[int, bytes]] = []
    orders: list[tuple[str, str, int]] = []
    for number in range(draw(st.integers(1, most))):
        now_ms += draw(st.sampled_from([0, 1_000, 3_600_000, DAY_MS, 5 * DAY_MS, 20 * DAY_MS]))
        member = draw(st.sampled_from(MEMBERS))
        time_ms = now_ms - draw(st.sampled_from([0, 0, 0, 60_000, 3 * DAY_MS, 29 * DAY_MS, 31 * DAY_MS, -3_600_000]))
        kind = draw(st.sampled_from(["purchase", "purchase", "purchase", "refund", "repeat", "malformed", *_OTHERS]))
        if kind == "purchase":
            amount = draw(st.integers(0, 50_000))
            orders.append((member, f"a-{number}", amount))
            value = purchase(f"a-{number}", member, time_ms, amount)
        elif kind == "refund" and orders:
            owner, order_id, amount = draw(st.sampled_from(orders))
            data: dict[str, object] = {"order_id": order_id, "amount": draw(st.integers(0, amount)), "currency": "USD"}
            value = event("refund", f"a-{number}", owner, time_ms, data)
        elif kind == "repeat" and log:
            value = draw(st.sampled_from(log))[1]
        elif kind in _OTHERS:
            value = event(kind, f"a-{number}", member, time_ms, _OTHERS[kind])
        else:
            value = b'{"specversion": "1.0"'
        log.append((now_ms, value))
    return log
