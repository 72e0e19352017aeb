"""Day buckets of one member, in rows of eight days, read when they are needed.

A bucket belongs to a UTC day. Rows that no window can reach any more are deleted.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from features.aggregates import Bucket
from features.rows import Changes, Read, read_owed_row

DAYS_PER_CHUNK: Final = 8

_PREFIX: Final = b"wd"
_NUMBER_BYTES: Final = 3  # signed: days from the year 1 to far beyond 9999

_Chunk = dict[int, Bucket]

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(dict[int, dict[int, int]])


class DayBuckets:
    """Buckets by UTC day number. `stored` is a bit mask: bit i stands for the chunk i chunks before that of `day`."""

    __slots__ = ("_changed", "_chunks", "_read")

    def __init__(self, read: Read, day: int = 0, stored: int = 0) -> None:
        self._read = read
        self._changed: set[int] = set()
        newest = day // DAYS_PER_CHUNK
        self._chunks: dict[int, _Chunk | None] = {
            newest - age: None for age in range(stored.bit_length()) if stored >> age & 1
        }

    def stored_before(self, day: int) -> int:
        """The bit mask of the chunks that there are, seen from `day`, which is not before any of them."""
        newest = day // DAYS_PER_CHUNK
        return sum(1 << newest - chunk for chunk in self._chunks)

    def open(self, day: int) -> Bucket:
        """The bucket of a day, to change; made where there is none."""
        number, place = divmod(day, DAYS_PER_CHUNK)
        self._changed.add(number)
        chunk = self._chunk(number) if number in self._chunks else {}
        self._chunks[number] = chunk
        return chunk.setdefault(place, {})

    def between(self, start_day: int, end_day: int) -> Iterator[Bucket]:
        """The buckets of the days in `[start_day, end_day)`."""
        for number in range(start_day // DAYS_PER_CHUNK, -(-end_day // DAYS_PER_CHUNK)):
            if number in self._chunks:
                first = number * DAYS_PER_CHUNK
                for place, bucket in self._chunk(number).items():
                    if start_day <= first + place < end_day:
                        yield bucket

    def items(self) -> Iterator[tuple[int, Bucket]]:
        """Each day that has a bucket, with it, in no order that matters."""
        for number in self._chunks:
            for place, bucket in self._chunk(number).items():
                yield number * DAYS_PER_CHUNK + place, bucket

    def rows(self) -> Iterator[tuple[bytes, bytes]]:
        """All rows as they would be written now."""
        for number in sorted(self._chunks):
            yield _suffix(number), _ENCODER.encode(self._chunk(number))

    def forget_before(self, day: int) -> None:
        """Delete the chunks that end at or before the start of `day`."""
        oldest = day // DAYS_PER_CHUNK
        for number in [number for number in self._chunks if number < oldest]:
            del self._chunks[number]
            self._changed.add(number)

    def changed(self) -> Changes:
        """Rows changed since the last call: suffix and payload, None to delete."""
        for number in sorted(self._changed):
            chunk = self._chunks.get(number)
            yield _suffix(number), None if chunk is None else _ENCODER.encode(chunk)
        self._changed.clear()

    def _chunk(self, number: int) -> _Chunk:
        chunk = self._chunks[number]
        if chunk is None:
            chunk = self._chunks[number] = read_owed_row(self._read, _suffix(number), _DECODER)
        return chunk


def _suffix(number: int) -> bytes:
    return _PREFIX + number.to_bytes(_NUMBER_BYTES, "big", signed=True)
