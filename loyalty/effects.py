"""Effects: what a member or an owner asks of, or tells, another one, who may live in another partition.

What members share (the stock of a reward, for one) has an owner: a subject with a row of its own in its own partition.
Requests and answers travel as records in the logs, so they are part of what determines a ledger. Whoever says something
need not know where the other one lives: an effect is addressed to a subject, a member id or an owner's name such as
`reward/voucher-5`. Its kind says which of the two it is, so an owner's name may look like a member's id.
"""

from typing import NamedTuple, get_args

import msgspec

from loyalty.decision_data import Cause
from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict


class _Body(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="kind"):
    """Base of what effects say."""


class Claim(_Body, frozen=True, gc=False, kw_only=True, tag="claim"):
    """To an owner: `holder` wants `quantity` of it. `claim` is the holder's own name for the request."""

    holder: str
    claim: str
    quantity: int = 1


class ClaimAnswer(_Body, frozen=True, gc=False, kw_only=True, tag="claim_answer"):
    """To a member: `owner` has accepted the claim, or `refusal` says why not. `receipt` is for the member to keep."""

    owner: str
    claim: str
    refusal: str = ""
    receipt: str = ""


class ClaimReturn(_Body, frozen=True, gc=False, kw_only=True, tag="claim_return"):
    """To an owner: a claim that was accepted is given back, or what is left of a slice of a budget."""

    quantity: int = 1


class DrawWon(_Body, frozen=True, gc=False, kw_only=True, tag="draw_won"):
    """To the holder of a ticket: it has won the prize of this number, from 1."""

    draw: str
    prize: int
    number: int


class IdentityLink(_Body, frozen=True, gc=False, kw_only=True, tag="identity_link"):
    """To a member: it is the same person as `canonical`, as the action `cause` says."""

    canonical: str
    cause: Cause


class IdentityMerge(_Body, frozen=True, gc=False, kw_only=True, tag="identity_merge"):
    """To the canonical id: a part of all that `alias` had, in order; the last one completes it.

    `rows` are a piece of the state of the member `alias`, whose pieces are numbered from 0 to `pieces` - 1.
    """

    alias: str
    piece: int
    pieces: int
    rows: bytes
    cause: Cause


class Forwarded(_Body, frozen=True, gc=False, kw_only=True, tag="forwarded"):
    """To the canonical id: an action for `alias`, as it came."""

    alias: str
    action: bytes


class ForwardedOffer(_Body, frozen=True, gc=False, kw_only=True, tag="forwarded_offer"):
    """To the canonical id: an offer to an alias."""

    offer: Offer


class ForwardedVerdict(_Body, frozen=True, gc=False, kw_only=True, tag="forwarded_verdict"):
    """To the canonical id: a verdict of the misconduct score on an alias."""

    verdict: Verdict


class BudgetRequest(_Body, frozen=True, gc=False, kw_only=True, tag="budget_request"):
    """To the owner of a budget: a partition wants so many points to grant from."""

    points: int


class BudgetGrant(_Body, frozen=True, gc=False, kw_only=True, tag="budget_grant"):
    """To a partition: it has so many points more; `exhausted` where the budget has none left."""

    points: int
    exhausted: bool = False


class Referred(_Body, frozen=True, gc=False, kw_only=True, tag="referred"):
    """To a member: `referrer` has brought them."""

    referrer: str


class ReferralEarned(_Body, frozen=True, gc=False, kw_only=True, tag="referral_earned"):
    """To a referrer: the member they brought has made the first qualifying purchase."""

    referred: str
    order_id: str


class ReferralUndone(_Body, frozen=True, gc=False, kw_only=True, tag="referral_undone"):
    """To a referrer: that purchase has been refunded in full."""

    referred: str
    order_id: str


EffectBody = (
    Claim
    | ClaimAnswer
    | ClaimReturn
    | BudgetRequest
    | BudgetGrant
    | Referred
    | ReferralEarned
    | ReferralUndone
    | DrawWon
    | IdentityLink
    | IdentityMerge
    | Forwarded
    | ForwardedVerdict
    | ForwardedOffer
)

EFFECT_KINDS: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in get_args(EffectBody))


class Effect(NamedTuple):
    """Something to be told to `subject`. `time_ms` is the event time of what caused it.

    `receiver` names the partition where it is not the subject's own, as in an answer to a partition.
    """

    subject: str
    time_ms: int
    body: EffectBody
    receiver: int | None = None


def kind_of(body: EffectBody) -> str:
    """The effect's kind, the last word of its CloudEvents type.

    Example:
        >>> kind_of(ClaimReturn(quantity=2))
        'claim_return'
    """
    return str(body.__struct_config__.tag)
