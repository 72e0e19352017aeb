"""The code of a version to come, for tests of upgrades: `python -m tests.support.next_code COMMAND ...`.

It is today's `tierstream` with two changes, made the way real ones will be: row format 2, in which an account's core
row begins with a word, and engine 2, which pays twice for purchases.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import msgspec

from features.rows import Read
from loyalty.account_rows import Core
from loyalty.core_row import CORE_ROW, Chunks, decode_core, decode_inside, encode_core
from loyalty.engine import apply_action
from loyalty.scope import Scope
from loyalty.weights import Weights
from streams import row_format
from streams.cli import main
from streams.state import core_member

NEXT_FORMAT = 2
NEXT_ENGINE = 2
_WORD = b"core"


def _encode(core: Core, chunks: Chunks) -> Iterator[tuple[bytes, bytes | None]]:
    for suffix, payload in encode_core(core, chunks):
        yield suffix, _WORD + (payload or b"") if suffix == CORE_ROW else payload


def _decode(payload: bytes, read: Read) -> tuple[Core, Chunks]:
    assert payload.startswith(_WORD)
    return decode_core(payload.removeprefix(_WORD), read)


def _decode_inside(payload: bytes) -> tuple[Core, bool]:
    return decode_inside(payload.removeprefix(_WORD))


def _upgrade(key: bytes, payload: bytes) -> bytes:
    """From format 1 to format 2."""
    return payload if core_member(key) is None else _WORD + payload


def _apply(account: Any, orders: Any, windows: Any, action: Any, scope: Scope, log_time_ms: int) -> Any:  # noqa: ANN401 - as apply_action
    """Decide under the engine that the policy names."""
    if scope.engine >= NEXT_ENGINE:
        twice = Weights(scope.weights.version, (("purchase", 20_000),), scope.weights.score_bp)
        scope = msgspec.structs.replace(scope, weights=twice)
    return apply_action(account, orders, windows, action, scope, log_time_ms)


@contextmanager
def next_code() -> Iterator[None]:
    """Run the block with the code to come."""
    changes: dict[str, object] = {
        "loyalty.account.encode_core": _encode,
        "loyalty.account.decode_core": _decode,
        "streams.sampled_audit.decode_inside": _decode_inside,
        "streams.row_format.ROW_FORMAT": NEXT_FORMAT,
        "streams.versions.ENGINES": (1, NEXT_ENGINE),
        "streams.intake.apply_action": _apply,
    }
    with ExitStack() as stack:
        for target, change in changes.items():
            stack.enter_context(patch(target, change))
        stack.enter_context(patch.dict(row_format.ROW_UPGRADES, {row_format.ROW_FORMAT - 1: _upgrade}))
        yield


if __name__ == "__main__":
    with next_code():
        main()
