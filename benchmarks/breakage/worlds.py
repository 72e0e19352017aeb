"""Virtual members who earn, save, redeem and let points expire, in programmes of some kinds; every fate is known."""

from collections.abc import Callable
from random import Random
from typing import Literal, NamedTuple

from features.event_time import MONTHS_PER_YEAR, day_of
from loyalty.decisions import POINTS_TYPE, Cause, EntryData, EntryKind, LedgerEntry, LotChange, instant
from loyalty.lots import active_name

DAY_MS = 86_400_000
FIRST = 2015 * MONTHS_PER_YEAR
VALID_MONTHS = 12
_QUARTER = 3
_HAZARDS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.18)
_VOUCHER = 500
_IDLE = 0.4

Fate = Literal["redeemed", "expired"]


class Pile(NamedTuple):
    """Points of a member that were issued in one month and expire at the end of another."""

    expires: int
    issued: int
    points: int


class Ended(NamedTuple):
    """Points and what became of them."""

    issued: int
    ended: int
    fate: Fate
    points: int


class World(NamedTuple):
    """A kind of programme: when points issued in a month expire, and what a member redeems of his piles.

    `redeems` is told the month, the member's zeal (0 to 1) and piles, from which it takes, and a source of chance.
    """

    name: str
    expires: Callable[[int], int]
    redeems: Callable[[int, float, list[Pile], Random], list[Pile]]


class Programme(NamedTuple):
    """What a world came to: its entries in order of time, and the fate of every point that has ended."""

    entries: list[LedgerEntry]
    ended: list[Ended]


def start_ms(month: int) -> int:
    """The first instant of a month."""
    return day_of(month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1) * DAY_MS


def hazard(left: int) -> float:
    """The chance that a pile is redeemed with so many months left, where nothing else matters: 0.62 in all."""
    return _HAZARDS[max(0, len(_HAZARDS) - 1 - left // 2)]


def _apart(month: int, _zeal: float, piles: list[Pile], chance: Random) -> list[Pile]:
    """Each pile goes by itself, with chances that are known."""
    taken = [pile for pile in piles if chance.random() < hazard(pile.expires - month)]
    piles[:] = [pile for pile in piles if pile not in taken]
    return taken


def _in_turn(month: int, _zeal: float, piles: list[Pile], chance: Random) -> list[Pile]:
    """The oldest pile goes first, and whatever is behind it waits: young programmes are not like old ones."""
    piles.sort()
    return [piles.pop(0)] if chance.random() < hazard(piles[0].expires - month) else []


def _savers(_month: int, zeal: float, piles: list[Pile], chance: Random) -> list[Pile]:
    """Four in ten never redeem; the others save for a voucher."""
    enough = sum(pile.points for pile in piles) >= _VOUCHER
    return _take(piles, _VOUCHER) if enough and zeal > _IDLE and chance.random() < zeal / 2 else []


def _seasonal(month: int, zeal: float, piles: list[Pile], chance: Random) -> list[Pile]:
    """Some redeem half of what they have, thrice as often in December."""
    busy = 3 if month % MONTHS_PER_YEAR == MONTHS_PER_YEAR - 1 else 1
    return _take(piles, sum(pile.points for pile in piles) // 2) if chance.random() < 0.06 * busy * zeal else []


def _year_later(month: int) -> int:
    return month + VALID_MONTHS


def _quarter_end(month: int) -> int:
    later = month + VALID_MONTHS
    return later - later % _QUARTER + _QUARTER - 1


WORLDS = (
    World("known chances", _year_later, _apart),
    World("oldest points first", _year_later, _in_turn),
    World("savers of vouchers", _quarter_end, _savers),
    World("busy Decembers", _quarter_end, _seasonal),
)


def run(world: World, seed: int, members: int = 300, months: int = 48) -> Programme:
    """Let members live in a world."""
    programme = Programme([], [])
    for number in range(members):
        chance = Random(f"{seed}/{number}")  # noqa: S311 - seeded data is for repeatability, not secrecy
        _live(world, f"m-{number}", chance, months, programme)
    programme.entries.sort(key=lambda entry: (month_booked(entry), entry.time))
    return programme


def _live(world: World, member: str, chance: Random, months: int, programme: Programme) -> None:
    piles: list[Pile] = []
    thrift, zeal = chance.random(), chance.random()
    for month in range(FIRST, FIRST + months):
        at_ms = start_ms(month) + chance.randrange(20) * DAY_MS
        if chance.random() < 0.3 + 0.6 * thrift:
            pile = Pile(world.expires(month), month, chance.randrange(20, 200))
            piles.append(pile)
            programme.entries.append(_entry(member, "earned", at_ms, {pile.expires: pile.points}))
        taken = world.redeems(month, zeal, piles, chance) if piles else []
        if taken:
            programme.ended.extend([Ended(pile.issued, month, "redeemed", pile.points) for pile in taken])
            programme.entries.append(_entry(member, "redeemed", at_ms + DAY_MS, _by_expiry(taken, -1)))
        over = [pile for pile in piles if pile.expires == month]
        if over:
            piles[:] = [pile for pile in piles if pile.expires > month]
            programme.ended.extend([Ended(pile.issued, month, "expired", pile.points) for pile in over])
            programme.entries.append(_entry(member, "expired", start_ms(month + 1), _by_expiry(over, -1)))


def _take(piles: list[Pile], wanted: int) -> list[Pile]:
    """Take points, those that expire first and of these the oldest first."""
    piles.sort()
    taken = []
    while wanted:
        first = piles.pop(0)
        points = min(wanted, first.points)
        taken.append(first._replace(points=points))
        if points < first.points:
            piles.insert(0, first._replace(points=first.points - points))
        wanted -= points
    return taken


def _by_expiry(piles: list[Pile], sign: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for pile in piles:
        found[pile.expires] = found.get(pile.expires, 0) + sign * pile.points
    return found


def _entry(member: str, kind: EntryKind, time_ms: int, lots: dict[int, int]) -> LedgerEntry:
    ends = {start_ms(expires + 1): points for expires, points in lots.items()}
    changes = tuple(LotChange(active_name(end_ms), "active", points, end_ms) for end_ms, points in ends.items())
    data = EntryData(0, kind, 0, sum(lots.values()), 0, 0, changes, Cause("world", ""), 1, 0, 1)
    return LedgerEntry(id="", type=POINTS_TYPE + kind, time=instant(time_ms), subject=member, data=data)


def month_booked(entry: LedgerEntry) -> int:
    """What expires at an instant belongs to the month that ends with it."""
    at = entry.time
    month = at.year * MONTHS_PER_YEAR + at.month - 1
    return month - 1 if entry.data.kind == "expired" else month
