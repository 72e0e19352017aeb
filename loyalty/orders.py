"""Orders that can still be returned: what was paid, line by line, and what it earned. Rows `o` + order id.

An order is kept for the refund horizon. So that orders can be forgotten without a list of all of them, their ids are
noted by the 4-day chunk of log time in which they came: rows `o` + 0xFF + chunk (no order id starts with that byte,
since it is never the first of UTF-8 text), and the chunks in the row `o`.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Self

import msgspec

from features.errors import CorruptStateError
from features.event_time import DAY_MS

HEAD_ROW: Final = b"o"
_CHUNK_MARK: Final = b"\xff"
CHUNK_MS: Final = 4 * DAY_MS  # a busy household's 9 orders, so a chunk's row stays small

# A row is kept in memory for so many of the member's batches; fewer than that are ever on their way to the store.
_BATCHES_IN_FLIGHT: Final = 4


class Grant(msgspec.Struct, array_like=True, gc=False):
    """One award of an order, as it was: what a refund takes back is computed from these numbers alone.

    `lines` are the indices of the lines that were eligible, empty for the whole order. `lot` is the pending lot, empty
    where the points became active at once.
    """

    entry: bytes
    rule: str
    eligible: int
    granted: int
    lines: tuple[int, ...] = ()
    expires_ms: int = 0
    due_ms: int = 0
    lot: bytes = b""
    taken: int = 0
    qualifying: bool = False


class Order(msgspec.Struct, array_like=True, gc=False):
    """A purchase. Amounts are in minor units of its own `currency`, those named `spend` in the programme's.

    `item_ids` and `amounts` are its lines; `line_refunds` is empty until a line is given back by name. `closed`: all of
    it was given back.

    A redemption is kept as an order too, with its price as `amount`, its reward as the one line, and the `debits` that
    paid for it: the expiry of each lot and its points.
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


class _Head(msgspec.Struct, array_like=True):
    """Chunks that hold orders, oldest first, and for how long a chunk is kept after its end."""

    chunks: list[int] = []
    keep_ms: int = 0


_ENCODER = msgspec.msgpack.Encoder()
_HEAD_DECODER = msgspec.msgpack.Decoder(_Head)
_ORDER_DECODER = msgspec.msgpack.Decoder(Order)
_IDS_DECODER = msgspec.msgpack.Decoder(list[str])


def _order_row(order_id: str) -> bytes:
    return HEAD_ROW + order_id.encode()


def redemption_id(source: str, event_id: str) -> str:
    """What a redemption is kept under: apart from all orders, whose ids have no control characters."""
    return f"\0{len(source)}:{source}{event_id}"


def _chunk_row(chunk: int) -> bytes:
    return HEAD_ROW + _CHUNK_MARK + chunk.to_bytes(4, "big")


class Orders:
    """The orders of one member: a state part with row suffixes that begin with `o`.

    A row that was handed out by `changed` stays in memory until it has surely landed in the store, so that a read never
    finds the one before it.

    Example:
        >>> orders = Orders.load({}.get)
        >>> orders.add("o-1", Order(0, "USD", 2599, 2599, [], [], []), log_time_ms=0, keep_ms=DAY_MS)
        >>> orders.get("o-1").amount, orders.get("o-2"), orders.next_due_ms() // DAY_MS
        (2599, None, 5)
    """

    __slots__ = ("_cache", "_fresh", "_handed", "_head", "_head_changed", "_read")

    def __init__(self, head: _Head, read: Callable[[bytes], bytes | None]) -> None:
        self._head = head
        self._head_changed = False
        self._read = read
        self._cache: dict[bytes, Order | list[str] | None] = {}
        self._fresh: dict[bytes, None] = {}
        self._handed: deque[list[bytes]] = deque()

    @classmethod
    def load(cls, read: Callable[[bytes], bytes | None]) -> Self:
        """The orders as stored. `read` is kept: each order is read when it is asked for.

        Raises:
            CorruptStateError: the row cannot be what this class wrote.
        """
        payload = read(HEAD_ROW)
        try:
            return cls(_Head() if payload is None else _HEAD_DECODER.decode(payload), read)
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
                yield row, None if value is None else _ENCODER.encode(value)
            if len(self._handed) > _BATCHES_IN_FLIGHT:
                self._drop(self._handed.popleft())
        if self._head_changed:
            self._head_changed = False
            yield HEAD_ROW, _ENCODER.encode(self._head) if self._head.chunks else None

    def _drop(self, rows: list[bytes]) -> None:
        """Let go of rows, unless they have changed again since."""
        still = {row for handed in self._handed for row in handed}
        for row in rows:
            if row not in still and row not in self._fresh:
                del self._cache[row]

    def get(self, order_id: str) -> Order | None:
        """An order that is not forgotten yet."""
        order = self._load(_order_row(order_id), _ORDER_DECODER)
        return order if isinstance(order, Order) and not order.debits else None

    def redemption(self, redemption_id: str) -> Order | None:
        """A redemption that is not forgotten yet, by `redemption_id`."""
        order = self._load(_order_row(redemption_id), _ORDER_DECODER)
        return order if isinstance(order, Order) and order.debits else None

    def add(self, order_id: str, order: Order, log_time_ms: int, keep_ms: int) -> None:
        """Keep an order until `keep_ms` after the end of the chunk of log time that it came in."""
        self.touch(order_id, order)
        chunk = log_time_ms // CHUNK_MS
        self._put(_chunk_row(chunk), [*self._ids_of(chunk), order_id])
        head = self._head
        if keep_ms > head.keep_ms:
            head.keep_ms = keep_ms
            self._head_changed = True
        if not head.chunks or head.chunks[-1] != chunk:
            head.chunks.append(chunk)
            self._head_changed = True

    def touch(self, order_id: str, order: Order) -> None:
        """Note that an order has changed."""
        self._put(_order_row(order_id), order)

    def next_due_ms(self) -> int | None:
        """When the oldest chunk is to be forgotten."""
        head = self._head
        return (head.chunks[0] + 1) * CHUNK_MS + head.keep_ms if head.chunks else None

    def forget(self, until_ms: int) -> None:
        """Forget all chunks that are due at or before `until_ms`."""
        while (due_ms := self.next_due_ms()) is not None and due_ms <= until_ms:
            chunk = self._head.chunks.pop(0)
            for order_id in self._ids_of(chunk):
                self._put(_order_row(order_id), None)
            self._put(_chunk_row(chunk), None)
            self._head_changed = True

    def _put(self, row: bytes, value: Order | list[str] | None) -> None:
        self._cache[row] = value
        self._fresh[row] = None

    def _load(
        self, row: bytes, decoder: msgspec.msgpack.Decoder[Order] | msgspec.msgpack.Decoder[list[str]]
    ) -> Order | list[str] | None:
        if row in self._cache:
            return self._cache[row]
        payload = self._read(row)
        try:
            return None if payload is None else decoder.decode(payload)
        except msgspec.DecodeError as error:
            raise CorruptStateError(f"order row cannot be read ({error}); rebuild the store") from error

    def _ids_of(self, chunk: int) -> list[str]:
        ids = self._load(_chunk_row(chunk), _IDS_DECODER)
        return ids if isinstance(ids, list) else []
