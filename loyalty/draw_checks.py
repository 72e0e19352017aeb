"""Checking a draw from what was published of it, by anyone, without trust in whoever held it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from loyalty.draw_records import DrawOpened, DrawRecord, DrawResult, OpenedData, ResultData, TicketData, TicketSold
from loyalty.draws import commitment_of, first_link, next_link, winners


@dataclass
class DrawCheck:
    """What was checked of a draw, and what is wrong with it: nothing in a right one."""

    draw: str
    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def note(self, what: str, *, holds: bool, otherwise: str) -> None:
        """Note one check."""
        if holds:
            self.checked.append(what)
        else:
            self.problems.append(otherwise)


def check_draws(records: Iterable[DrawRecord]) -> list[DrawCheck]:
    """Check every draw that the records are about, in order of their ids.

    A record that was delivered again is the same record; two different ones under one id are a problem.
    """
    known: dict[str, dict[str, DrawRecord]] = {}
    twice: dict[str, list[str]] = {}
    for record in records:
        if known.setdefault(record.subject, {}).setdefault(record.id, record) != record:
            twice.setdefault(record.subject, []).append(f"two different records are called {record.id}")
    checks = [_check(draw, list(known[draw].values())) for draw in sorted(known)]
    for check in checks:
        check.problems += twice.get(check.draw, [])
    return checks


def _check(draw: str, records: list[DrawRecord]) -> DrawCheck:
    check = DrawCheck(draw)
    opened = [record.data for record in records if isinstance(record, DrawOpened)]
    tickets = sorted(
        (record.data for record in records if isinstance(record, TicketSold)), key=lambda ticket: ticket.number
    )
    results = [record.data for record in records if isinstance(record, DrawResult)]
    if len(opened) != 1 or len(results) > 1:
        check.problems.append(
            f"{len(opened)} records of its terms and {len(results)} of its result; one of each is due"
        )
        return check
    chain = _check_tickets(check, opened[0], tickets)
    if results:
        _check_result(check, opened[0], results[0], tickets, chain)
    else:
        check.checked.append("the seed has not been revealed yet")
    return check


def _check_tickets(check: DrawCheck, opened: OpenedData, tickets: list[TicketData]) -> bytes:
    """Follow the chain; returns its last value."""
    chain = first_link(check.draw, opened.commitment)
    for place, ticket in enumerate(tickets, start=1):
        chain = next_link(chain, ticket.number, ticket.ticket)
        if ticket.number != place or ticket.chain != chain.hex():
            check.problems.append(f"ticket {ticket.number} does not follow from those before it")
            return chain
    names = {ticket.ticket for ticket in tickets}
    check.note(
        f"{len(tickets)} tickets, each chained to all before it",
        holds=len(names) == len(tickets),
        otherwise="two tickets have one name",
    )
    return chain


def _check_result(
    check: DrawCheck, opened: OpenedData, result: ResultData, tickets: list[TicketData], chain: bytes
) -> None:
    seed = bytes.fromhex(result.seed)
    check.note(
        "the seed is the one that was committed to before the sale",
        holds=commitment_of(seed) == opened.commitment == result.commitment,
        otherwise="the revealed seed is not the one that was committed to",
    )
    check.note(
        "the result is about exactly these tickets",
        holds=(result.tickets, result.chain) == (len(tickets), chain.hex()),
        otherwise="the result is about other tickets than were published",
    )
    check.note(
        "as many prizes as the terms say",
        holds=result.prizes == opened.prizes,
        otherwise=f"{result.prizes} prizes were drawn, the terms say {opened.prizes}",
    )
    check.note(
        f"mixed in: {opened.beacon} = {result.beacon_value}" if opened.beacon else "no beacon was announced, none used",
        holds=bool(opened.beacon) == bool(result.beacon_value),
        otherwise="a beacon was announced and not used, or used and not announced",
    )
    numbers = winners(seed, chain, result.beacon_value, len(tickets), opened.prizes)
    names = {ticket.number: ticket.ticket for ticket in tickets}
    expected = [(prize, number, names.get(number)) for prize, number in enumerate(numbers, start=1)]
    check.note(
        f"the winners follow from seed, chain and beacon: {', '.join(map(str, numbers)) or 'none'}",
        holds=[(winner.prize, winner.number, winner.ticket) for winner in result.winners] == expected,
        otherwise=f"the winners should be {', '.join(map(str, numbers)) or 'none'}",
    )
