"""Owners: subjects that stand for what members share, each with one row, in the partition that its name hashes to.

An owner is asked in the order of its own log: first come, first served. It decides by the policy in force at the log
time of its partition, and what it decides is final.

    reward/<reward id>   the stock of a reward: how many pieces are claimed
"""

from typing import NamedTuple

import msgspec

from features.errors import ContractError, CorruptStateError
from loyalty.effects import Claim, ClaimAnswer, ClaimReturn, Effect
from loyalty.scope import Scope

REWARD = "reward/"

OUT_OF_STOCK = "out_of_stock"


class Stock(msgspec.Struct, array_like=True, tag="stock"):
    """Pieces of a reward that members have, or may yet give back."""

    claimed: int = 0


Owner = Stock
"""Every kind of owner's row."""

OwnerRequest = Claim | ClaimReturn
"""Every kind of effect that an owner is asked by."""


class Asked(NamedTuple):
    """A request to the owner `subject`: its event time, and the policy in force at the owner's log time."""

    subject: str
    time_ms: int
    body: OwnerRequest
    scope: Scope


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Owner)


def new_owner(subject: str) -> Owner:
    """The owner of this name before its first request.

    Raises:
        ContractError: no kind of owner is named so.

    Example:
        >>> new_owner("reward/voucher-5")
        Stock(claimed=0)
    """
    if subject.startswith(REWARD):
        return Stock()
    raise ContractError(f"{subject!r}: is no name of an owner; the record was signed by a newer version, upgrade")


def encode_owner(owner: Owner) -> bytes:
    """Payload of the owner's row."""
    return _ENCODER.encode(owner)


def decode_owner(payload: bytes) -> Owner:
    """Inverse of `encode_owner`.

    Raises:
        CorruptStateError: the row cannot be what `encode_owner` wrote.
    """
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError as error:
        raise CorruptStateError(f"owner row cannot be read ({error}); rebuild the store") from error


def ask(owner: Owner, asked: Asked) -> list[Effect]:
    """Let the owner decide on a request; returns what it has to say."""
    match owner, asked.body:
        case Stock(), Claim() as claim:
            return [_answer(asked, claim, _claim_stock(owner, asked, claim))]
        case Stock(), ClaimReturn(quantity=quantity):
            owner.claimed -= quantity
            return []
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
