"""A draw as its owner holds it: tickets are sold until the close, and the revealed seed says who has won."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from loyalty.decisions import instant
from loyalty.draw_records import (
    DrawOpened,
    DrawRecord,
    DrawResult,
    OpenedData,
    ResultData,
    TicketData,
    TicketSold,
    Winner,
)
from loyalty.draws import commitment_of, first_link, next_link, ticket_name, winners
from loyalty.effects import Claim, ClaimAnswer, DrawWon, Effect
from loyalty.owner_rows import TICKETS_PER_PAGE, DrawState, Owner, TicketPage, page_of
from loyalty.policy.offers import to_ms
from loyalty.scope import Scope

MOST_TICKETS = 100
"""Tickets in one redemption, so that a request stays a small piece of work."""


class SaleAt(NamedTuple):
    """When a ticket is asked for, by event time and by the owner's log time, under which policy; pages by subject."""

    time_ms: int
    log_time_ms: int
    scope: Scope
    owners: Callable[[str], Owner]


class Sale(NamedTuple):
    """What came of a request: records to publish, and a receipt or the reason why not."""

    records: list[DrawRecord]
    receipt: str = ""
    refusal: str = ""

    def answer(self, owner: str, claim: Claim) -> ClaimAnswer:
        """What to tell the holder."""
        return ClaimAnswer(owner=owner, claim=claim.claim, refusal=self.refusal, receipt=self.receipt)


class Reveal(msgspec.Struct, frozen=True):
    """The seed of a draw, in hex, and what the announced beacon came to."""

    draw: str
    seed: str
    beacon_value: str = ""


def sell(draw: DrawState, name: str, claim: Claim, at: SaleAt) -> Sale:
    """Sell tickets, each chained to all before it, or say why not."""
    records = open_draw(draw, name, at)
    if not draw.commitment:
        return Sale([], refusal="unknown_reward")
    if draw.revealed or at.log_time_ms >= draw.closes_ms:
        return Sale(records, refusal="draw_closed")
    reward = at.scope.policy.compiled.rewards.get(name)
    stock = None if reward is None else reward.stock
    if claim.quantity > MOST_TICKETS or (stock is not None and draw.tickets + claim.quantity > stock):
        return Sale(records, refusal="out_of_stock")
    first = draw.tickets + 1
    for place in range(claim.quantity):
        draw.tickets += 1
        ticket = ticket_name(claim.holder, claim.claim, place)
        draw.chain = next_link(draw.chain, draw.tickets, ticket)
        page = at.owners(page_of(name, draw.tickets))
        if isinstance(page, TicketPage):
            page.holders.append(claim.holder)
            page.names.append(ticket)
        data = TicketData(draw.tickets, ticket, draw.chain.hex())
        identity = f"draw/{name}/ticket/{draw.tickets}"
        records.append(TicketSold(id=identity, time=instant(at.time_ms), subject=name, data=data))
    return Sale(records, receipt=f"tickets {first} to {draw.tickets}, chain {draw.chain.hex()}")


def open_draw(draw: DrawState, name: str, at: SaleAt) -> list[DrawRecord]:
    """Take the terms from the policy, once and for all; nothing where there are none."""
    reward = at.scope.policy.compiled.rewards.get(name)
    if draw.commitment or reward is None or reward.draw is None:
        return []
    terms = reward.draw
    draw.commitment, draw.closes_ms, draw.prizes = terms.commitment, to_ms(terms.closes), terms.prizes
    draw.beacon = terms.beacon or ""
    draw.chain = first_link(name, draw.commitment)
    data = OpenedData(draw.commitment, draw.closes_ms, draw.prizes, draw.beacon)
    return [DrawOpened(id=f"draw/{name}/opened", time=instant(at.time_ms), subject=name, data=data)]


def objection(draw: DrawState, revealed: Reveal, log_time_ms: int) -> str:
    """Why a seed cannot be revealed now; empty where it can, or has been."""
    if not draw.commitment:
        return f"there is no draw {revealed.draw!r} in the policy in force"
    if log_time_ms < draw.closes_ms:
        return "the draw is not closed yet"
    if commitment_of(bytes.fromhex(revealed.seed)) != draw.commitment:
        return "this is not the seed that was committed to"
    if bool(draw.beacon) != bool(revealed.beacon_value):
        return f"the beacon {draw.beacon!r} was announced" if draw.beacon else "no beacon was announced"
    return ""


def reveal(draw: DrawState, revealed: Reveal, at: SaleAt) -> list[DrawRecord | Effect]:
    """Draw the winners, publish everything that they follow from, and tell them; once."""
    if draw.revealed:
        return []
    draw.revealed = True
    seed, name = bytes.fromhex(revealed.seed), revealed.draw
    numbers = winners(seed, draw.chain, revealed.beacon_value, draw.tickets, draw.prizes)
    won: list[Winner] = []
    told: list[DrawRecord | Effect] = []
    for prize, number in enumerate(numbers, start=1):
        page = at.owners(page_of(name, number))
        if isinstance(page, TicketPage):
            place = (number - 1) % TICKETS_PER_PAGE
            won.append(Winner(prize, number, page.names[place]))
            told.append(Effect(page.holders[place], at.time_ms, DrawWon(draw=name, prize=prize, number=number)))
    data = ResultData(
        draw.commitment, revealed.seed, draw.tickets, draw.chain.hex(), draw.prizes, tuple(won), revealed.beacon_value
    )
    result = DrawResult(id=f"draw/{name}/result", time=instant(at.time_ms), subject=name, data=data)
    return [result, *told]
