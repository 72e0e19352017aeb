"""Draws by commit and reveal: who wins follows from a seed that was fixed before and from the tickets that were sold.

    before      the operator draws a secret seed; the policy carries its SHA-256, the commitment
    on sale     each ticket extends a chain of SHA-256, whose value its receipt shows: chain' = H(chain, number, ticket)
    closed      nothing is added any more; number of tickets and last value of the chain are published
    revealed    the seed is published. The winners are a function of seed, chain and beacon that anyone can compute

The function: a stream of SHA-256 blocks under the key H(seed, chain, beacon), cut into 64-bit numbers; those at or
above the greatest multiple of n are thrown away, so that `number % n` has no bias; a Fisher-Yates shuffle of the
ticket numbers, stopped after as many steps as there are prizes. So no ticket wins twice.
"""

from collections.abc import Iterator
from hashlib import sha256

SEED_BYTES = 32
"""Length of a seed: 256 bits, so that nobody finds it by trying."""

_WORD_BYTES = 8
_WORDS = 1 << 8 * _WORD_BYTES


def commitment_of(seed: bytes) -> str:
    """What is published of a seed before the sale.

    Example:
        >>> commitment_of(bytes(32))[:16]
        '66687aadf862bd77'
    """
    return sha256(seed).hexdigest()


def first_link(draw: str, commitment: str) -> bytes:
    """The chain before the first ticket: it names the draw and the commitment, so a chain belongs to one draw only."""
    return _hash(b"tierstream draw", draw.encode(), commitment.encode())


def next_link(chain: bytes, number: int, ticket: str) -> bytes:
    """The chain after the ticket `number` (from 1); `ticket` is its name, see `ticket_name`.

    Example:
        >>> chain = first_link("car", commitment_of(bytes(32)))
        >>> next_link(chain, 1, "a") == next_link(chain, 1, "b")
        False
    """
    return _hash(chain, number.to_bytes(_WORD_BYTES, "big"), ticket.encode())


def ticket_name(holder: str, claim: str, place: int) -> str:
    """A ticket's public name: its holder, who knows the three, can prove it; nobody else is told who it is.

    Args:
        holder: the member id.
        claim: what the redemption is called.
        place: which one of the tickets that it bought, from 0.

    Example:
        >>> ticket_name("m-42", "8:shop/webr-1", 0)
        'b9eb9306029bbebff3e16854d1849564'
    """
    return _hash(b"ticket", holder.encode(), claim.encode(), place.to_bytes(_WORD_BYTES, "big")).hex()[:32]


def winners(seed: bytes, chain: bytes, beacon: str, tickets: int, prizes: int) -> tuple[int, ...]:
    """Numbers of the winning tickets, first prize first; all of them where there are no more than prizes.

    Args:
        seed: what was committed to.
        chain: the last link, after all tickets.
        beacon: a public value that nobody could know at the close, or nothing.
        tickets: how many were sold, numbered from 1.
        prizes: how many are drawn.

    Example:
        >>> winners(bytes(32), bytes(32), "", tickets=10, prizes=3)
        (7, 4, 2)
    """
    numbers = _stream(_hash(seed, chain, beacon.encode()))
    moved: dict[int, int] = {}  # a shuffle of 1..n of which only the places that were touched are kept
    drawn = []
    for place in range(1, min(prizes, tickets) + 1):
        other = place + _below(numbers, tickets - place + 1)
        drawn.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return tuple(drawn)


def _below(numbers: Iterator[int], limit: int) -> int:
    """The next number of the stream in `[0, limit)`, each as likely as any other."""
    fair = _WORDS - _WORDS % limit
    return next(number for number in numbers if number < fair) % limit


def _stream(key: bytes) -> Iterator[int]:
    block = 0
    while True:
        digest = sha256(key + block.to_bytes(_WORD_BYTES, "big")).digest()
        for at in range(0, len(digest), _WORD_BYTES):
            yield int.from_bytes(digest[at : at + _WORD_BYTES], "big")
        block += 1


def _hash(*parts: bytes) -> bytes:
    """SHA-256 of the parts with their lengths, so that no two different lists of parts are the same bytes."""
    return sha256(b"".join(len(part).to_bytes(_WORD_BYTES, "big") + part for part in parts)).digest()
