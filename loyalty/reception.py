"""What becomes of an effect that reaches a member."""

from typing import NamedTuple, assert_never

from loyalty.consequences import Consequence
from loyalty.context import Context, Parts
from loyalty.decisions import SOURCE, Cause
from loyalty.effects import ClaimAnswer, DrawWon, ReferralEarned, ReferralUndone, Referred
from loyalty.originals import text_answered
from loyalty.owner_rows import REVIEW
from loyalty.referrals import referral_earned, referral_undone, referred_by
from loyalty.rewards import draw_won, stock_answered
from loyalty.scope import Scope

MemberEffect = ClaimAnswer | DrawWon | Referred | ReferralEarned | ReferralUndone
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
    times_ms = (received.time_ms, log_time_ms)
    context = Context(parts, received.member, Cause(SOURCE, _cause_of(body)), times_ms, scope)
    match body:
        case ClaimAnswer(owner=owner) if owner.startswith(REVIEW):
            text_answered(context, body)
        case ClaimAnswer():
            stock_answered(context, body)
        case DrawWon():
            draw_won(context, body)
        case Referred():
            referred_by(context, body)
        case ReferralEarned():
            referral_earned(context, body)
        case ReferralUndone():
            referral_undone(context, body)
        case _:
            assert_never(body)
    return context.out


def _cause_of(body: MemberEffect) -> str:
    match body:
        case ClaimAnswer(owner=owner, claim=claim):
            return f"{owner}/{claim}"
        case DrawWon(draw=draw, number=number):
            return f"draw/{draw}/{number}"
        case Referred(referrer=referrer):
            return f"referred/{referrer}"
        case ReferralEarned(referred=referred, order_id=order_id):
            return f"referral/{len(referred)}:{referred}{order_id}"
        case ReferralUndone(referred=referred, order_id=order_id):
            return f"referral_undone/{len(referred)}:{referred}{order_id}"
        case _:
            assert_never(body)
