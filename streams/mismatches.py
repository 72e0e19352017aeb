"""What an audit may find: the kinds of mismatch, each with its cure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

MismatchKind = Literal[
    "unreadable_entry",
    "missing_entry",
    "foreign_entry",
    "changed_entry",
    "doubled_entry",
    "out_of_order",
    "wrong_sum",
    "wrong_balance",
    "wrong_lots",
    "wrong_row",
]

_REBUILD = (
    "the table is damaged: stop its worker, delete its data folder and start it; if it stays wrong, the changelog is: "
    "start the workers under a new app_id, and they fold the log anew and send the same entries again"
)
_SEND_AGAIN = "start the workers under a new app_id, and they send every entry again, in order"
CURES: Mapping[MismatchKind, str] = {
    "unreadable_entry": "something other than a worker writes to loyalty.points: take away its right to",
    "missing_entry": f"it was decided, its topic has lost it, and readers wait for its number: {_SEND_AGAIN}",
    "foreign_entry": "the log does not lead to it: something other than a worker wrote it, or code that decides "
    "otherwise under the same engine number; tell its readers to take it back",
    "changed_entry": "one number was delivered with two contents: a worker ran code that decides otherwise under the "
    "same engine number; roll it back, and tell readers which content follows from the log",
    "doubled_entry": "one entry stands under two numbers, so readers count it twice: correct it by an `adjust` action",
    "out_of_order": f"it comes only behind its successors, and readers have stopped before it: {_SEND_AGAIN}",
    "wrong_sum": "its balances are not the sum of the entries up to it: a bug of the engine; keep the recorded log, "
    "and correct the balance by an `adjust` action",
    "wrong_balance": _REBUILD,
    "wrong_lots": _REBUILD,
    "wrong_row": _REBUILD,
}


class Mismatch(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong. `member` is "" where it is about the partition."""

    kind: MismatchKind
    partition: int
    member: str
    detail: str
