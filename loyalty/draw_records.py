"""What is published of a draw: its terms, each ticket with the chain after it, and the result. CloudEvents 1.0.

Together they are all that anyone needs to check the draw (`loyalty.draw_checks`). Nobody is named: a ticket has a name
that only its holder can explain.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

DRAW_TYPE = "loyalty.draw."

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
"""SHA-256, in hex."""


class _Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """CloudEvents attributes; `subject` is the draw's reward id."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "tierstream"
    time: datetime
    subject: str


class OpenedData(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The terms: no ticket is sold from `closes_ms` of log time on. `beacon` says which public value is mixed in."""

    commitment: Digest
    closes_ms: int
    prizes: int
    beacon: str = ""


class TicketData(msgspec.Struct, frozen=True, gc=False):
    """A ticket: its number, from 1, its name, and the chain with it as the last link."""

    number: int
    ticket: str
    chain: Digest


class Winner(msgspec.Struct, frozen=True, gc=False):
    """Which ticket has won which prize, from 1."""

    prize: int
    number: int
    ticket: str


class ResultData(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that the winners follow from, and the winners. `beacon_value` is what the named beacon came to."""

    commitment: Digest
    seed: Digest
    tickets: int
    chain: Digest
    prizes: int
    winners: tuple[Winner, ...]
    beacon_value: str = ""


class DrawOpened(_Record, frozen=True, gc=False, kw_only=True, tag=DRAW_TYPE + "opened"):
    """A draw has been asked for its first ticket; these are its terms."""

    data: OpenedData


class TicketSold(_Record, frozen=True, gc=False, kw_only=True, tag=DRAW_TYPE + "ticket"):
    """A ticket was sold."""

    data: TicketData


class DrawResult(_Record, frozen=True, gc=False, kw_only=True, tag=DRAW_TYPE + "result"):
    """The seed is revealed, and with it who has won."""

    data: ResultData


DrawRecord = DrawOpened | TicketSold | DrawResult
DRAW_RECORDS = (DrawOpened, TicketSold, DrawResult)

_DECODER: msgspec.json.Decoder[DrawRecord] = msgspec.json.Decoder(DrawRecord)

encode_draw = msgspec.json.Encoder().encode
"""A draw record's one encoding, as bytes of JSON."""


def decode_draw(raw: bytes) -> DrawRecord:
    """Inverse of `encode_draw`; msgspec's errors say what is wrong with it."""
    return _DECODER.decode(raw)
