"""Forecasts of virtual programmes, each held against what became of the very points that were outstanding."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.breakage.worlds import FIRST, VALID_MONTHS, WORLDS, Fate, Programme, month_booked, run
from features.event_time import ZoneRules
from loyalty.liability import LiabilityBook
from online_models.breakage import Forecast, forecast
from online_models.breakage_paths import Moment


class Cut(NamedTuple):
    """A forecast made at the start of a month, the breakage that came true, and what the rules of thumb say."""

    month: int
    made: Forecast
    broken: int
    by_ended: int
    by_issued: int


def cuts(programme: Programme, first: int = 6) -> Iterator[Cut]:
    """A forecast at the start of each month, from the `first` on, as long as its truth is known."""
    book = LiabilityBook(ZoneRules.utc())
    entries = iter(programme.entries)
    entry = next(entries, None)
    last = max(ended.ended for ended in programme.ended)
    for month in range(FIRST + first, last - VALID_MONTHS - 1):
        while entry is not None and month_booked(entry) < month:
            book.add(entry)
            entry = next(entries, None)
        made = forecast(book.flows, Moment(month, 0.0))
        lost, redeemed = (_points(programme, fate, month) for fate in ("expired", "redeemed"))
        broken = sum(
            each.points for each in programme.ended if each.fate == "expired" and each.issued < month <= each.ended
        )
        issued = sum(flow.issued for months in book.flows.values() for flow in months.values())
        whole = made.outstanding
        yield Cut(month, made, broken, whole * lost // max(1, lost + redeemed), whole * lost // issued)


def _points(programme: Programme, fate: Fate, before: int) -> int:
    """How many points had ended in this way before a month."""
    return sum(each.points for each in programme.ended if each.fate == fate and each.ended < before)


class Score(NamedTuple):
    """Over all cuts, in percent of what was outstanding: mean errors, and width of the interval; how often it held."""

    cuts: int
    error: float
    by_ended: float
    by_issued: float
    held: float
    width: float


def score(found: list[Cut]) -> Score:
    """Sum up what came true."""
    percent = 100 / len(found)
    parts = [(cut, cut.made.total.breakage, cut.made.outstanding) for cut in found]
    return Score(
        len(found),
        percent * sum(abs(said.points - cut.broken) / whole for cut, said, whole in parts),
        percent * sum(abs(cut.by_ended - cut.broken) / whole for cut, _, whole in parts),
        percent * sum(abs(cut.by_issued - cut.broken) / whole for cut, _, whole in parts),
        percent * sum(said.low <= cut.broken <= said.high for cut, said, _ in parts),
        percent * sum((said.high - said.low) / whole for cut, said, whole in parts),
    )


def table(seeds: int) -> Iterator[str]:
    """A row for each world and length of history, over so many programmes of each."""
    yield "| programme | history | forecasts | off by | rule by ended | rule by issued | interval held | its width |"
    yield "|---|---|---|---|---|---|---|---|"
    for world in WORLDS:
        found = [cut for seed in range(seeds) for cut in cuts(run(world, seed))]
        for words, low, high in (("6 to 11 months", 6, 12), ("12 to 23 months", 12, 24), ("2 years and more", 24, 99)):
            got = score([cut for cut in found if low <= cut.month - FIRST < high])
            errors = f"{got.error:.1f}% | {got.by_ended:.1f}% | {got.by_issued:.1f}%"
            yield f"| {world.name} | {words} | {got.cuts} | {errors} | {got.held:.0f}% | {got.width:.1f}% |"
