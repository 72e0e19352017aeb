"""Breaks a clean history on purpose: adds duplicates and malformed records, the same ones each time.

Nothing of the clean history is taken away or moved, so its ledger must come out unchanged, and the accounting must find
exactly what was added.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

import msgspec

_PERCENT = 100
# A duplicate comes up to so many actions after the first of its kind, as with a producer that sends again.
_DUPLICATE_REACH = 64


class Broken(msgspec.Struct, frozen=True):
    """One line of a broken history and what it is: `clean`, `duplicate`, or `malformed`."""

    line: bytes
    kind: str


def break_history(
    lines: Iterable[bytes], *, duplicates_pct: int, malformed_pct: int, seed: int = 1
) -> Iterator[Broken]:
    """Yield the lines of a clean history in order, with duplicates and malformed records in between.

    Args:
        lines: CloudEvents, each valid and with an id of its own.
        duplicates_pct: Exact copies to add, in percent of the lines, about.
        malformed_pct: Malformed records to add, in percent of the lines, about; every way to be malformed takes turns.
        seed: Another number, other places.

    Example:
        >>> clean = [b'{"id":"%d"}' % number for number in range(1_000)]
        >>> broken = list(break_history(clean, duplicates_pct=5, malformed_pct=5))
        >>> [entry.line for entry in broken if entry.kind == "clean"] == clean
        True
        >>> [sum(entry.kind == kind for entry in broken) for kind in ("duplicate", "malformed")]
        [59, 49]
    """
    recent: deque[bytes] = deque(maxlen=_DUPLICATE_REACH)
    turn = 0
    for number, line in enumerate(lines):
        draw = int.from_bytes(blake2b(b"%d:%d" % (seed, number), digest_size=8).digest(), "big")
        yield Broken(line, "clean")
        recent.append(line)
        if draw % _PERCENT < duplicates_pct:
            yield Broken(recent[(draw // _PERCENT) % len(recent)], "duplicate")
        elif draw % _PERCENT < duplicates_pct + malformed_pct:
            yield Broken(_WAYS[turn % len(_WAYS)](line), "malformed")
            turn += 1


def _edited(**changes: object) -> Callable[[bytes], bytes]:
    """An event of its own id with some attributes changed; None removes one."""

    def edit(line: bytes) -> bytes:
        event = json.loads(line) | {"id": f"broken-{blake2b(line, digest_size=8).hexdigest()}"} | changes
        return json.dumps({name: value for name, value in event.items() if value is not None}).encode()

    return edit


# What producers get wrong. All of it must end in the dead-letter topic with a reason.
_WAYS: tuple[Callable[[bytes], bytes], ...] = (
    lambda line: line[: len(line) // 2],
    lambda line: b"\xff\xfe" + line,
    lambda _line: b"[1, 2, 3]",
    lambda _line: b"not json",
    _edited(subject=None),
    _edited(time=None),
    _edited(time="2017-02-30T00:00:00Z"),
    _edited(time="2017-03-01T12:00:00"),
    _edited(time="2099-01-01T00:00:00Z"),
    _edited(type="loyalty.action.teleport"),
    _edited(type="loyalty.action.purchase", data={"order_id": "o", "amount": -1, "currency": "USD"}),
    _edited(type="loyalty.action.purchase", data={"order_id": "o", "amount": 1.5, "currency": "USD"}),
    _edited(type="loyalty.action.purchase", data={"order_id": "o", "amount": 1, "currency": "dollars"}),
    _edited(type="loyalty.action.browse", data={}),
    _edited(type="loyalty.control.tick", data={"time_ms": 4_070_908_800_000}),
    _edited(specversion="0.3"),
)
