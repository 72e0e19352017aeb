"""What becomes of an effect that reaches a member."""

from typing import NamedTuple

from loyalty.consequences import Consequence
from loyalty.context import Context, Parts
from loyalty.decisions import SOURCE, Cause
from loyalty.effects import ClaimAnswer, DrawWon
from loyalty.rewards import draw_won, stock_answered
from loyalty.scope import Scope

MemberEffect = ClaimAnswer | DrawWon
"""Every kind of effect that a member is told."""


class Received(NamedTuple):
    """An effect for `member`. `time_ms` is the event time of what caused it."""

    member: str
    time_ms: int
    body: MemberEffect


def receive(parts: Parts, received: Received, scope: Scope, log_time_ms: int) -> list[Consequence]:
    """Let a member take in an effect; the caller has done all work that was due before.

    The cause of what follows is named after what the effect is about, not after the partitions it went between: the
    ledger does not depend on how many there are.
    """
    body = received.body
    match body:
        case ClaimAnswer():
            about = f"{body.owner}/{body.claim}"
        case DrawWon():
            about = f"draw/{body.draw}/{body.number}"
    context = Context(parts, received.member, Cause(SOURCE, about), (received.time_ms, log_time_ms), scope)
    if isinstance(body, ClaimAnswer):
        stock_answered(context, body)
    else:
        draw_won(context, body)
    return context.out
