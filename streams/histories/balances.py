"""Opening balances of another system, made into `adjust` actions: one for each lot of a member.

A lot's action id is a digest of what the lot says, so the same file makes the same actions whenever it is read, in
whatever order its lines are, and importing it twice gives the points once.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from features.actions import Adjust, AdjustData, Identifier, Instant, to_ms
from features.errors import HistoryError
from streams.histories.files import read_lines

_PROBLEMS_SHOWN = 20
_ID_BYTES = 16


class Lot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Points of a member, in the smallest unit, with their own end, or with when they were earned, or with neither."""

    member: Identifier
    points: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    expires: Instant | None = None
    earned: Instant | None = None


class Import(NamedTuple):
    """What all lots of a file have in common: a name for it, from when they count, and who answers for it."""

    name: str
    as_of: datetime
    operator: str


def read_lots(path: Path) -> list[Lot]:
    """The lots of a file: CSV with a header of the fields, or JSON Lines; either may be gzipped.

    Raises:
        HistoryError: it cannot be read, or lines of it are no lots; the first of them are listed.
    """
    lots: list[Lot] = []
    problems: list[str] = []
    for number, fields in _rows(path):
        try:
            lots.append(msgspec.convert(fields, Lot, strict=False))
        except msgspec.ValidationError as error:
            problems.append(f"{number}: {error}")
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = problems[:_PROBLEMS_SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise HistoryError(f"{path}: nothing is imported, lines are no lots:\n  " + "\n  ".join(shown))
    return lots


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    """Fields by line number; what is empty in a CSV file is left out."""
    try:
        if ".csv" not in path.suffixes:
            for number, line in enumerate(read_lines(path), 1):
                yield number, msgspec.json.decode(line)
            return
        reader = csv.DictReader(line.decode("utf-8-sig") for line in read_lines(path))
        for row in reader:
            yield reader.line_num, {str(name): value for name, value in row.items() if value}
    except (csv.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path}: is neither CSV nor JSON Lines ({error})") from error


def balance_actions(lots: Iterable[Lot], terms: Import) -> Iterator[bytes]:
    """The actions that give these points, in the order of the lots.

    Example:
        >>> terms = Import("old-club", datetime.fromisoformat("2026-01-01T00:00:00Z"), "ann")
        >>> lot = Lot(member="m-1", points=500)
        >>> first, second = (msgspec.json.decode(line) for line in balance_actions([lot, lot], terms))
        >>> first["data"]["points"], first["id"] == second["id"]
        (500, False)
    """
    seen: Counter[Lot] = Counter()
    for lot in lots:
        seen[lot] += 1
        reason = f"opening balance, {terms.name}"
        data = AdjustData(
            operator=terms.operator, reason=reason, points=lot.points, expires=lot.expires, earned=lot.earned
        )
        yield msgspec.json.encode(
            Adjust(
                specversion="1.0",
                id=_action_id(lot, seen[lot]),
                source=f"opening-balances/{terms.name}",
                time=terms.as_of,
                subject=lot.member,
                data=data,
            )
        )


def _action_id(lot: Lot, occurrence: int) -> str:
    """An id that is the same for the same lot; `occurrence` keeps equal lots of one member apart."""
    ends = [None if instant is None else to_ms(instant) for instant in (lot.expires, lot.earned)]
    said = msgspec.msgpack.encode([lot.member, lot.points, *ends, occurrence])
    return blake2b(said, digest_size=_ID_BYTES).hexdigest()


def totals(lots: Iterable[Lot]) -> Mapping[str, int]:
    """Points by member, to be held against what the other system says.

    Example:
        >>> totals([Lot(member="m-1", points=500), Lot(member="m-1", points=20)])
        {'m-1': 520}
    """
    by_member: dict[str, int] = {}
    for lot in lots:
        by_member[lot.member] = by_member.get(lot.member, 0) + lot.points
    return by_member
