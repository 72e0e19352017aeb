"""Why an action that is well formed still cannot be applied."""

from typing import Literal, NamedTuple

RejectionReason = Literal[
    "unknown_currency",
    "unknown_order",
    "duplicate_order",
    "currency_mismatch",
    "over_refunded",
    "insufficient_points",
    "invalid_override",
    "invalid_expiry",
    "unknown_redemption",
    "nothing_held",
    "ticket_final",
]


class Rejection(NamedTuple):
    """The action goes to the dead letters with this reason; no state has changed."""

    reason: RejectionReason
    detail: str
