"""Which orders came on which day of log time: what is needed to forget orders without a list of all of them."""

from typing import Final

import msgspec


class Days(msgspec.Struct):
    """Days that hold orders, oldest first, and for how long a day's are kept after its end."""

    days: list[int] = []
    keep_ms: int = 0


class _DaysRow(msgspec.Struct, array_like=True, gc=False):
    """The first day, and a bit for each day from there on, the lowest for the first."""

    first_day: int
    bits: bytes
    keep_ms: int


class _IdsRow(msgspec.Struct, array_like=True, gc=False):
    """The order ids of a day: what they all begin with, as ids that a till counts up do, and the rest of each."""

    prefix: str
    rests: list[str]


_ENCODER: Final = msgspec.msgpack.Encoder()
_DAYS_DECODER: Final = msgspec.msgpack.Decoder(_DaysRow)
_IDS_DECODER: Final = msgspec.msgpack.Decoder(_IdsRow)


def encode_days(days: Days) -> bytes:
    """The days that hold orders, of which there is at least one.

    Example:
        >>> decode_days(encode_days(Days([17_000, 17_001, 17_090], 5)))
        Days(days=[17000, 17001, 17090], keep_ms=5)
    """
    first_day = days.days[0]
    bits = 0
    for day in days.days:
        bits |= 1 << (day - first_day)
    return _ENCODER.encode(_DaysRow(first_day, bits.to_bytes((bits.bit_length() + 7) // 8, "little"), days.keep_ms))


def decode_days(payload: bytes) -> Days:
    """Inverse of `encode_days`."""
    row = _DAYS_DECODER.decode(payload)
    bits = int.from_bytes(row.bits, "little")
    return Days([row.first_day + bit for bit in range(bits.bit_length()) if bits >> bit & 1], row.keep_ms)


def encode_ids(order_ids: list[str]) -> bytes:
    """The order ids of one day.

    Example:
        >>> decode_ids(encode_ids(["o-1002", "o-1017", "o-1003"]))
        ['o-1002', 'o-1017', 'o-1003']
    """
    first, last = min(order_ids), max(order_ids)  # what these two share, all share
    shared = len(first)
    while not last.startswith(first[:shared]):  # from the end, where ids that a till counts up differ
        shared -= 1
    return _ENCODER.encode(_IdsRow(first[:shared], [order_id[shared:] for order_id in order_ids]))


def decode_ids(payload: bytes) -> list[str]:
    """Inverse of `encode_ids`."""
    row = _IDS_DECODER.decode(payload)
    return [row.prefix + rest for rest in row.rests]
