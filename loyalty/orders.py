"""Orders that can still be returned: what was paid, line by line, and what it earned. Rows `o` + order id.

An order is kept for the refund horizon. So that orders can be forgotten without a list of all of them, their ids are
noted by the day of log time in which they came: rows `o` + 0xFF + day (no order id starts with that byte, since it is
never the first of UTF-8 text), and the days in the row `o`.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Final, Self

import msgspec

from features.errors import CorruptStateError
from features.event_time import DAY_MS
from loyalty.order_days import Days, decode_days, decode_ids, encode_days, encode_ids
from loyalty.order_rows import Grant, Order, action_of, claim_name, redemption_id

__all__ = ["Grant", "Order", "Orders", "action_of", "claim_name", "redemption_id"]

HEAD_ROW: Final = b"o"
_DAY_MARK: Final = b"\xff"
_INTERNAL: Final = "\0"

# A row is kept in memory for so many of the member's batches; fewer than that are ever on their way to the store.
_BATCHES_IN_FLIGHT: Final = 4


_ENCODER = msgspec.msgpack.Encoder()
_ORDER_DECODER = msgspec.msgpack.Decoder(Order)


def _order_row(order_id: str) -> bytes:
    return HEAD_ROW + order_id.encode()


def _day_row(day: int) -> bytes:
    return HEAD_ROW + _DAY_MARK + day.to_bytes(4, "big")


def _encode(value: Order | list[str] | None) -> bytes | None:
    if value is None:
        return None
    return encode_ids(value) if isinstance(value, list) else _ENCODER.encode(value)


class Orders:
    """The orders of one member: a state part with row suffixes that begin with `o`.

    A row that was handed out by `changed` stays in memory until it has surely landed in the store, so that a read never
    finds the one before it.

    Example:
        >>> orders = Orders.load({}.get)
        >>> orders.add("o-1", Order(0, "USD", 2599, 2599, [], [], []), log_time_ms=0, keep_ms=DAY_MS)
        >>> orders.get("o-1").amount, orders.get("o-2"), orders.next_due_ms() // DAY_MS
        (2599, None, 2)
    """

    __slots__ = ("_cache", "_fresh", "_handed", "_head", "_head_changed", "_read")

    def __init__(self, head: Days, read: Callable[[bytes], bytes | None]) -> None:
        self._head = head
        self._head_changed = False
        self._read = read
        self._cache: dict[bytes, Order | list[str] | None] = {}
        self._fresh: dict[bytes, None] = {}
        self._handed: list[list[bytes]] = []

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """The orders as stored. `read` is kept: each order is read when it is asked for.

        Raises:
            CorruptStateError: the row cannot be what this class wrote.
        """
        payload = read(HEAD_ROW)
        try:
            return cls(Days() if payload is None else decode_days(payload), read)
        except msgspec.DecodeError as error:
            raise CorruptStateError(f"orders head row cannot be read ({error}); rebuild the store") from error

    def changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Rows changed since the last call: suffix and payload, None to delete."""
        if self._fresh:
            fresh = list(self._fresh)
            self._fresh.clear()
            self._handed.append(fresh)
            for row in fresh:
                value = self._cache[row]
                yield row, _encode(value)
            if len(self._handed) > _BATCHES_IN_FLIGHT:
                self._drop(self._handed.pop(0))
        if self._head_changed:
            self._head_changed = False
            yield HEAD_ROW, encode_days(self._head) if self._head.days else None

    def _drop(self, rows: list[bytes]) -> None:
        """Let go of rows, unless they have changed again since."""
        still = {row for handed in self._handed for row in handed}
        for row in rows:
            if row not in still and row not in self._fresh:
                del self._cache[row]

    def get(self, order_id: str) -> Order | None:
        """An order that is not forgotten yet."""
        order = None if order_id.startswith(_INTERNAL) else self.find(order_id)
        return None if order is None or order.debits else order

    def redemption(self, redemption_id: str) -> Order | None:
        """A redemption that is not forgotten yet, by `redemption_id`."""
        order = self.find(redemption_id)
        return order if order is not None and order.debits else None

    def add(self, order_id: str, order: Order, log_time_ms: int, keep_ms: int) -> None:
        """Keep an order until `keep_ms` after the end of the day of log time that it came in."""
        self.touch(order_id, order)
        day = log_time_ms // DAY_MS
        self._put(_day_row(day), [*self._ids_of(day), order_id])
        self._keep(day, keep_ms)

    def _keep(self, day: int, keep_ms: int) -> None:
        """Note that a day has orders; one that came with another member's orders may lie ahead of log time."""
        head = self._head
        if keep_ms > head.keep_ms:
            head.keep_ms = keep_ms
            self._head_changed = True
        if not head.days or (head.days[-1] != day and day not in head.days):
            insort(head.days, day)
            self._head_changed = True

    def kept(self) -> Iterator[tuple[str, Order]]:
        """All orders and redemptions that are not forgotten yet, with what each is kept under."""
        for _, _, ids in self.days():
            for kept_as in ids:
                order = self.find(kept_as)
                if order is not None:
                    yield kept_as, order

    def find(self, kept_as: str) -> Order | None:
        """An order by its id, or a redemption by its `redemption_id`, that is not forgotten yet."""
        order = self._load(_order_row(kept_as), _ORDER_DECODER.decode)
        return order if isinstance(order, Order) else None

    def absorb(self, other: "Orders", alias: str) -> None:
        """Keep what `other`, those of an alias, keeps for as long as that would; what both have stays as it is here."""
        for day, keep_ms, ids in other.days():
            mine = self._ids_of(day)
            for kept_as in ids:
                order = other.find(kept_as)
                if order is not None and self.find(kept_as) is None:
                    order.made_under(alias)
                    self.touch(kept_as, order)
                    mine = [*mine, kept_as]
            if mine:
                self._put(_day_row(day), mine)
                self._keep(day, keep_ms)

    def days(self) -> Iterator[tuple[int, int, list[str]]]:
        """Each day that has orders: its number, how long they are kept, and what they are kept under."""
        for day in self._head.days:
            yield day, self._head.keep_ms, self._ids_of(day)

    def rows(self) -> Iterator[tuple[bytes, bytes | None]]:
        """All rows as they would be written now, changed or not."""
        if self._head.days:
            yield HEAD_ROW, encode_days(self._head)
        for day, _, ids in self.days():
            yield _day_row(day), encode_ids(ids)
        for kept_as, order in self.kept():
            yield _order_row(kept_as), _encode(order)

    def touch(self, order_id: str, order: Order) -> None:
        """Note that an order has changed."""
        self._put(_order_row(order_id), order)

    def next_due_ms(self) -> int | None:
        """When the oldest day is to be forgotten."""
        head = self._head
        return (head.days[0] + 1) * DAY_MS + head.keep_ms if head.days else None

    def forget(self, until_ms: int) -> None:
        """Forget all days that are due at or before `until_ms`."""
        while (due_ms := self.next_due_ms()) is not None and due_ms <= until_ms:
            day = self._head.days.pop(0)
            for order_id in self._ids_of(day):
                self._put(_order_row(order_id), None)
            self._put(_day_row(day), None)
            self._head_changed = True

    def _put(self, row: bytes, value: Order | list[str] | None) -> None:
        self._cache[row] = value
        self._fresh[row] = None

    def _load(
        self, row: bytes, decode: Callable[[bytes], Order] | Callable[[bytes], list[str]]
    ) -> Order | list[str] | None:
        if row in self._cache:
            return self._cache[row]
        payload = self._read(row)
        try:
            return None if payload is None else decode(payload)
        except msgspec.DecodeError as error:
            raise CorruptStateError(f"order row cannot be read ({error}); rebuild the store") from error

    def _ids_of(self, day: int) -> list[str]:
        ids = self._load(_day_row(day), decode_ids)
        return ids if isinstance(ids, list) else []
