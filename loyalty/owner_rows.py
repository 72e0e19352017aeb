"""What owners know, by the subjects that they go by: one row each.

reward/<reward id>             the stock of a reward: how many pieces are claimed
budget/<campaign>              the budget of a campaign: how many points the partitions have been given to grant from
review/<fingerprint>           a review's text: which review has used it first
draw/<reward id>               a draw: its terms as they were at the first ticket, and the chain of tickets
draw/<reward id>/<page>        who holds which of its tickets, some of them a page
"""

import msgspec

from features.errors import ContractError, CorruptStateError
from loyalty.budgets import BUDGET

REWARD = "reward/"
DRAW = "draw/"
REVIEW = "review/"

TICKETS_PER_PAGE = 64
"""So many, that a sale of one rewrites a row of a kilobyte or two."""


class Stock(msgspec.Struct, array_like=True, tag="stock"):
    """Pieces of a reward that members have, or may yet give back."""

    claimed: int = 0


class Budget(msgspec.Struct, array_like=True, tag="budget"):
    """Points of a campaign's budget that the partitions have been given to grant from."""

    given: int = 0


class ReviewText(msgspec.Struct, array_like=True, tag="review"):
    """The words of a review: a digest of the claim that came first, empty before it."""

    first: bytes = b""


class DrawState(msgspec.Struct, array_like=True, tag="draw"):
    """A draw. `commitment` is empty before the first ticket; `revealed` when the winners are known."""

    commitment: str = ""
    closes_ms: int = 0
    prizes: int = 0
    beacon: str = ""
    tickets: int = 0
    chain: bytes = b""
    revealed: bool = False


class TicketPage(msgspec.Struct, array_like=True, tag="page"):
    """Tickets in order of their numbers: the holder, and the public name."""

    holders: list[str] = []
    names: list[str] = []


Owner = Stock | Budget | ReviewText | DrawState | TicketPage
"""Every kind of owner's row."""


def page_of(draw: str, number: int) -> str:
    """The subject of the page that has the ticket `number`, from 1.

    Example:
        >>> page_of("car", 64), page_of("car", 65)
        ('draw/car/0', 'draw/car/1')
    """
    return f"{DRAW}{draw}/{(number - 1) // TICKETS_PER_PAGE}"


_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Owner] = msgspec.msgpack.Decoder(Owner)


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
    if subject.startswith(BUDGET):
        return Budget()
    if subject.startswith(REVIEW):
        return ReviewText()
    if subject.startswith(DRAW):
        return TicketPage() if "/" in subject.removeprefix(DRAW) else DrawState()
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
