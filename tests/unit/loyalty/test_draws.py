"""Draws by commit and reveal: who wins is fair, follows from what was published, and every forgery shows."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.decisions import instant
from loyalty.draw_checks import check_draws
from loyalty.draw_records import (
    DrawOpened,
    DrawRecord,
    DrawResult,
    OpenedData,
    ResultData,
    TicketData,
    TicketSold,
    Winner,
    decode_draw,
    encode_draw,
)
from loyalty.draws import commitment_of, first_link, next_link, ticket_name, winners

SEED = sha256(b"a seed").digest()


@dataclass
class Sale:
    """A draw as it should be published."""

    seed: bytes = SEED
    beacon: str = ""
    prizes: int = 2
    records: list[DrawRecord] = field(default_factory=list)

    def held(self, tickets: int) -> list[DrawRecord]:
        commitment = commitment_of(self.seed)
        terms = OpenedData(commitment, 1_000, self.prizes, "lottery of 1 May" if self.beacon else "")
        self.records.append(DrawOpened(id="car/opened", time=instant(0), subject="car", data=terms))
        chain, names = first_link("car", commitment), {}
        for number in range(1, tickets + 1):
            names[number] = ticket_name("m-1", "claim", number)
            chain = next_link(chain, number, names[number])
            data = TicketData(number, names[number], chain.hex())
            self.records.append(TicketSold(id=f"car/ticket/{number}", time=instant(0), subject="car", data=data))
        drawn = winners(self.seed, chain, self.beacon, tickets, self.prizes)
        prizes = tuple(Winner(prize, number, names[number]) for prize, number in enumerate(drawn, start=1))
        result = ResultData(commitment, self.seed.hex(), tickets, chain.hex(), self.prizes, prizes, self.beacon)
        self.records.append(DrawResult(id="car/result", time=instant(2_000), subject="car", data=result))
        return self.records


@given(st.integers(0, 30), st.integers(1, 5), st.sampled_from(("", "4 8 15 16 23 42")))
def test_an_honest_draw_passes_every_check(tickets: int, prizes: int, beacon: str) -> None:
    records = Sale(prizes=prizes, beacon=beacon).held(tickets)
    (check,) = check_draws(decode_draw(encode_draw(record)) for record in [*records, *records])
    assert check.problems == []
    assert len(check.checked) == 6


@given(st.binary(min_size=1, max_size=8), st.integers(0, 50), st.integers(1, 60))
def test_no_ticket_wins_twice_and_all_prizes_are_drawn(seed: bytes, tickets: int, prizes: int) -> None:
    drawn = winners(seed, b"chain", "", tickets, prizes)
    assert len(drawn) == len(set(drawn)) == min(tickets, prizes)
    assert all(1 <= number <= tickets for number in drawn)


@pytest.mark.parametrize("place", [0, 1, 6])
def test_each_ticket_is_as_likely_as_any_other(place: int) -> None:
    draws = 7_000
    drawn = Counter(winners(n.to_bytes(4), b"chain", "", 7, 7)[place] for n in range(draws))
    # Chi-squared with 6 degrees of freedom passes 22.5 once in a thousand; the seeds are fixed, so this never wavers.
    assert sum((drawn[number] - 1_000) ** 2 / 1_000 for number in range(1, 8)) < 22.5


def test_a_seed_chain_or_beacon_that_differs_gives_other_winners() -> None:
    base = winners(SEED, b"chain", "", 1_000, 5)
    assert base != winners(SEED[::-1], b"chain", "", 1_000, 5)
    assert base != winners(SEED, b"other", "", 1_000, 5)
    assert base != winners(SEED, b"chain", "beacon", 1_000, 5)


def test_a_draw_that_is_not_revealed_yet_is_no_problem() -> None:
    (check,) = check_draws(Sale().held(3)[:-1])
    assert (check.problems, check.checked[-1]) == ([], "the seed has not been revealed yet")


FORGERIES: dict[str, Callable[[list[Any]], list[DrawRecord]]] = {
    "a ticket taken out": lambda records: [*records[:2], *records[3:]],
    "a ticket put in": lambda records: [
        *records[:-1],
        _changed(records[-2], "car/ticket/6", number=6, ticket="mine"),
        records[-1],
    ],
    "a ticket exchanged": lambda records: [*records[:2], _changed(records[2], None, ticket="mine"), *records[3:]],
    "another seed": lambda records: [*records[:-1], _changed(records[-1], None, seed="00" * 32)],
    "another winner": lambda records: [
        *records[:-1],
        _changed(records[-1], None, winners=tuple(reversed(records[-1].data.winners))),
    ],
    "fewer prizes": lambda records: [*records[:-1], _changed(records[-1], None, prizes=1)],
    "a beacon nobody announced": lambda records: [*records[:-1], _changed(records[-1], None, beacon_value="7")],
    "a second result": lambda records: [*records, _changed(records[-1], None, beacon_value="7")],
    "other terms": lambda records: [_changed(records[0], None, commitment="00" * 32), *records[1:]],
    "no terms": lambda records: records[1:],
}


def _changed(record: DrawRecord, identity: str | None, **data: object) -> DrawRecord:
    changed = msgspec.structs.replace(record.data, **data)
    return msgspec.structs.replace(record, data=changed, id=identity or record.id)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_every_forgery_shows(forgery: str) -> None:
    records = FORGERIES[forgery](Sale().held(5))
    (check,) = check_draws(records)
    assert check.problems
