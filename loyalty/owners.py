"""Owners: subjects that stand for what members share, each with one row, in the partition that its name hashes to.

An owner is asked in the order of its own log: first come, first served. It decides by the policy in force at the log
time of its partition, and what it decides is final. Which owners there are: `loyalty.owner_rows`.
"""

from hashlib import blake2b
from typing import NamedTuple

from features.errors import ContractError
from loyalty.budgets import BUDGET
from loyalty.effects import BudgetGrant, BudgetRequest, Claim, ClaimAnswer, ClaimReturn, Effect
from loyalty.owner_rows import REWARD, Budget, Owner, ReviewText, Stock
from loyalty.scope import Scope

__all__ = ["OUT_OF_STOCK", "REWARD", "Asked", "Budget", "Owner", "OwnerRequest", "Stock", "ask"]

OUT_OF_STOCK = "out_of_stock"
COPIED_TEXT = "copied_text"

_CLAIM_BYTES = 12

OwnerRequest = Claim | ClaimReturn | BudgetRequest
"""Every kind of effect that an owner is asked by."""


class Asked(NamedTuple):
    """A request to the owner `subject`, from the partition `sender`: its event time, and the policy to decide by."""

    subject: str
    time_ms: int
    body: OwnerRequest
    scope: Scope
    sender: int = 0


def ask(owner: Owner, asked: Asked) -> list[Effect]:
    """Let the owner decide on a request; returns what it has to say."""
    match owner, asked.body:
        case Stock(), Claim() as claim:
            return [_answer(asked, claim, _claim_stock(owner, asked, claim))]
        case Stock(), ClaimReturn(quantity=quantity):
            owner.claimed -= quantity
            return []
        case ReviewText(), Claim() as claim:
            return [_answer(asked, claim, _claim_text(owner, claim))]
        case Budget(), ClaimReturn(quantity=points):
            owner.given -= points
            return []
        case Budget(), BudgetRequest() as request:
            grant = _grant_budget(owner, asked, request)
            return [Effect(asked.subject, asked.time_ms, grant, receiver=asked.sender)]
    raise ContractError(f"{asked.subject!r} cannot be asked {asked.body}; the record was signed by another version")


def _answer(asked: Asked, claim: Claim, refusal: str) -> Effect:
    answer = ClaimAnswer(owner=asked.subject, claim=claim.claim, refusal=refusal)
    return Effect(claim.holder, asked.time_ms, answer)


def _claim_stock(stock: Stock, asked: Asked, claim: Claim) -> str:
    """Why the claim is refused; nothing where it is not, and then it counts."""
    reward = asked.scope.policy.compiled.rewards.get(asked.subject.removeprefix(REWARD))
    if reward is None or (reward.stock is not None and stock.claimed + claim.quantity > reward.stock):
        return OUT_OF_STOCK
    stock.claimed += claim.quantity
    return ""


def _claim_text(text: ReviewText, claim: Claim) -> str:
    """Why the claim is refused; a review that is claimed again, under another id of its writer, is the same one."""
    name = blake2b(claim.claim.encode(), digest_size=_CLAIM_BYTES).digest()
    text.first = text.first or name
    return "" if text.first == name else COPIED_TEXT


def _grant_budget(budget: Budget, asked: Asked, request: BudgetRequest) -> BudgetGrant:
    """Give what is asked for, or what is left; nothing yet where no policy with the campaign has been read here."""
    campaign = asked.scope.policy.compiled.budgets.get(asked.subject.removeprefix(BUDGET))
    if campaign is None:
        return BudgetGrant(points=0)
    left = max(0, (campaign.budget_points or 0) - budget.given)
    points = min(request.points, left)
    budget.given += points
    return BudgetGrant(points=points, exhausted=points == left)
